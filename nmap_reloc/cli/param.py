"""``nmap-reloc param``"""

from __future__ import annotations

from typing import Annotated

import typer

Node = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node.")]


def list_parameters(
    name: Annotated[str | None, typer.Argument(metavar="[NODE]", help="Name of the node; "
                                               "default: all.")] = None,
) -> None:
    """Print the names of a node's parameters."""
    from nmap_reloc.standalone.verbs import param

    param.list_parameters(name)


def get(name: Node, parameter: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Print a parameter's value."""
    from nmap_reloc.standalone.verbs import param

    param.get(name, parameter)


def change(
    name: Node,
    parameter: Annotated[str, typer.Argument(help="Its name.")],
    value: Annotated[str, typer.Argument(help="As YAML: 3, 0.5, true, text, '[1, 2]'. (Before a "
                                         "negative number, write -- .)")],
) -> None:
    """Set a parameter of a running node."""
    from nmap_reloc.standalone.verbs import param

    param.change(name, parameter, value)


def describe(
    name: Node,
    parameters: Annotated[list[str], typer.Argument(metavar="PARAMETER...", help="Their names.")],
) -> None:
    """Print type, description and limits of parameters."""
    from nmap_reloc.standalone.verbs import param

    param.describe(name, parameters)
