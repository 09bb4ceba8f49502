"""``nmap-reloc map update SITE NEW_IMAGES``"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer


def update(
    site: Annotated[Path, typer.Argument(help="Folder of the map.")],
    source: Annotated[Path, typer.Argument(
        metavar="NEW_IMAGES", help="A source as `map build` takes it, whose poses are in the "
                                   "map's frame.")],
    kind: Annotated[str | None, typer.Option(
        help="Kind of the source; default: detected.")] = None,
    held_out: Annotated[int | None, typer.Option(
        min=0, help="New views kept out to check the map; default: one in twenty, 8 at most.",
    )] = None,
    option: Annotated[list[str] | None, typer.Option(
        "--option", help="NAME=VALUE for this kind of source; may be repeated.")] = None,
    work: Annotated[Path | None, typer.Option(
        help="Folder of the build's stage files; default: SITE.work.")] = None,
    backend: Annotated[str, typer.Option(help="What runs the networks.")] = "auto",
    decoder: Annotated[Path | None, typer.Option(
        help="Folder of the decoder's networks, where not the shipped ones.")] = None,
) -> None:
    """Put new images into a map: a new version, in which only the tiles they change are new.

    Where the new images look again at a place, what they see there replaces what was there;
    landmarks that no new image looks at stay. Other tiles keep their bytes, so that robots fetch
    only what changed. It needs the stage files that `map build` left in SITE.work; an
    interrupted update resumes, and a rerun with the same images does nothing.
    """
    from rich.console import Console

    from nmap_reloc.cli.map_build import pairs
    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.record import BuildRecord, work_folder
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.update import update_site
    from nmap_reloc.maps.store import Site
    from nmap_reloc.text import percent, size

    say = Console(stderr=True)
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING)
    work = work or work_folder(site)
    there = Site.open(site)
    record = BuildRecord.of(there, work)
    opened = open_source(source, kind=kind, **pairs(option or []))
    for warning in opened.warnings:
        say.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    extractor = open_extractor(there.manifest.features, record.keypoints, backend)
    done = update_site(site, opened, extractor, work, decoder, held_out)
    if done is None:
        say.print(f"{site}: has these images already, nothing to do", markup=False,
                  soft_wrap=True)
        return
    manifest = done.site.manifest
    names = ", ".join(done.made[:8]) + (", …" if len(done.made) > 8 else "")
    Console().print(
        f"{site}: version {manifest.map_version}, {size(done.site.bytes())}; "
        f"{len(done.made)} tiles made ({names or 'none'}), {len(done.removed)} removed, "
        f"{done.kept} kept as they were; {done.gone} landmarks gone, {done.outdated} old views "
        f"outdated; held-out views found again: {percent(manifest.built.get('recall'))}",
        markup=False, soft_wrap=True)
