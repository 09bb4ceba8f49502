"""``nmap-reloc service``: which services there are, and what they answer."""

from __future__ import annotations

from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.verbs.plain import fill, to_yaml
from nmap_reloc.standalone.verbs.session import (
    absolute,
    call,
    service_class,
    session,
    settle,
    until,
)


def list_services(types: bool) -> None:
    """Print the services, each with its types if asked for."""
    with session("service") as node:
        found = settle(node, lambda: dict(node.get_service_names_and_types()))
        for name, kinds in sorted(found.items()):
            print(f"{name} [{', '.join(kinds)}]" if types else name)


def call_service(name: str, kind: str | None, values: str, seconds: float) -> None:
    """Call a service and print its response. NmapError: there is none, or no answer."""
    name = absolute(name)
    with session("service") as node:
        service = service_class(kind or _type(node, name))
        request = fill(service.Request(), values)
        print(to_yaml(call(node, name, service, request, seconds)), end="")


def _type(node: Any, name: str) -> str:
    def kinds() -> list[str]:
        return dict(node.get_service_names_and_types()).get(name, [])

    if not until(node, lambda: bool(kinds())):
        raise NmapError(f"{name}: no such service; see `nmap-reloc service list`")
    return kinds()[0]
