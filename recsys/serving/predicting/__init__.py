"""Predictions at request time: what a session or a row looks like to a model, and what the model says of it.

Training imports the same functions from here, so that there is one body of code for both. Importing is light: numpy
and CatBoost are loaded with the first model.
"""
