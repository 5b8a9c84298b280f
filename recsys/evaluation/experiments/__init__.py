"""Experiments: what users did in each arm, how sure it is, and what follows."""
