"""One release as one read-only file on this host, mapped into memory and shared by all workers of the web service."""

from recsys.serving.snapshot.snapshot import Snapshot

__all__ = ["Snapshot"]
