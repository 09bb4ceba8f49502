"""Every key of /diagnostics and what turns it yellow or red, as data: read by the nodes and by
the README's table. No ROS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmap_reloc.nodes.described import number

OK, WARN, ERROR = 0, 1, 2
MOST_NAMED = 5  # tiles in a message


@dataclass(frozen=True)
class Key:
    """value: of the node's figures and parameters; None: not known. A dict takes the place of
    `*` in the name, one key for each of its items.

    limits: names of the parameters beyond which it is WARN and ERROR ("": never); below: where
    less is worse. Or judge: the level, said in words by warn and error.
    """

    task: str
    name: str
    description: str
    value: Callable[[Any, Any], object]
    unit: str = ""
    limits: tuple[str, str] = ("", "")
    below: bool = False
    judge: Callable[[Any, Any], int] | None = None
    warn: str = ""
    error: str = ""

    def warn_when(self) -> str:
        return self.warn or self._beyond(self.limits[0])

    def error_when(self) -> str:
        return self.error or self._beyond(self.limits[1])

    def _beyond(self, parameter: str) -> str:
        return f"{'<' if self.below else '>'} `{parameter}`" if parameter else ""


@dataclass(frozen=True)
class Judgement:
    """One status: level, message and its keys with their values."""

    level: int
    message: str
    values: dict[str, str]


def judge(keys: Sequence[Key], figures: Any, parameters: Any) -> Judgement:
    """The keys of one task; the message is that of the worst, else the first key's value."""
    values: dict[str, str] = {}
    found: list[tuple[int, str]] = []
    for key in keys:
        value = key.value(figures, parameters)
        items = ({key.name.replace("*", name): item for name, item in value.items()}
                 if isinstance(value, Mapping) else {key.name: value})
        for name, item in items.items():
            values[name] = text(item)
        level, message = _level(key, value, figures, parameters)
        if level > OK:
            found.append((level, message))
    worst = max((level for level, _ in found), default=OK)
    if worst > OK:
        said = [message for level, message in sorted(found, key=lambda each: -each[0])]
        return Judgement(worst, "; ".join(said), values)
    return Judgement(OK, _headline(keys[0], values), values)


def text(value: object) -> str:
    """As it is shown: four digits, a dash for what is not known."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.0f}"
    return str(value)


def named(tiles: Sequence[str]) -> str:
    """Some of the tiles, and how many more there are."""
    more = len(tiles) - MOST_NAMED
    return ", ".join(tiles[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _headline(key: Key, values: dict[str, str]) -> str:
    return f"{values.get(key.name, '-')} {key.unit}".strip()


def _level(key: Key, value: object, figures: Any, parameters: Any) -> tuple[int, str]:
    shown = f"{key.name.replace('_', ' ')} {text(value)} {key.unit}".strip()
    if key.judge is not None:
        level = key.judge(figures, parameters)
        return level, shown
    if isinstance(value, (int, float)):
        for level, name in ((ERROR, key.limits[1]), (WARN, key.limits[0])):
            limit = getattr(parameters, name) if name else None
            if limit is not None and (value < limit if key.below else value > limit):
                than = "less" if key.below else "more"
                return level, f"{shown}: {than} than {number(limit)} ({name})"
    return OK, ""

