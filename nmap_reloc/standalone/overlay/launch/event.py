"""Something that happened, or is asked for."""

from __future__ import annotations


class Event:
    """Base of all events."""

    name = "launch.Event"
