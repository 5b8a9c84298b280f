"""What comes next in a session, at request time: one code for judging offline and for answering online.

Importing is light: numpy is loaded with the first model.
"""
