"""Taking typed fields out of parsed JSON, each exactly once, with errors that name the field."""

from __future__ import annotations

import math
import re

from nmap_reloc.maps.tile import Json

Vector = tuple[float, float, float]
ANY_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")


class FieldError(Exception):
    """A field is missing, wrong or unknown; says which and what it holds."""


class Fields:
    """A JSON object. path: where it is, for messages ("tiles[3]."). Methods raise FieldError."""

    def __init__(self, value: Json, path: str) -> None:
        self.path = path
        if not isinstance(value, dict):
            where = path.rstrip(".") or "the whole"
            raise FieldError(f"{where} is {_shown(value)}, not an object")
        self.rest = dict(value)

    def take(self, name: str) -> Json:
        if name not in self.rest:
            raise FieldError(f"{self.path}{name} is missing")
        return self.rest.pop(name)

    def check(self, good: bool, name: str, value: Json, wanted: str) -> None:
        if not good:
            raise FieldError(f"{self.path}{name} is {_shown(value)}, not {wanted}")

    def nothing_else(self) -> None:
        """What is not understood may matter, and would be lost from what a signature signs."""
        if self.rest:
            name = self.path + str(min(self.rest))
            raise FieldError(f"{_shown(name)} is no field of this format")

    def text(self, name: str, pattern: re.Pattern[str] = ANY_TEXT) -> str:
        value = self.take(name)
        self.check(isinstance(value, str) and pattern.fullmatch(value) is not None,
                   name, value, f"text like {pattern.pattern}")
        return str(value)

    def optional_text(self, name: str) -> str | None:
        if self.rest.get(name, "") is None:
            self.rest.pop(name)
            return None
        return self.text(name)

    def texts(self, name: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """Empty where the field is absent."""
        value = self.rest.pop(name, [])
        self.check(isinstance(value, list) and all(
            isinstance(item, str) and pattern.fullmatch(item) for item in value),
            name, value, f"a list of texts like {pattern.pattern}")
        return tuple(value)

    def integer(self, name: str, low: int = 0, high: int = 2 ** 53) -> int:
        value = self.take(name)
        self.check(type(value) is int and low <= value <= high, name, value,
                   f"a whole number from {low}")
        return int(value)

    def optional_number(self, name: str, low: float, high: float) -> float | None:
        value = self.take(name)
        self.check(value is None or (_is_number(value) and low <= value <= high), name, value,
                   f"a number in {low:g}..{high:g} or null")
        return None if value is None else float(value)

    def mapping(self, name: str) -> dict[str, Json]:
        value = self.take(name)
        self.check(isinstance(value, dict), name, value, "an object")
        return dict(value)

    def objects(self, name: str) -> list[Fields]:
        value = self.take(name)
        self.check(isinstance(value, list), name, value, "a list")
        return [Fields(item, f"{self.path}{name}[{i}].") for i, item in enumerate(value)]

    def optional(self, name: str) -> Fields | None:
        value = self.take(name)
        return None if value is None else Fields(value, f"{self.path}{name}.")

    def box(self, name: str) -> tuple[Vector, Vector]:
        """[[min x, y, z], [max x, y, z]], finite, min <= max."""
        value = self.take(name)
        good = isinstance(value, list) and len(value) == 2 and all(
            isinstance(corner, list) and len(corner) == 3 and all(map(_is_number, corner))
            for corner in value) and all(a <= b for a, b in zip(*value, strict=True))
        self.check(good, name, value, "[[min x, y, z], [max x, y, z]]")
        (a, b, c), (d, e, f) = value
        return (float(a), float(b), float(c)), (float(d), float(e), float(f))


def _is_number(value: Json) -> bool:
    # Bounded, because JSON may hold whole numbers that no float can.
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
