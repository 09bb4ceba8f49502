"""Sampling by rows is what torch's grid_sample does."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from nmap_reloc.features.sample import sample


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 12, 17), (3, 9, 5), (1, 1, 1),
                                                        (2, 1, 7)])
def test_the_same_as_grid_sample(batch: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(batch, 6, height, width)
    unit = torch.rand(batch, 50, 4, 2) * 1.6 - 0.3  # also outside: there the border counts
    expected = torch.nn.functional.grid_sample(
        features, 2 * unit - 1, mode="bilinear", padding_mode="border", align_corners=False)
    torch.testing.assert_close(sample(features, unit), expected.permute(0, 2, 3, 1))
