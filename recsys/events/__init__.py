"""What happened. Only the wire models are exported here, so that importing the folder stays light."""

from recsys.events.model import Event, Impression, Interaction, ItemUpdate

__all__ = ["Event", "Impression", "Interaction", "ItemUpdate"]
