"""Progress on stderr: a bar for every stage that takes time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")


def track(iterable: Iterable[Item], description: str, total: int | None = None
          ) -> Iterator[Item]:
    """Yields the items while a bar shows how many are done and how long the rest will take.

    Where stderr is not a terminal one line per stage appears, when the stage has ended.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if sys.stderr.isatty():
        return _with_bar(iterable, description, total)
    return _with_line(iterable, description)


def _with_bar(iterable: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(iterable, total=total, description=description)


def _with_line(iterable: Iterable[Item], description: str) -> Iterator[Item]:
    started, count = time.monotonic(), 0
    for item in iterable:
        yield item
        count += 1
    print(f"{description}: {count} in {time.monotonic() - started:.1f} s", file=sys.stderr)
