"""Asks a site's content API what it knows of items, gently, and keeps account of what it did not say."""
