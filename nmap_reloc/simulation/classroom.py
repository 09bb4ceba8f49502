"""Simulated scenes to train on: small places, each different in all that it can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmap_reloc.simulation.dataset import Simulation, simulate

SIZES = ((640, 480), (752, 480), (512, 384), (640, 360))
PLACES = (("rooms", (1, 2, 3)), ("lane", (10, 16, 24)), ("rooms", (1, 2)))


def simulated_scenes(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """``count`` scene folders below ``folder``, the same for the same seed; those that are there
    already are left as they are."""
    made = []
    for k in range(count):
        scene = varied(k, seed)
        made.append(simulate(folder / f"simulated-{seed}-{k}", scene.seed, scene.map_views,
                             scene.query_views, scene.size, scene.world, scene.detail,
                             scene.extent))
    return made


def varied(k: int, seed: int) -> Simulation:
    """What the k-th scene is: world, extent, texture, image size and number of views vary."""
    rng = np.random.default_rng([seed, k, 17])
    world, extents = PLACES[k % len(PLACES)]
    views = int(rng.integers(28, 61))
    size = SIZES[int(rng.integers(len(SIZES)))]
    detail = float(np.round(rng.uniform(0.5, 1.5), 2))
    return Simulation(1000 * seed + 100 + k, views, 0, size, world, detail,
                      extents[int(rng.integers(len(extents)))])
