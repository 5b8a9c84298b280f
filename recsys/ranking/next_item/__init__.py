"""What comes next in a sequence of items: of a session, or of all that a user did where only the order is known."""
