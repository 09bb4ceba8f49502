"""``nmap-reloc node``"""

from __future__ import annotations

from typing import Annotated

import typer


def list_nodes(
    hidden: Annotated[bool, typer.Option("--all", "-a", help="Hidden ones, too.")] = False,
) -> None:
    """Print the names of running nodes."""
    from nmap_reloc.standalone.verbs import node

    node.list_nodes(hidden)


def info(name: Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.")]) -> None:
    """Print what a node subscribes, publishes, offers and uses."""
    from nmap_reloc.standalone.verbs import node

    node.info(name)
