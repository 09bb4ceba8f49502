"""Light that changes while a robot drives: clouds, lamps that are dimmed, an exposure that
follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmap_reloc.simulation.light import RGB, Lighting, scaled


class Rolling:
    """``base`` as it changes over seconds; the sun stays where it is."""

    def __init__(self, base: Lighting, rng: np.random.Generator, duration: float) -> None:
        self._base, self._duration = base, duration
        # Of every lamp, the sun, the sky, indoor light, the tint and the exposure.
        count = len(base.lamps) + 5
        self._phase = rng.uniform(0, 2 * np.pi, (count, 2))
        self._period = rng.uniform(18, 45, (count, 2))
        self._switched = int(rng.integers(max(1, len(base.lamps))))
        self._switch_at = duration * float(rng.uniform(0.3, 0.7))

    def at(self, stamp: float) -> Lighting:
        """The light at ``stamp`` seconds into the drive."""
        base, first = self._base, len(self._base.lamps)
        lamps = tuple(replace(lamp, power=scaled(lamp.power, self._lamp(k, stamp)))
                      for k, lamp in enumerate(base.lamps))
        sun = 0.65 + 0.35 * self._wave(first, stamp)
        sky = 1 + 0.25 * self._wave(first + 1, stamp) + 0.2 * (1 - sun)
        warmth = 1 + 0.06 * self._wave(first + 3, stamp)
        indoors = 1 + 0.3 * self._wave(first + 2, stamp)
        return replace(base, lamps=lamps, sun_power=scaled(base.sun_power, sun, warmth),
                       ambient=scaled(base.ambient, sky, warmth),
                       indoors=scaled(base.indoors, indoors, warmth),
                       overhead=_sky(base.overhead, sky), horizon=_sky(base.horizon, sky))

    def exposure(self, stamp: float) -> float:
        """A factor about 1."""
        return float(2.0 ** (0.3 * self._wave(len(self._base.lamps) + 4, stamp)))

    def _lamp(self, k: int, stamp: float) -> float:
        level = 1 + 0.3 * self._wave(k, stamp)
        if k == self._switched:  # somebody dims this one, over some seconds
            level *= 1 - 0.85 / (1 + np.exp(-(stamp - self._switch_at) / 1.5))
        return level

    def _wave(self, k: int, stamp: float) -> float:
        """-1..1, smooth, over tens of seconds."""
        turns = 2 * np.pi * stamp / self._period[k] + self._phase[k]
        return float(0.65 * np.sin(turns[0]) + 0.35 * np.sin(turns[1]))


def _sky(colour: RGB, level: float) -> RGB:
    return scaled(colour, float(np.clip(level, 0.7, 1.1)))
