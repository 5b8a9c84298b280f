"""Purchase intent of a session and click probability of an impression."""
