"""rclpy.utilities: the default context, and what remains of the arguments."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclpy._arguments import non_ros_arguments
from rclpy._rclpy_pybind11 import rclpy_get_rmw_implementation_identifier
from rclpy.constants import S_TO_NS

if TYPE_CHECKING:
    from rclpy.context import Context

_default: Context | None = None
_lock = threading.Lock()


def get_default_context(*, shutting_down: bool = False) -> Context:
    """The context of the process; shutting_down: the next call gives a new one."""
    global _default
    from rclpy.context import Context

    with _lock:
        context = _default = _default or Context()
        if shutting_down:
            _default = None
        return context


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """The arguments (of sys.argv unless given) without those between --ros-args and --."""
    return non_ros_arguments(sys.argv if args is None else args)


def ok(*, context: Context | None = None) -> bool:
    """Says whether the context is initialized and not shut down."""
    return (get_default_context() if context is None else context).ok()


def shutdown(*, context: Context | None = None) -> None:
    """The end; raises where there is nothing to end."""
    (get_default_context(shutting_down=True) if context is None else context).shutdown()


def try_shutdown(*, context: Context | None = None) -> None:
    """The end, where it has not come yet."""
    global _default
    if context is not None:
        context.try_shutdown()
        return
    default = get_default_context()
    default.try_shutdown()
    with _lock:
        if _default is default:
            _default = None


def get_rmw_implementation_identifier() -> str:
    """The middleware whose mapping of names and types is spoken."""
    return rclpy_get_rmw_implementation_identifier()


def timeout_sec_to_nsec(timeout_sec: float | None) -> int:
    """Seconds -> nanoseconds; None and negative: -1, for ever."""
    return -1 if timeout_sec is None or timeout_sec < 0 else int(float(timeout_sec) * S_TO_NS)
