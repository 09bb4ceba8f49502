"""The extractor as engines see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nmap_reloc.engines.export import Exportable
from nmap_reloc.features.network import FeatureNetwork


class FeatureGraph(Exportable):
    """image [1 x 1 x H x W] in 0..1, slots [K]: how many keypoints (its values don't matter)."""

    output_names = ("keypoints", "scores", "descriptors", "global_descriptor")

    def __init__(self, network: FeatureNetwork):
        super().__init__()
        self.network = network
        self.input_shapes = {"image": (1, 1, -1, -1), "slots": (-1,)}

    def forward(self, image: Tensor, slots: Tensor) -> tuple[Tensor, ...]:
        return self.network(image, slots.shape[0])

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        return (torch.rand(1, 1, 224, 256), torch.zeros(100)), \
            ({2: "height", 3: "width"}, {0: "keypoints"})


def make(sizes: Mapping[str, Any]) -> FeatureNetwork:
    return FeatureNetwork(**sizes)


GRAPHS = {"": FeatureGraph}
