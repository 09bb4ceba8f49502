"""Why a transform cannot be given."""

from __future__ import annotations

# The names are those of tf2.


class TransformException(Exception):  # noqa: N818
    """What all of them are."""


class ConnectivityException(TransformException):
    """Two frames are not part of the same tree."""


class LookupException(TransformException):
    """A frame does not exist."""


class ExtrapolationException(TransformException):
    """A time lies outside of what the buffer holds."""


class InvalidArgumentException(TransformException):
    """A frame has no valid name."""


class TimeoutException(TransformException):
    """The time given ran out."""
