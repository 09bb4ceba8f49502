"""Sampling by rows is what torch's grid_sample does, at every scale."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from nmap_reloc.features.sample import Spots


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 32, 64), (3, 64, 32), (2, 4, 12)])
def test_the_same_as_grid_sample(batch: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    strides = (2, 4)
    offsets = (torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, -7.0]]))
    maps = [torch.randn(batch, channels, height // stride, width // stride)
            for channels, stride in zip((6, 3), strides, strict=True)]
    size = torch.tensor([width, height])
    points = (torch.rand(batch, 50, 2) * 1.6 - 0.3) * size  # also outside: the border counts
    expected = []
    for features, offset in zip(maps, offsets, strict=True):
        grid = 2 * (points[:, :, None] + offset) / size - 1
        found = torch.nn.functional.grid_sample(features, grid, mode="bilinear",
                                                padding_mode="border", align_corners=False)
        expected.append(found.permute(0, 2, 3, 1).flatten(2))
    torch.testing.assert_close(Spots(strides, offsets)(maps, points, (height, width)),
                               torch.cat(expected, -1))
