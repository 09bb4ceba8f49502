"""NeuMap's network as engines see it: unfold once per tile; meet and decode once per image."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nmap_reloc.engines.export import Exportable
from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape

# Candidates of a keypoint on the robot, at most. Training shows the network 16; the answers are as
# good with these alone, for less than half of the work.
SERVED = 6


def served(network: NeumapNetwork) -> NeumapNetwork:
    """The network as the robot runs it; its weights are the same ones."""
    made = copy(network)
    made.shape = replace(made.shape, candidates=min(made.shape.candidates, SERVED))
    return made


class UnfoldGraph(Exportable):
    """codes [M x C], factors [M x T] -> keys, values [T x M x W], marks [M x C], in halves."""

    output_names = ("keys", "values", "marks")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = network
        self.input_shapes = {"codes": (-1, network.shape.code_width),
                             "factors": (-1, network.shape.blocks)}

    def forward(self, codes: Tensor, factors: Tensor) -> tuple[Tensor, ...]:
        keys, values = self.network.unfold(codes, factors)
        return keys.half(), values.half(), self.network.mark(codes, values).half()

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        shape = self.network.shape
        return (torch.rand(50, shape.code_width), torch.rand(50, shape.blocks)), \
            ({0: "codes"}, {0: "codes"})


class MeetGraph(Exportable):
    """NeumapNetwork.meet; the number of keypoints and of codes may vary."""

    output_names = ("asked", "first", "chosen")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = served(network)
        self.input_shapes = {"descriptors": (-1, network.shape.descriptor),
                             "codes": (-1, network.shape.code_width)}

    def forward(self, descriptors: Tensor, codes: Tensor) -> tuple[Tensor, ...]:
        return self.network.meet(descriptors, codes)

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        s = self.network.shape
        return (torch.rand(40, s.descriptor), torch.rand(50, s.code_width)), \
            ({0: "keypoints"}, {0: "codes"})


class DecodeGraph(Exportable):
    """NeumapNetwork.settle; the number of keypoints, of candidates and of codes may vary.

    Keys, values and marks are halves: they are most of what a loaded tile takes in memory.
    """

    output_names = ("coordinates", "confidence", "voxel")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = served(network)
        s = self.network.shape
        self.input_shapes = {
            "asked": (-1, s.code_width), "first": (-1, -1), "chosen": (-1, -1),
            "keys": (s.blocks, -1, s.width),
            "values": (s.blocks, -1, s.width), "marks": (-1, s.code_width),
            "positions": (-1, 3), "voxels": (-1,), "side": (1,)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.network.settle(*inputs)[:3]

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        s, n, m = self.network.shape, 40, 50
        first = torch.rand(n, s.candidates).sort(1, descending=True).values
        return (torch.rand(n, s.code_width), first, torch.randint(m, (n, s.candidates)),
                torch.rand(s.blocks, m, s.width).half(), torch.rand(s.blocks, m, s.width).half(),
                torch.rand(m, s.code_width).half(), torch.rand(m, 3), torch.arange(m) // 10,
                torch.ones(1)), \
            ({0: "keypoints"}, {0: "keypoints", 1: "candidates"},
             {0: "keypoints", 1: "candidates"}, {1: "codes"}, {1: "codes"}, {0: "codes"},
             {0: "codes"}, {0: "codes"}, {})


def make(sizes: Mapping[str, Any]) -> NeumapNetwork:
    return NeumapNetwork(NeumapShape(**sizes))


GRAPHS = {"unfold": UnfoldGraph, "meet": MeetGraph, "decode": DecodeGraph}
