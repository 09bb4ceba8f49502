"""Inputs of the small networks, and how answers are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from small_networks import textured

from nmap_reloc.engines.base import Arrays
from nmap_reloc.engines.export import graphs_of, load_network
from nmap_reloc.representations.neumap.graphs import SERVED

SHIPPED = [graph for network in ("features", "neumap", "maddr", "squeezer")
           for graph in graphs_of(network)]


def examples(network: str) -> dict[str, np.ndarray]:
    """Inputs as a shipped network is traced with."""
    torch.manual_seed(0)
    module = load_network(network)
    return {name: value.numpy() for name, value in
            zip(module.input_shapes, module.examples()[0], strict=True)}


def picture(height: int = 96, width: int = 128, count: int = 60) -> Arrays:
    return {"image": (textured(height, width, height) / np.float32(255))[None, None],
            "slots": np.zeros(count, np.float32)}


def query(keypoints: int = 40, codes: int = 50) -> dict[str, np.ndarray]:
    """Of the decode graph."""
    rng = np.random.default_rng(codes)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    def halves(*shape: int) -> np.ndarray:
        return some(*shape).astype(np.float16)
    first = -np.sort(-rng.uniform(0, 1, (keypoints, SERVED))).astype(np.float32)
    return {"asked": some(keypoints, 16), "first": first,
            "chosen": rng.integers(0, codes, (keypoints, SERVED)), "keys": halves(2, codes, 32),
            "values": halves(2, codes, 32), "marks": halves(codes, 16),
            "positions": some(codes, 3), "voxels": rng.integers(0, 5, codes),
            "side": np.ones(1, np.float32)}


def lasting(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A query's inputs, what tiles give made read-only: they may stay on a device."""
    for name in ("keys", "values", "marks", "positions", "voxels"):
        inputs[name].setflags(write=False)
    return inputs


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    """But for the order of sums, which differs where a network is made for one size."""
    assert a.keys() == b.keys()
    for name, value in a.items():
        np.testing.assert_allclose(value, b[name], rtol=1e-6, atol=2e-5, err_msg=name)
