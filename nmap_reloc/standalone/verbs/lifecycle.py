"""``nmap-reloc lifecycle``: states of lifecycle nodes, and their transitions."""

from __future__ import annotations

from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.verbs.session import call, find_node, service_class, session, settle

GET_STATE = "lifecycle_msgs/srv/GetState"


def nodes() -> None:
    """Print the lifecycle nodes."""
    with session("lifecycle") as node:
        for name in settle(node, lambda: _lifecycle_nodes(node)):
            print(name)


def _lifecycle_nodes(node: Any) -> list[str]:
    return sorted(service.removesuffix("/get_state")
                  for service, kinds in node.get_service_names_and_types()
                  if service.endswith("/get_state") and GET_STATE in kinds)


def get(name: str | None) -> None:
    """Print the state of a node, or of all lifecycle nodes."""
    with session("lifecycle") as node:
        if name is not None:
            print(_state(node, find_node(node, name)))
            return
        for one in settle(node, lambda: _lifecycle_nodes(node)):
            print(f"{one}: {_state(node, one)}")


def _state(node: Any, name: str) -> str:
    kind = service_class(GET_STATE)
    state = call(node, f"{name}/get_state", kind, kind.Request()).current_state
    return f"{state.label} [{state.id}]"


def _available(node: Any, name: str) -> list[Any]:
    kind = service_class("lifecycle_msgs/srv/GetAvailableTransitions")
    return list(call(node, f"{name}/get_available_transitions", kind,
                     kind.Request()).available_transitions)


def list_transitions(name: str) -> None:
    """Print what a node can do in its present state."""
    with session("lifecycle") as node:
        for one in _available(node, find_node(node, name)):
            print(f"- {one.transition.label} [{one.transition.id}]\n"
                  f"\tStart: {one.start_state.label}\n\tGoal: {one.goal_state.label}")


def change(name: str, transition: str, seconds: float) -> None:
    """Make a transition, given by label or number. NmapError: not possible now, or it failed."""
    with session("lifecycle") as node:
        full = find_node(node, name)
        available = {str(key): one.transition for one in _available(node, full)
                     for key in (one.transition.id, one.transition.label)}
        if transition not in available:
            labels = sorted({one.label for one in available.values()})
            raise NmapError(f"{transition}: {full} is {_state(node, full)} and can't do that now; "
                            f"it can: {', '.join(labels) or 'nothing'}")
        kind = service_class("lifecycle_msgs/srv/ChangeState")
        request = kind.Request()
        request.transition.id = available[transition].id
        if not call(node, f"{full}/change_state", kind, request, seconds).success:
            raise NmapError(f"{transition}: {full} refused or failed and is {_state(node, full)}; "
                            "its own output says why")
        print("Transitioning successful")
