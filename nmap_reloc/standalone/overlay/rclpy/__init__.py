"""The ROS client library for Python, over Cyclone DDS: what this package uses of rclpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.context import Context
from rclpy.signals import (
    SignalHandlerOptions,
    install_signal_handlers,
    uninstall_signal_handlers,
)
from rclpy.utilities import (
    get_default_context,
    get_rmw_implementation_identifier,
    ok,
    try_shutdown,
)
from rclpy.utilities import shutdown as _shutdown

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.node import Node
    from rclpy.task import Future

__all__ = ["create_node", "get_default_context", "get_global_executor",
           "get_rmw_implementation_identifier", "init", "ok", "shutdown", "spin", "spin_once",
           "spin_until_future_complete", "try_shutdown"]

_executor: Executor | None = None


def init(*, args: list[str] | None = None, context: Context | None = None,
         domain_id: int | None = None,
         signal_handler_options: SignalHandlerOptions | None = None) -> None:
    """Reads the ROS arguments (of sys.argv unless given) and handles signals.

    signal_handler_options: for the default context SIGINT and SIGTERM, for others none, unless
    given.
    """
    default = get_default_context()
    context = default if context is None else context
    if signal_handler_options is None:
        signal_handler_options = SignalHandlerOptions.ALL if context is default \
            else SignalHandlerOptions.NO
    context.init(args, domain_id=domain_id)
    install_signal_handlers(signal_handler_options)


def get_global_executor() -> Executor:
    """The executor of the spin functions."""
    global _executor
    if _executor is None or not _executor.context.ok():
        from rclpy.executors import SingleThreadedExecutor

        executor = _executor = SingleThreadedExecutor()
        # It may run a callback that waits for this very shutdown: no waiting for its end.
        executor.context.on_shutdown(lambda: _forget(executor))
    return _executor


def _forget(executor: Executor) -> None:
    global _executor
    executor.shutdown(timeout_sec=0)
    if _executor is executor:
        _executor = None


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """The end; raises where there is nothing to end. Signals get their old meaning back where it
    is the default context's end, unless told otherwise."""
    default = context is None or context is get_default_context()
    _shutdown(context=context)
    if uninstall_handlers or (uninstall_handlers is None and default):
        uninstall_signal_handlers()


def create_node(node_name: str, **kwargs: Any) -> Node:
    """A node; see rclpy.node.Node for the arguments."""
    from rclpy.node import Node

    return Node(node_name, **kwargs)


def spin_once(node: Node, *, executor: Executor | None = None,
              timeout_sec: float | None = None) -> None:
    """Waits for one callback (None: however long) and runs it."""
    executor = get_global_executor() if executor is None else executor
    try:
        executor.add_node(node)
        executor.spin_once(timeout_sec=timeout_sec)
    finally:
        executor.remove_node(node)


def spin(node: Node, executor: Executor | None = None) -> None:
    """Runs callbacks until the context is shut down."""
    executor = get_global_executor() if executor is None else executor
    try:
        executor.add_node(node)
        while executor.context.ok():
            executor.spin_once()
    finally:
        executor.remove_node(node)


def spin_until_future_complete(node: Node, future: Future, executor: Executor | None = None,
                               timeout_sec: float | None = None) -> None:
    """Runs callbacks until the future is done, or the time is over."""
    executor = get_global_executor() if executor is None else executor
    added = False
    try:
        added = executor.add_node(node)
        executor.spin_until_future_complete(future, timeout_sec)
    finally:
        if added:
            executor.remove_node(node)
