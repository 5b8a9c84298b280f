"""Releases under strain: switched under load, killed while published, published by the million, cleaned after ten."""
