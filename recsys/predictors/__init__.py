"""Purchase intent of a session and click probability of an impression: how they are trained and judged.

What they look at, and what a fitted one says, is ``recsys.serving.predicting``: the web service uses the same code.
"""
