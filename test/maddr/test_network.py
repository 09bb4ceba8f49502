"""Bottleneck and matcher: shapes, what they begin as, unmatched keypoints, rows that fill up."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nmap_reloc.representations.maddr.network import MaddrNetwork, MaddrShape

SHAPE = MaddrShape(descriptor=32, width=32, layers=2, heads=2)
N, K = 12, 9


@pytest.fixture
def fresh() -> MaddrNetwork:
    torch.manual_seed(0)
    return MaddrNetwork(SHAPE).eval()


def images(seed: int = 0, views: int = 2) -> tuple[Tensor, ...]:
    """A query [B x N] whose first K keypoints are the view's landmarks."""
    generator = torch.Generator().manual_seed(seed)
    query = F.normalize(torch.randn(views, N, 32, generator=generator), dim=2)
    places = torch.rand(views, N, 2, generator=generator) * 2 - 1
    return query, places, query[:, :K].clone(), places[:, :K].clone(), torch.ones(views, K)


@pytest.mark.parametrize("size", SHAPE.dimensions)
def test_bottleneck_sizes(fresh: MaddrNetwork, size: int) -> None:
    codes = fresh.encode(torch.randn(20, 32), size)
    restored = fresh.restore(codes)
    assert codes.shape == (20, size) and restored.shape == (20, 32)
    torch.testing.assert_close(restored.norm(dim=1), torch.ones(20))


def test_codes_have_mean_0_and_deviation_1_where_they_were_learned(fresh: MaddrNetwork) -> None:
    fresh.train()
    codes = fresh.encode(torch.randn(500, 32) * 3 + 1, 8)
    torch.testing.assert_close(codes.mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.std(0), torch.ones(8), atol=1e-2, rtol=0)


@torch.inference_mode()
def test_it_begins_as_the_nearest_neighbour(fresh: MaddrNetwork) -> None:
    rows, columns = fresh.match(*images())
    assert rows.shape == (2, N, K + 1) and columns.shape == (2, N + 1, K)
    torch.testing.assert_close(rows.exp().sum(2), torch.ones(2, N))
    torch.testing.assert_close(columns.exp().sum(1), torch.ones(2, K))
    partner, confidence = fresh.partners(rows, columns)
    assert (partner[:, :K] == torch.arange(K)).all()
    assert (confidence[:, :K] > 0.5).all()


@torch.inference_mode()
def test_what_the_view_does_not_show_has_no_partner(fresh: MaddrNetwork) -> None:
    rows, columns = fresh.match(*images())
    assert (rows[:, K:].argmax(2) == K).float().mean() > 0.6
    assert (fresh.partners(rows, columns)[1][:, K:] < 0.3).all()


@torch.inference_mode()
def test_rows_that_fill_up_change_nothing(trained: MaddrNetwork) -> None:
    generator = torch.Generator().manual_seed(1)
    query = F.normalize(torch.randn(1, N, 128, generator=generator), dim=2)
    places = torch.rand(1, N, 2, generator=generator)
    view, there = query[:, :K], torch.ones(1, K)
    more = torch.cat([view, torch.zeros(1, 5, 128)], 1)
    rows, _ = trained.match(query, places, view, places[:, :K], there)
    filled, _ = trained.match(query, places, more, F.pad(places[:, :K], (0, 0, 0, 5)),
                              F.pad(there, (0, 5)))
    torch.testing.assert_close(filled[:, :, :K], rows[:, :, :K], atol=1e-4, rtol=1e-4)
    assert (filled[:, :, K:-1] < -1000).all()


@torch.inference_mode()
def test_only_what_prefers_each_other_is_matched(fresh: MaddrNetwork) -> None:
    query, places, view, shown, there = images(views=1)
    query[0, 1] = F.normalize(query[0, 0] + 0.3 * query[0, 1], dim=0)  # a rival of keypoint 0
    partner, confidence = fresh.partners(*fresh.match(query, places, view, shown, there))
    assert partner[0, 0] == partner[0, 1] == 0
    assert confidence[0, 0] > 0.3 and confidence[0, 1] == 0
