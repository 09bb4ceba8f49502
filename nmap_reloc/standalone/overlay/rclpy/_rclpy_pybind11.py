"""The exceptions that the real rclpy defines in its compiled part."""

from __future__ import annotations

RMW_IMPLEMENTATION = "rmw_cyclonedds_cpp"


class RCLError(RuntimeError):
    """An operation that the client library refused."""


class RCLInvalidROSArgsError(RCLError):
    """A ROS argument that cannot be read: a remap rule, a parameter, a params file."""


class UnknownROSArgsError(RuntimeError):
    """Something after --ros-args that is no ROS argument."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(f"Found unknown ROS arguments: {arguments!r}")


class NodeNameNonExistentError(RCLError):
    """A node that nobody on this domain has."""


class InvalidHandle(RuntimeError):  # noqa: N818 (the real name)
    """Something that was destroyed is used."""


def rclpy_get_rmw_implementation_identifier() -> str:
    """The middleware whose mapping of names and types is spoken."""
    return RMW_IMPLEMENTATION
