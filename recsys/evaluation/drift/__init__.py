"""Drift: how far today lies from what was learned from, and what of it is new."""
