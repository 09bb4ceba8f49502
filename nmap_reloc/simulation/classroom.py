"""Simulated scenes to train on: many small places that differ in all that a scene can differ in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmap_reloc.simulation.dataset import simulate

SIZES = ((640, 480), (752, 480), (512, 384), (640, 360))
PLACES = (("rooms", (1, 2, 3)), ("lane", (10, 16, 24)), ("rooms", (1, 2)))


def simulated_scenes(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """``count`` scene folders below ``folder``, the same for the same seed; those that are there
    already are left as they are. World, extent, texture, image size and number of views vary."""
    made = []
    for k in range(count):
        rng = np.random.default_rng([seed, k, 17])
        world, extents = PLACES[k % len(PLACES)]
        made.append(simulate(
            folder / f"simulated-{seed}-{k}", seed=1000 * seed + 100 + k,
            map_views=int(rng.integers(28, 61)), query_views=0,
            size=SIZES[int(rng.integers(len(SIZES)))], world=world,
            detail=float(np.round(rng.uniform(0.5, 1.5), 2)),
            extent=extents[int(rng.integers(len(extents)))]))
    return made
