"""The extractor as engines see it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from nmap_reloc.engines.export import Exportable
from nmap_reloc.features.network import FeatureNetwork


class FeatureGraph(Exportable):
    """image [1 x 1 x H x W] in 0..1, slots [K]: how many keypoints (its values don't matter)."""

    output_names = ("keypoints", "scores", "descriptors", "global_descriptor")

    def __init__(self, network: FeatureNetwork):
        super().__init__()
        self.network = merged(network)
        self.input_shapes = {"image": (1, 1, -1, -1), "slots": (-1,)}

    def forward(self, image: Tensor, slots: Tensor) -> tuple[Tensor, ...]:
        return self.network(image, slots.shape[0])

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        return (torch.rand(1, 1, 224, 256), torch.zeros(100)), \
            ({2: "height", 3: "width"}, {0: "keypoints"})


def merged(network: FeatureNetwork) -> FeatureNetwork:
    """The same function in fewer and fuller convolutions, which engines run faster.

    Unshuffled pixels under 3 x 3 are pixels under 6 x 6, every second. Four channels that are
    shuffled into 2 x 2 pixels fill a quarter of a processor's vector: sixteen, a block of 2 x 2
    results at once, fill it all.
    """
    made = deepcopy(network)
    (first, *_), last = network.stem[1], network.score[1]
    outputs, inputs = first.weight.shape[0], last.weight.shape[1]
    stem = nn.Conv2d(1, outputs, 6, 2, 2, bias=False)
    score = nn.Conv2d(inputs, 16, 4, 2, 1)
    with torch.no_grad():
        stem.weight.copy_(first.weight.view(outputs, 2, 2, 3, 3).permute(0, 3, 1, 4, 2).reshape(
            outputs, 1, 6, 6))
        wide = torch.zeros(2, 2, 2, 2, inputs, 4, 4)  # row and its half, column and its half
        narrow = last.weight.view(2, 2, inputs, 3, 3)
        for row in (0, 1):
            for column in (0, 1):
                wide[row, :, column, :, :, row:row + 3, column:column + 3] = narrow
        score.weight.copy_(wide.reshape(16, inputs, 4, 4))
        score.bias.copy_(last.bias.view(1, 2, 1, 2).expand(2, 2, 2, 2).reshape(16))
    made.stem[0], made.stem[1][0] = nn.Identity(), stem
    made.score[1], made.score[2] = score, nn.PixelShuffle(4)
    return made


def make(sizes: Mapping[str, Any]) -> FeatureNetwork:
    return FeatureNetwork(**sizes)


GRAPHS = {"": FeatureGraph}
