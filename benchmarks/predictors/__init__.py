"""How good the predictors' probabilities are, beside baselines, and how fast they come."""
