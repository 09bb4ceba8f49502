"""``nmap-reloc lifecycle``"""

from __future__ import annotations

from typing import Annotated

import typer

Node = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.")]


def nodes() -> None:
    """Print the lifecycle nodes."""
    from nmap_reloc.standalone.verbs import lifecycle

    lifecycle.nodes()


def get(
    name: Annotated[str | None, typer.Argument(metavar="[NODE]", help="Name of the node; "
                                               "default: all.")] = None,
) -> None:
    """Print the state of a lifecycle node."""
    from nmap_reloc.standalone.verbs import lifecycle

    lifecycle.get(name)


def list_transitions(name: Node) -> None:
    """Print what a lifecycle node can do in its present state."""
    from nmap_reloc.standalone.verbs import lifecycle

    lifecycle.list_transitions(name)


def change(
    name: Node,
    transition: Annotated[str, typer.Argument(help="configure, activate, deactivate, cleanup, "
                                              "shutdown, or a number.")],
    timeout: Annotated[float, typer.Option(help="Seconds that it may take.")] = 60.0,
) -> None:
    """Make a lifecycle node do a transition."""
    from nmap_reloc.standalone.verbs import lifecycle

    lifecycle.change(name, transition, timeout)
