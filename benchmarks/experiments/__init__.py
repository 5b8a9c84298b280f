"""How often experiments are decided rightly, how soon, and how far off-policy estimates are from the truth."""
