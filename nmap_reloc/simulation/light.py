"""Light conditions: which lamps burn how brightly, the sun and the sky, by seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nmap_reloc.simulation.world import Lamp, World

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Lighting:
    """One light condition; colours [3] are linear RGB. ambient: from the sky; indoors: what lamps
    and walls scatter under a roof. sun: direction towards it, or None. overhead, horizon: of the
    sky as it is seen."""

    lamps: tuple[Lamp, ...]
    ambient: RGB
    indoors: RGB
    sun: RGB | None
    sun_power: RGB
    overhead: RGB
    horizon: RGB


def lighting(world: World, seed: int) -> Lighting:
    """A light condition for this world: other lamps lit, another hour, another sky, by seed."""
    rng = np.random.default_rng([world.seed, seed, 3])
    light = Lighting((), (0, 0, 0), (0, 0, 0), None, (0, 0, 0), (0.5, 0.6, 0.8),
                     (0.8, 0.85, 0.9))
    if world.outdoor:
        light = _daylight(light, rng)
    return _lamplight(light, world, rng) if world.lamps else light


def _daylight(light: Lighting, rng: np.random.Generator) -> Lighting:
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.1)
    sun = (np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height))
    power, cloud = rng.uniform(0.3, 2.5), rng.uniform(0.45, 0.9)
    return replace(light, ambient=(0.85 * cloud, 0.95 * cloud, 1.1 * cloud), sun=sun,
                   sun_power=(power, 0.95 * power, 0.82 * power), overhead=(0.35, 0.55, 0.95),
                   horizon=(0.9, 0.95, 1.0))


def _lamplight(light: Lighting, world: World, rng: np.random.Generator) -> Lighting:
    warmth = rng.uniform(0.75, 1.1)
    lamps = tuple(replace(lamp, power=scaled(lamp.power, rng.uniform(0.35, 1.3), warmth))
                  for lamp in world.lamps)
    level = rng.uniform(0.15, 0.4)
    return replace(light, lamps=lamps,
                   indoors=scaled((1.0, 1.0, 1.0), level, rng.uniform(0.9, 1.05)))


def scaled(power: RGB, level: float, warmth: float = 1.0) -> RGB:
    """Brighter by ``level``, with ``warmth`` times as much blue (and half as much of that in
    green)."""
    return power[0] * level, power[1] * level * (0.5 + 0.5 * warmth), power[2] * level * warmth
