"""Decode against the number of voxels, and against one voxel at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from speed_timed import Timed

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine
from nmap_reloc.representations import open_decoder
from nmap_reloc.representations.neumap.layout import CodedVoxels, to_tile
from nmap_reloc.representations.neumap.loaded import FEWEST_CODES
from nmap_reloc.representations.neumap.voxels import CODES_PER_VOXEL
from nmap_reloc.types import Features, Floats

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
LOOP_COUNTS = (1, 4, 16, 64)
SIDE = 1.0


class Loop:
    """The plain way (NeuMap's own code): each voxel by itself, nothing kept between images, the
    same network; the most confident voxel answers for a keypoint."""

    def __init__(self, unfold: Engine, meet: Engine, decode: Engine):
        self._unfold, self._meet, self._decode = unfold, meet, decode

    def __call__(self, descriptors: Floats, coded: CodedVoxels, count: int) -> Floats:
        best = np.full(len(descriptors), -np.inf, np.float32)
        answers = np.zeros((len(descriptors), 3), np.float32)
        for voxel in range(count):
            rows = np.flatnonzero(coded.voxels == voxel)
            rows = np.resize(rows, max(len(rows), FEWEST_CODES))
            made = self._unfold({"codes": coded.codes[rows],
                                 "factors": np.ones((len(rows), 3), np.float32)})
            met = self._meet({"descriptors": descriptors, "codes": coded.codes[rows]})
            found = self._decode({
                **met, **{name: value.astype(np.float16) for name, value in made.items()},
                "positions": coded.positions[rows].astype(np.float32),
                "voxels": np.zeros(len(rows), np.int64), "side": np.ones(1, np.float32)})
            better = found["confidence"] > best
            best[better] = found["confidence"][better]
            answers[better] = found["coordinates"][better]
        return answers


def decode_by_voxels(features: Sequence[Features], repeats: int) -> dict[str, Any]:
    """features: of images; their descriptors become the codes, with noise."""
    unfold, meet, decode = (open_engine(f"neumap-{part}", "onnx")
                            for part in ("unfold", "meet", "decode"))
    decoder, loop, timed = open_decoder("neumap", "learned", "onnx"), Loop(unfold, meet, decode), \
        Timed()
    every = np.concatenate([f.descriptors for f in features])
    known = meet({"descriptors": every[:3000], "codes": np.eye(
        FEWEST_CODES, meet.shape("codes")[1], dtype=np.float32)})["asked"]
    whole = _codes(known, COUNTS[-1])
    for count in COUNTS:
        coded = _first(whole, count)
        loaded = decoder.load([to_tile(coded, "0_0", 8)])
        decoder.decode(features[0], loaded)
        for k in range(repeats):
            asked = features[k % len(features)]
            timed(f"batched {count}", lambda a=asked, d=loaded: decoder.decode(a, d))
            if count in LOOP_COUNTS:
                timed(f"loop {count}",
                      lambda a=asked, c=coded, n=count: loop(a.descriptors, c, n))
    milliseconds = timed.milliseconds()
    return {"codes_per_voxel": CODES_PER_VOXEL,
            "batched": {n: milliseconds[f"batched {n}"] for n in COUNTS},
            "loop": {n: milliseconds[f"loop {n}"] for n in LOOP_COUNTS},
            "loop_per_batched": {n: timed.ratio(f"loop {n}", f"batched {n}") for n in LOOP_COUNTS}}


def _codes(known: Floats, voxels: int) -> CodedVoxels:
    rng = np.random.default_rng(0)
    count = voxels * CODES_PER_VOXEL
    codes = known[rng.integers(0, len(known), count)]
    codes = codes + rng.normal(0, 0.08, codes.shape).astype(np.float32)
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    cells = np.stack(np.unravel_index(np.arange(voxels), (10, 10, -(-voxels // 100))), 1)
    owner = np.repeat(np.arange(voxels, dtype=np.int32), CODES_PER_VOXEL)
    positions = (cells[owner] + rng.uniform(0, 1, (count, 3))) * SIDE
    return CodedVoxels(codes.astype(np.float32), positions, owner, cells.astype(np.int32), SIDE)


def _first(coded: CodedVoxels, voxels: int) -> CodedVoxels:
    count = voxels * CODES_PER_VOXEL
    return CodedVoxels(coded.codes[:count], coded.positions[:count], coded.voxels[:count],
                       coded.cells[:voxels], coded.side)
