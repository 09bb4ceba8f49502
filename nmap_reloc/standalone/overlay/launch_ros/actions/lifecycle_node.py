"""A node whose state the launch file can change and follow."""

from __future__ import annotations

import threading
from typing import Any

from launch import LaunchContext, SomeSubstitutionsType
from launch.actions import OpaqueFunction
from launch.event_handler import EventHandler
from launch.logging import get_logger
from launch_ros.actions.node import Node
from launch_ros.events.lifecycle import ChangeState, StateTransition
from launch_ros.ros_adapters import get_ros_node
from lifecycle_msgs.msg import TransitionEvent
from lifecycle_msgs.srv import ChangeState as ChangeStateService


class LifecycleNode(Node):
    """Obeys ChangeState events, emits StateTransition events."""

    def __init__(self, *, name: SomeSubstitutionsType, namespace: SomeSubstitutionsType,
                 **kwargs: Any) -> None:
        super().__init__(name=name, namespace=namespace, **kwargs)
        self._client: Any = None
        self._subscription: Any = None

    def execute(self, context: LaunchContext) -> None:
        self._perform_substitutions(context)
        node = get_ros_node(context)
        self._subscription = node.create_subscription(
            TransitionEvent, f"{self.node_name}/transition_event",
            lambda message: self._on_transition(context, message), 10)
        self._client = node.create_client(ChangeStateService, f"{self.node_name}/change_state")
        context.register_event_handler(EventHandler(
            matcher=lambda event: isinstance(event, ChangeState),
            entities=[OpaqueFunction(function=self._on_change_state)]))
        super().execute(context)

    def _on_transition(self, context: LaunchContext, message: TransitionEvent) -> None:
        """In the thread of the node."""
        loop = context.asyncio_loop
        if loop is not None:
            loop.call_soon_threadsafe(
                context.emit_event_sync, StateTransition(action=self, msg=message))

    def _on_change_state(self, context: LaunchContext) -> None:
        event: ChangeState = context.locals.event
        if event.lifecycle_node_matcher(self) and context.asyncio_loop is not None:
            request = ChangeStateService.Request()
            request.transition.id = event.transition_id
            context.add_completion_future(context.asyncio_loop.run_in_executor(
                None, self._change_state, context, request))

    def _change_state(self, context: LaunchContext, request: Any) -> None:
        """In a thread of its own: wait for the node, ask, wait for the answer."""
        logger = get_logger("launch_ros.actions.lifecycle_node")
        asked = ChangeState.valid_transitions[request.transition.id]
        while not self._client.wait_for_service(timeout_sec=1.0):
            if self._over(context, "service"):
                return
        answered = threading.Event()
        future = self._client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        while not answered.wait(1.0):
            if self._over(context, "service response"):
                future.cancel()
                return
        if not future.result().success:
            logger.error(f"Failed to make transition '{asked}' for LifecycleNode "
                         f"'{self.node_name}'")

    def _over(self, context: LaunchContext, what: str) -> bool:
        """Whether there is nobody left to wait for."""
        future = self.get_asyncio_future()
        if context.is_shutdown:
            why = "shutdown"
        elif future is not None and future.done():
            why = f"the end of '{self.node_name}'"
        else:
            return False
        get_logger("launch_ros.actions.lifecycle_node").warning(
            f"Abandoning wait for the '{self._client.srv_name}' {what}, due to {why}.")
        return True
