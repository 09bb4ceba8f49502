"""``nmap-reloc play``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nmap_reloc.errors import NmapError


def play(
    bag: Annotated[Path, typer.Argument(help="A recording: a folder, .mcap or .db3.")],
    rate: Annotated[float, typer.Option("--rate", "-r", help="Speed: 2 is twice as fast.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", "-l", help="Again and again.")] = False,
    clock: Annotated[bool, typer.Option("--clock", help="Publish the recorded time on /clock.")
                     ] = False,
    start_offset: Annotated[float, typer.Option(min=0.0, help="Seconds to leave out at the start.")
                            ] = 0.0,
    topics: Annotated[list[str] | None, typer.Option(
        "--topics", "-t", help="Play only this topic (repeat for more).")] = None,
    remap: Annotated[list[str] | None, typer.Option(
        "--remap", "-m", help="OLD:=NEW: play a topic under another name (repeat for more).")
    ] = None,
    wait_for_subscribers: Annotated[list[str] | None, typer.Option(
        help="Begin when somebody has subscribed this topic (repeat for more).")] = None,
    wait_timeout: Annotated[float, typer.Option(help="Seconds until that is given up.")] = 60.0,
) -> None:
    """Publish a recording's messages as they were recorded, as `ros2 bag play` does."""
    from nmap_reloc.standalone.verbs.play import PlayOptions
    from nmap_reloc.standalone.verbs.play import play as run

    if rate <= 0:
        raise NmapError(f"--rate {rate:g}: not a speed; give a number above 0")
    pairs = [(old, new) for old, _, new in (rule.partition(":=") for rule in remap or ())]
    if not all(old and new for old, new in pairs):
        raise NmapError(f"--remap {' '.join(remap or ())}: write it like /old/name:=/new/name")
    run(bag, PlayOptions(rate, loop, clock, start_offset, tuple(topics or ()), tuple(pairs),
                         tuple(wait_for_subscribers or ()), wait_timeout))
