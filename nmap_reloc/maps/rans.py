"""Entropy coding: symbols of known frequencies in little more bits than they carry.

Range asymmetric numeral systems (Duda 2013, arXiv:1311.2540), interleaved: symbols go round robin
to many lanes that share one stream, so that numpy decodes a lane's worth at a time. Integers only,
hence the same on every machine. (constriction would serve, but has no wheels for ARM on Linux.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError

PRECISION = 12  # bits: the frequencies of a table add up to 2**PRECISION
LOWEST = 1 << 16  # of a lane's state, which is below 2**32; words of 16 bits go in and out
STEPS = 512  # of decoding, about: lanes cost two bytes each, steps cost time
MOST_LANES = 1 << 12

Counts = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Tables:
    """frequencies [T x S], each row adding up to 2**PRECISION; a symbol of frequency 0 cannot
    be coded."""

    frequencies: Counts

    def __post_init__(self) -> None:
        if self.frequencies.ndim != 2 or self.frequencies.min(initial=0) < 0 \
                or (self.frequencies.sum(1) != 1 << PRECISION).any():
            raise ValueError("frequencies of symbols do not add up")

    def starts(self) -> Counts:
        """[T x S] where a symbol's slots begin."""
        return np.cumsum(self.frequencies, axis=1) - self.frequencies

    @cached_property
    def by_slot(self) -> tuple[Counts, Counts, Counts]:
        """Of each slot, those of one table after another's [T * 2**PRECISION]: which symbol it
        belongs to, that symbol's frequency, and how far the slot is beyond its first."""
        symbols = np.arange(self.frequencies.shape[1])
        slots = np.stack([np.repeat(symbols, row) for row in self.frequencies])
        rows = np.arange(len(slots))[:, None]
        beyond = np.arange(1 << PRECISION) - self.starts()[rows, slots]
        return slots.ravel(), self.frequencies[rows, slots].ravel(), beyond.ravel()


def lanes_for(symbols: int) -> int:
    """How many lanes serve about so many symbols: a power of two."""
    wanted = max(1, symbols // STEPS)
    return min(MOST_LANES, 1 << (wanted.bit_length() - 1))


def encode(tables: Tables, batches: Sequence[tuple[Counts, Counts]], lanes: int) -> Words:
    """batches: (which table [N], which symbol [N]) in the order in which they will be taken."""
    starts, frequencies = tables.starts(), tables.frequencies
    state = np.full(lanes, LOWEST, np.int64)
    parts: list[Words] = []
    for which, symbols in reversed(batches):
        taken, begun = frequencies[which, symbols], starts[which, symbols]
        if (taken == 0).any():
            raise ValueError("a symbol whose frequency is 0")
        for at in reversed(range(0, len(which), lanes)):
            frequency, start = taken[at:at + lanes], begun[at:at + lanes]
            mine = state[:len(frequency)]
            full = mine >= frequency << (32 - PRECISION)
            parts.append((mine[full] & 0xFFFF).astype(np.uint16))
            mine[full] >>= 16
            state[:len(frequency)] = ((mine // frequency << PRECISION) + mine % frequency + start)
    head = np.stack([state >> 16, state & 0xFFFF], 1).astype(np.uint16).reshape(-1)
    return np.concatenate([head, *reversed(parts)])


class Decoder:
    """Takes the batches of `encode` again, one after another."""

    def __init__(self, tables: Tables, words: Words, lanes: int):
        """NmapError: too few words."""
        if len(words) < 2 * lanes:
            raise damaged()
        self._symbols, self._frequencies, self._beyond = tables.by_slot
        head = words[:2 * lanes].astype(np.int64).reshape(-1, 2)
        self._state = head[:, 0] << 16 | head[:, 1]
        self._words, self._lanes, self._at = words.astype(np.int64), lanes, 2 * lanes

    def take(self, which: Counts) -> Counts:
        """which table each symbol is of [N] -> the symbols [N]. NmapError: no more words."""
        slots = which << PRECISION  # of all tables; then which of each table's
        for at in range(0, len(which), self._lanes):
            slot = slots[at:at + self._lanes]
            state = self._state[:len(slot)]
            slot |= state & ((1 << PRECISION) - 1)
            state >>= PRECISION
            state *= self._frequencies[slot]
            state += self._beyond[slot]
            low = state < LOWEST
            count = int(np.count_nonzero(low))
            if count:
                words = self._words[self._at:self._at + count]
                if len(words) < count:
                    raise damaged()
                state[low] = state[low] << 16 | words
                self._at += count
        return np.asarray(self._symbols[slots], np.int64)

    def finish(self) -> None:
        """NmapError where what was taken is not all that was coded: the states tell."""
        if self._at != len(self._words) or (self._state != LOWEST).any():
            raise damaged()


def shares(counts: Counts) -> Counts:
    """How often each symbol comes [T x S] -> frequencies for Tables; one that comes at all gets
    one at least."""
    total = 1 << PRECISION
    counts = np.maximum(counts, 0)
    counts[counts.sum(1) == 0] = 1
    out = np.maximum(counts * total // counts.sum(1, keepdims=True), (counts > 0).astype(np.int64))
    rows = np.arange(len(out))
    out[rows, out.argmax(1)] += total - out.sum(1)
    return np.asarray(out, np.int64)


def damaged() -> NmapError:
    return NmapError("coded symbols: damaged; rebuild the map with `nmap-reloc map build`")
