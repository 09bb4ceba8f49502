"""A node of the launch process itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from launch import LaunchContext
from launch.event_handlers import OnShutdown
from launch.events import Shutdown
from launch.logging import get_logger
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor


class ROSAdapter:
    """A node that is spun in a thread until shutdown()."""

    def __init__(self, *, argv: list[str] | None = None,
                 on_failure: Callable[[Exception], None] | None = None) -> None:
        self.ros_context = Context()
        rclpy.init(args=argv or [], context=self.ros_context)
        self.ros_node = rclpy.create_node(f"launch_ros_{os.getpid()}", context=self.ros_context)
        self.ros_executor = SingleThreadedExecutor(context=self.ros_context)
        self.ros_executor.add_node(self.ros_node)
        self._running = True
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._spin, name="launch_ros", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        # In steps: entities that other threads add are seen at the next one.
        try:
            while self._running:
                self.ros_executor.spin_once(timeout_sec=0.2)
        except Exception as problem:  # without it no lifecycle node is heard any more
            if self._on_failure is None:
                raise
            self._on_failure(problem)

    def shutdown(self) -> None:
        self._running = False
        self._thread.join()
        self.ros_executor.remove_node(self.ros_node)
        self.ros_node.destroy_node()
        rclpy.shutdown(context=self.ros_context)


def get_ros_adapter(context: LaunchContext) -> ROSAdapter:
    """That of the context; made when first asked for."""
    known: Any = context.get_locals_as_dict().get("ros_adapter")
    if known is not None:
        return known

    def failed(problem: Exception) -> None:
        loop = context.asyncio_loop
        get_logger("launch_ros").error(f"the node of the launch failed: {problem!r}")
        if loop is not None:
            loop.call_soon_threadsafe(context.emit_event_sync, Shutdown(reason=str(problem)))

    adapter = ROSAdapter(on_failure=failed)
    context.extend_globals({"ros_adapter": adapter})
    context.register_event_handler(OnShutdown(
        on_shutdown=lambda event, context: adapter.shutdown(), handle_once=True))
    return adapter


def get_ros_node(context: LaunchContext) -> Any:
    return get_ros_adapter(context).ros_node
