"""SceneSqueezer's network as engines see it: stored codes back into descriptors, once per tile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nmap_reloc.engines.export import Exportable
from nmap_reloc.representations.squeezer.network import SqueezerNetwork, SqueezerShape
from nmap_reloc.representations.squeezer.quantiser import BITS


class RestoreGraph(Exportable):
    """codes [M x C] in 0..1, precision [3]: 1 at the map's bits (quantiser.BITS), else 0
    -> descriptors [M x D]."""

    output_names = ("descriptors",)

    def __init__(self, network: SqueezerNetwork):
        super().__init__()
        self.quantiser = network.quantiser
        self.code = network.shape.code
        self.input_shapes = {"codes": (-1, self.code), "precision": (len(BITS),)}

    def forward(self, codes: Tensor, precision: Tensor) -> tuple[Tensor, ...]:
        return (self.quantiser.restore(codes, precision),)

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        return (torch.rand(50, self.code), torch.tensor([0.0, 1.0, 0.0])), ({0: "codes"}, {})


def make(sizes: Mapping[str, Any]) -> SqueezerNetwork:
    return SqueezerNetwork(SqueezerShape(**sizes))


GRAPHS = {"restore": RestoreGraph}
