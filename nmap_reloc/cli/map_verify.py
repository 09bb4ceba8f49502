"""``nmap-reloc map verify``: are a map's files whole, and does it localize as when built?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmap_reloc.errors import NmapError
from nmap_reloc.text import percent, size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from nmap_reloc.maps.verification import VerifyReport


def verify(
    site: Annotated[Path, typer.Argument(help="Folder of the map.")],
    files_only: Annotated[bool, typer.Option(
        "--files-only", help="Check the files; don't localize the held-out views.")] = False,
    decoder: Annotated[Path | None, typer.Option(
        help="Folder of the networks the map was built with, where not the shipped ones.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Check a map's files and localize the views that were held out when it was built.

    Exit code 0 when every file is whole and recall is at most 5 points below what the build
    recorded, else 1. Errors may be a tenth larger than there: another processor or solver.
    """
    from nmap_reloc.maps.verification import verify_site
    from nmap_reloc.progress import track

    report = verify_site(site, relocalize=not files_only, weights=decoder,
                         progress=lambda views: track(views, "localizing held-out views"))
    if json:
        from json import dumps

        typer.echo(dumps(_plain({**asdict(report), "ok": report.ok}), indent=2))
    else:
        from rich.console import Console

        _show(Console(), report)
    if report.problems:
        more = len(report.problems) - 1
        raise NmapError(report.problems[0] + (f" (and {more} more)" if more else ""))


def _show(console: Console, report: VerifyReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    files = Table(title="files", title_justify="left", pad_edge=False)
    for heading in ("what", "size", "state"):
        files.add_column(heading, justify="right" if heading == "size" else "left")
    for check in report.files:
        files.add_row(escape(check.id), size(check.bytes),
                      "whole" if check.problem is None else "[red]damaged")
    console.print(files)
    if report.views:
        console.print(_views(report))
    recorded = f"at build {percent(report.recorded)}"
    if report.recall is not None:
        console.print(f"recall {percent(report.recall)}, {recorded}")
    elif report.limits is None and report.ok:
        console.print("no held-out views to localize")
    if report.ok:
        console.print("[green]good")


def _views(report: VerifyReport, most: int = 20) -> Table:
    """The worst first: they are what one looks for."""
    from rich.markup import escape
    from rich.table import Table

    worst = sorted(report.views, key=lambda view: (view.found, -view.translation))
    more = len(worst) - most
    limits = report.limits
    title = "held-out views" + (
        f", within {limits.translation:.3g} and {limits.rotation:g}°" if limits else "")
    table = Table(title=title, title_justify="left", pad_edge=False,
                  caption=f"and {more} better ones (--json lists all)" if more > 0 else None)
    for heading in ("view", "position error", "rotation error", "found"):
        table.add_column(heading, justify="right" if "error" in heading else "left")
    for view in worst[:most]:
        errors = ("-", "-") if view.refusal else (f"{view.translation:.4g}",
                                                  f"{view.rotation:.3g}°")
        state = "yes" if view.found else f"[red]no[/] {escape(view.refusal or '')}".rstrip()
        table.add_row(escape(view.name), *errors, state)
    return table


def _plain(value: Any) -> Any:
    """JSON has no infinity: a refused view's errors are null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if value in (float("inf"), float("-inf")) else value
