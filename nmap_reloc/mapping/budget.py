"""As many landmarks as a budget holds."""

from __future__ import annotations

from collections.abc import Callable

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.makers import Measure
from nmap_reloc.mapping.partition import Piece

CLOSE = 0.985  # of the budget used is near enough


def most_within(budget: int, measure: Measure, pieces: Callable[[int], list[Piece]], fewest: int,
                most: int, guess: int) -> tuple[list[Piece], int]:
    """(tiles, count) of the most, `fewest` to `most`, with which the site is within the budget.

    pieces(count): the tiles of so many landmarks, whose bytes grow with the count. NmapError names
    the smallest budget that can be met.
    """
    low, high = min(fewest, most), most
    best = pieces(low)
    least = measure(best)
    if least > budget:
        raise NmapError(f"--budget {budget} bytes: can't be met; the smallest map of this scene "
                        f"takes {least} bytes; give at least that")
    at_low, at_high = least, 0  # sizes at low, which fits, and at high, 0 while not known
    count = min(max(guess, low), high)
    while high - low > max(1, low // 200):
        tried = pieces(count)
        size = measure(tried)
        if size <= budget:
            best, low, at_low = tried, count, size
            if size >= CLOSE * budget or count == most:
                break
        else:
            high, at_high = count, size
        # Sizes grow almost linearly: aim just below the budget, or half-way where unsure.
        share = (0.995 * budget - at_low) / (at_high - at_low) if at_high else 1.0
        count = low + max(1, min(int((high - low) * share), high - low - bool(at_high)))
    return best, low
