"""``nmap-reloc service``"""

from __future__ import annotations

from typing import Annotated

import typer


def list_services(
    types: Annotated[bool, typer.Option("--show-types", "-t", help="With their types.")] = False,
) -> None:
    """Print the services that running nodes offer."""
    from nmap_reloc.standalone.verbs import service

    service.list_services(types)


def call(
    name: Annotated[str, typer.Argument(help="Name of the service.")],
    kind: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Such as "
                    "std_srvs/srv/Trigger; default: that of the running service.")] = None,
    values: Annotated[str, typer.Argument(help="Fields of the request as YAML.")] = "{}",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 10.0,
) -> None:
    """Call a service and print what it answers."""
    from nmap_reloc.standalone.verbs import service

    service.call_service(name, kind, values, timeout)
