"""rclpy.lifecycle.node: a node whose work is configured, activated and ended from outside."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lifecycle_msgs.msg import Transition
from rclpy._rclpy_pybind11 import RCLError
from rclpy.lifecycle import _state_machine as states
from rclpy.lifecycle._interface import CommunicationInterface
from rclpy.lifecycle._state_machine import (
    LifecycleState,
    LifecycleTransition,
    StateMachine,
    TransitionCallbackReturn,
)
from rclpy.lifecycle.managed_entity import ManagedEntity
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.node import Node

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.qos import QoSProfile

# The callback that does the work of a transition state.
_CALLBACKS = {states.CONFIGURING: "on_configure", states.CLEANINGUP: "on_cleanup",
              states.SHUTTINGDOWN: "on_shutdown", states.ACTIVATING: "on_activate",
              states.DEACTIVATING: "on_deactivate", states.ERRORPROCESSING: "on_error"}
_SHUTDOWNS = {states.UNCONFIGURED: Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
              states.INACTIVE: Transition.TRANSITION_INACTIVE_SHUTDOWN,
              states.ACTIVE: Transition.TRANSITION_ACTIVE_SHUTDOWN}


class LifecycleNodeMixin(ManagedEntity):
    """What a managed node adds to Node; only useful beside Node."""

    if TYPE_CHECKING:  # what Node provides
        get_logger: Callable[[], Any]
        destroy_publisher: Callable[[Any], bool]

    def __init__(self, *, enable_communication_interface: bool = True,
                 callback_group: CallbackGroup | None = None) -> None:
        if not isinstance(self, Node):
            raise RuntimeError("LifecycleNodeMixin uses Node fields so Node needs to be in the "
                               "inheritance tree.")
        self._managed_entities: list[ManagedEntity] = []
        self._state_machine = StateMachine(self.__announce)
        self._lifecycle_interface: CommunicationInterface | None = None
        if enable_communication_interface:
            self._lifecycle_interface = CommunicationInterface(
                self, self._state_machine,
                lambda number: self.__change_state(number) == TransitionCallbackReturn.SUCCESS,
                callback_group)

    def trigger_configure(self) -> TransitionCallbackReturn:
        """unconfigured -> inactive; here and below: what the callback answered."""
        return self.__change_state(Transition.TRANSITION_CONFIGURE)

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        """inactive -> unconfigured."""
        return self.__change_state(Transition.TRANSITION_CLEANUP)

    def trigger_activate(self) -> TransitionCallbackReturn:
        """inactive -> active."""
        return self.__change_state(Transition.TRANSITION_ACTIVATE)

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        """active -> inactive."""
        return self.__change_state(Transition.TRANSITION_DEACTIVATE)

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """-> finalized. RCLError from a state that has no way there."""
        state = self._state_machine.state
        if state not in _SHUTDOWNS:
            raise RCLError(f"Shutdown transition not possible from state {state.label}")
        return self.__change_state(_SHUTDOWNS[state])

    def add_managed_entity(self, entity: ManagedEntity) -> None:
        """Lets an entity follow this node's life cycle."""
        if not isinstance(entity, ManagedEntity):
            raise TypeError("Expected a rclpy.lifecycle.ManagedEntity instance.")
        if entity not in self._managed_entities:
            self._managed_entities.append(entity)

    def create_lifecycle_publisher(self, msg_type: type, topic: str,
                                   qos_profile: QoSProfile | int, **kwargs: Any
                                   ) -> LifecyclePublisher:
        """A publisher that is silent until the node is active."""
        publisher = Node.create_publisher(self, msg_type, topic, qos_profile,
                                          publisher_class=LifecyclePublisher, **kwargs)
        self.add_managed_entity(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher: LifecyclePublisher) -> bool:
        """Destroys one that create_lifecycle_publisher made."""
        if publisher in self._managed_entities:
            self._managed_entities.remove(publisher)
        return self.destroy_publisher(publisher)

    # What a derived class overrides: it calls these where its publishers shall follow.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """state, here and below: the one the node comes from."""
        return self.__ask_entities("on_configure", state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self.__ask_entities("on_cleanup", state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self.__ask_entities("on_shutdown", state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self.__ask_entities("on_activate", state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self.__ask_entities("on_deactivate", state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """SUCCESS: recovered, the node is unconfigured again; else it is finalized."""
        return self.__ask_entities("on_error", state)

    def __ask_entities(self, callback: str, state: LifecycleState) -> TransitionCallbackReturn:
        """SUCCESS, or the first other answer; the entities behind that one are not asked."""
        for entity in self._managed_entities:
            answer = getattr(entity, callback)(state)
            if not isinstance(answer, TransitionCallbackReturn):
                raise TypeError(f"{callback}() of {entity!r} returned {answer!r}, which is no "
                                "TransitionCallbackReturn")
            if answer != TransitionCallbackReturn.SUCCESS:
                return answer
        return TransitionCallbackReturn.SUCCESS

    def __change_state(self, transition_id: int) -> TransitionCallbackReturn:
        """Takes a transition, runs its callback and leaves by the way that this one answers."""
        machine = self._state_machine
        initial = machine.state
        transition = machine.find(transition_id)
        if transition is None:
            self.get_logger().error(
                f"Unable to start transition {transition_id} from current state {initial.label}")
            return TransitionCallbackReturn.ERROR
        machine.take(transition)
        answer = self.__run_callback(initial)
        machine.leave(answer.to_label())
        if machine.state == states.ERRORPROCESSING:
            machine.leave(self.__run_callback(initial).to_label())
        return answer

    def __run_callback(self, initial: LifecycleState) -> TransitionCallbackReturn:
        """The answer of the present state's callback; ERROR where it raises."""
        name = _CALLBACKS[self._state_machine.state]
        try:
            answer = getattr(self, name)(initial)
        except Exception:
            self.get_logger().error(f"{name}() raised:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        if not isinstance(answer, TransitionCallbackReturn):
            self.get_logger().error(
                f"{name}() returned {answer!r}, which is no TransitionCallbackReturn")
            return TransitionCallbackReturn.ERROR
        return answer

    def __announce(self, transition: LifecycleTransition) -> None:
        if self._lifecycle_interface is not None:
            self._lifecycle_interface.announce(transition)


class LifecycleNode(LifecycleNodeMixin, Node):
    """A managed node; what the mixin and Node both have is the mixin's."""

    def __init__(self, node_name: str, *, enable_communication_interface: bool = True,
                 **kwargs: Any) -> None:
        """kwargs: those of Node."""
        Node.__init__(self, node_name, **kwargs)
        LifecycleNodeMixin.__init__(
            self, enable_communication_interface=enable_communication_interface)
