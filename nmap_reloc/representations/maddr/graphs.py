"""MAD-DR's network as engines see it: restore once per tile, match once per image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nmap_reloc.engines.export import Exportable
from nmap_reloc.representations.maddr.network import MaddrNetwork, MaddrShape


class RestoreGraph(Exportable):
    """codes [L x C] -> descriptors [L x D], unit length. One graph for each width C."""

    output_names = ("descriptors",)
    dimensions: int

    def __init__(self, network: MaddrNetwork):
        super().__init__()
        self.bottleneck = network.bottleneck[str(self.dimensions)]
        self.input_shapes = {"codes": (-1, self.dimensions)}

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        return (self.bottleneck.restore(codes),)

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        return (torch.rand(50, self.dimensions),), ({0: "codes"},)


class RestoreGraph4(RestoreGraph):
    dimensions = 4


class RestoreGraph8(RestoreGraph):
    dimensions = 8


class RestoreGraph16(RestoreGraph):
    dimensions = 16


class MatchGraph(Exportable):
    """MaddrNetwork.match; keypoints, views and their landmarks may vary in number.

    query [B x N x D], query_positions [B x N x 2], view [B x K x D], view_positions [B x K x 2],
    there [B x K] -> scores [B x N x K], the logarithm of P of every pair.
    """

    output_names = ("scores",)

    def __init__(self, network: MaddrNetwork):
        super().__init__()
        self.network = network
        width = network.shape.descriptor
        self.input_shapes = {
            "query": (-1, -1, width), "query_positions": (-1, -1, 2), "view": (-1, -1, width),
            "view_positions": (-1, -1, 2), "there": (-1, -1)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        rows, columns = self.network.match(*inputs)
        return (rows[:, :, :-1] + columns[:, :-1],)

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        views, n, k, width = 3, 40, 50, self.network.shape.descriptor
        asked, shown = {0: "views", 1: "keypoints"}, {0: "views", 1: "landmarks"}
        return (torch.rand(views, n, width), torch.rand(views, n, 2),
                torch.rand(views, k, width), torch.rand(views, k, 2), torch.ones(views, k)), \
            (asked, asked, shown, shown, shown)


def make(sizes: Mapping[str, Any]) -> MaddrNetwork:
    return MaddrNetwork(MaddrShape(**{**sizes, "dimensions": tuple(sizes["dimensions"])}))


GRAPHS = {"restore4": RestoreGraph4, "restore8": RestoreGraph8, "restore16": RestoreGraph16,
          "match": MatchGraph}
