"""A topic's messages: how they are read, kept as they came, and told as events."""
