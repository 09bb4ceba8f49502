"""NeuMap's network as engines see it: unfold once per tile, decode once per image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nmap_reloc.engines.export import Exportable
from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape


class UnfoldGraph(Exportable):
    """codes [M x C], factors [M x T] -> keys, values [T x M x W]."""

    output_names = ("keys", "values")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = network
        self.input_shapes = {"codes": (-1, network.shape.code_width),
                             "factors": (-1, network.shape.blocks)}

    def forward(self, codes: Tensor, factors: Tensor) -> tuple[Tensor, ...]:
        return self.network.unfold(codes, factors)

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        shape = self.network.shape
        return (torch.rand(50, shape.code_width), torch.rand(50, shape.blocks)), \
            ({0: "codes"}, {0: "codes"})


class DecodeGraph(Exportable):
    """NeumapNetwork.decode; the number of keypoints and of codes may vary."""

    output_names = ("coordinates", "confidence", "voxel")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = network
        s = network.shape
        self.input_shapes = {
            "descriptors": (-1, s.descriptor), "codes": (-1, s.code_width),
            "keys": (s.blocks, -1, s.width), "values": (s.blocks, -1, s.width),
            "positions": (-1, 3), "voxels": (-1,), "side": (1,)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.network.decode(*inputs)[:3]

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        s, n, m = self.network.shape, 40, 50
        return (torch.rand(n, s.descriptor), torch.rand(m, s.code_width),
                torch.rand(s.blocks, m, s.width), torch.rand(s.blocks, m, s.width),
                torch.rand(m, 3), torch.arange(m) // 10, torch.ones(1)), \
            ({0: "keypoints"}, {0: "codes"}, {1: "codes"}, {1: "codes"}, {0: "codes"},
             {0: "codes"}, {})


def make(sizes: Mapping[str, Any]) -> NeumapNetwork:
    return NeumapNetwork(NeumapShape(**sizes))


GRAPHS = {"unfold": UnfoldGraph, "decode": DecodeGraph}
