"""``nmap-reloc launch``"""

from __future__ import annotations

from typing import Annotated

import typer


def launch(
    words: Annotated[list[str], typer.Argument(
        metavar="[PACKAGE] FILE [NAME:=VALUE]...",
        help="A launch file, by path or by its name in the package (reloc.launch.py), and its "
             "arguments.")],
    show_args: Annotated[bool, typer.Option(
        "--show-args", "-s", help="Show the launch file's arguments.")] = False,
    debug: Annotated[bool, typer.Option(
        "--debug", "-d", help="More about what the launch system does.")] = False,
    noninteractive: Annotated[bool, typer.Option(
        "--noninteractive", "-n", help="No terminal sends Ctrl-C to the nodes. Default: where "
        "the input is no terminal.")] = False,
) -> None:
    """Start nodes by a launch file, as `ros2 launch` does.

    Example: nmap-reloc launch reloc.launch.py map:=/maps/site image:=/camera/image_raw
    """
    from nmap_reloc.standalone.verbs.launch import launch as run

    raise typer.Exit(run(words, show_arguments=show_args, debug=debug,
                         noninteractive=noninteractive))
