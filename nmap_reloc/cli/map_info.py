"""``nmap-reloc map info``: what is in a map, and what each part of it weighs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmap_reloc import text

if TYPE_CHECKING:
    from rich.table import Table

    from nmap_reloc.maps.store import Site


def info(
    site: Annotated[Path, typer.Argument(help="Folder of the map.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what is in a map: its origin, its size by part and its tiles."""
    from nmap_reloc.maps.store import Site

    opened = Site.open(site)
    facts = _facts(opened)
    if json:
        from json import dumps

        typer.echo(dumps(facts, indent=2))
        return
    from rich.console import Console

    console = Console()
    console.print(_summary(facts))
    console.print(_tiles(facts))


def _facts(site: Site) -> dict[str, Any]:
    manifest = site.manifest
    return {
        "path": str(site.path), "site_id": manifest.site_id, "map_version": manifest.map_version,
        "frame": manifest.frame, "unit": manifest.unit, "features": manifest.features,
        "representation": manifest.representation, "extractor_hash": manifest.extractor_hash,
        "decoder_hash": manifest.decoder_hash, "built": manifest.built,
        "signed": manifest.signature is not None, "bytes": site.bytes(),
        "bytes_by_part": site.bytes_by_part(),
        "verification_bytes": manifest.verification.bytes if manifest.verification else 0,
        "tiles": [{"id": tile.id, "bounds": [list(tile.low), list(tile.high)],
                   "bytes": tile.bytes, "representation": tile.representation,
                   "neighbours": list(tile.neighbours), "recall": tile.recall,
                   "file": tile.file} for tile in manifest.tiles]}


def _summary(facts: dict[str, Any]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{escape(facts['site_id'])}, version {facts['map_version']}",
                  title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    unit = "metres" if facts["unit"] == "metre" else "arbitrary (known up to scale)"
    rows = [("size", text.size(facts["bytes"])),
            *((f"  {part}", text.size(count)) for part, count in facts["bytes_by_part"].items()),
            ("representation", facts["representation"]), ("features", facts["features"]),
            ("frame", facts["frame"]), ("unit", unit),
            ("extractor weights", facts["extractor_hash"][:12] or "none"),
            ("decoder weights", facts["decoder_hash"][:12] or "none"),
            ("signed", "yes" if facts["signed"] else "no"),
            *((f"built: {name}", _shown(name, value))
              for name, value in sorted(facts["built"].items())),
            ("held-out views", f"{text.size(facts['verification_bytes'])} (not part of the size)"
             if facts["verification_bytes"] else "none recorded")]
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table


def _shown(name: str, value: Any) -> str:
    if name == "recall" and isinstance(value, float):
        return text.percent(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def _tiles(facts: dict[str, Any], most: int = 20) -> Table:
    from rich.markup import escape
    from rich.table import Table

    more = len(facts["tiles"]) - most
    table = Table(title="tiles", title_justify="left", pad_edge=False,
                  caption=f"and {more} more (--json lists all)" if more > 0 else None)
    for heading in ("tile", "representation", "extent", "size", "recall"):
        table.add_column(heading, justify="right" if heading in ("size", "recall") else "left")
    for tile in facts["tiles"][:most]:
        low, high = tile["bounds"]
        extent = " x ".join(f"{b - a:.3g}" for a, b in zip(low, high))
        table.add_row(escape(tile["id"]), escape(tile["representation"]), extent,
                      text.size(tile["bytes"]), text.percent(tile["recall"]))
    return table
