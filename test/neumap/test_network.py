"""The decoder's parts: shapes, competition between voxels, scaling factors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nmap_reloc.representations.neumap.graphs import SERVED, served
from nmap_reloc.representations.neumap.network import NeumapNetwork

N, M = 7, 30


def codes_and_places(network: NeumapNetwork, count: int = M, seed: int = 0
                     ) -> tuple[Tensor, Tensor, Tensor]:
    """descriptors [M x D], their codes [M x C] and positions [M x 3]."""
    generator = torch.Generator().manual_seed(seed)
    descriptors = torch.nn.functional.normalize(
        torch.randn(count, network.shape.descriptor, generator=generator), dim=1)
    return descriptors, network.encode(descriptors), torch.rand(count, 3, generator=generator) * 9


@torch.inference_mode()
def decode(network: NeumapNetwork, asked: Tensor, codes: Tensor, places: Tensor,
           voxels: Tensor | None = None, factors: Tensor | None = None) -> tuple[Tensor, ...]:
    keys, values = network.unfold(codes, factors)
    voxels = torch.arange(len(codes)) // 10 if voxels is None else voxels
    return network.decode(asked, codes, keys, values, places, voxels, torch.ones(1))


def test_the_robot_looks_at_fewer_candidates(fresh: NeumapNetwork) -> None:
    fewest = NeumapNetwork(replace(fresh.shape, candidates=SERVED - 1))
    assert served(fewest).shape == fewest.shape  # it has no more than are served
    trained = NeumapNetwork(replace(fresh.shape, candidates=2 * SERVED))
    robot = served(trained)
    assert robot.shape.candidates == SERVED and trained.shape.candidates == 2 * SERVED
    assert all(a is b for a, b in zip(robot.parameters(), trained.parameters(), strict=True))
    descriptors, codes, places = codes_and_places(trained)
    few, many = (decode(network, descriptors[:N], codes, places) for network in (robot, trained))
    assert torch.equal(few[3], many[3][:, :SERVED])  # the best of them


def test_shapes(fresh: NeumapNetwork) -> None:
    shape = fresh.shape
    descriptors, codes, places = codes_and_places(fresh)
    assert codes.shape == (M, shape.code_width)
    keys, values = fresh.unfold(codes)
    assert keys.shape == values.shape == (shape.blocks, M, shape.width)
    coordinates, confidence, voxel, chosen, first, final = decode(
        fresh, descriptors[:N], codes, places)
    assert coordinates.shape == (N, 3) and confidence.shape == voxel.shape == (N,)
    assert chosen.shape == first.shape == final.shape == (N, shape.candidates)
    assert voxel.dtype == torch.int64 and int(voxel.min()) >= 0 and int(voxel.max()) <= M // 10


def test_codes_are_of_unit_length(trained: NeumapNetwork) -> None:
    torch.testing.assert_close(codes_and_places(trained)[1].norm(dim=1), torch.ones(M))


def test_a_codes_own_descriptor_finds_its_position(trained: NeumapNetwork) -> None:
    descriptors, codes, places = codes_and_places(trained)
    coordinates, _, voxel, chosen, _, _ = decode(trained, descriptors, codes, places)
    assert (chosen[:, 0] == torch.arange(M)).all()
    apart = (coordinates - places).norm(dim=1)
    assert float(apart.median()) < 0.05 and float(apart.quantile(0.9)) < 0.5
    assert (voxel == torch.arange(M) // 10).float().mean() > 0.9


@torch.inference_mode()
def test_a_block_is_cross_attention_head_by_head(trained: NeumapNetwork) -> None:
    """Equations 3, 5 and 6, written down plainly; the bias is added to the logits."""
    block, width = trained.block[1], trained.shape.width
    generator = torch.Generator().manual_seed(2)
    state, keys, values, bias = (torch.randn(N, *size, generator=generator) for size in (
        (width,), (8, width), (8, width), (8, block.heads)))
    query, mixed = block.query(block.norm_query(state)), torch.empty(N, width)
    for head in range(block.heads):
        own = slice(head * block.size, (head + 1) * block.size)
        logits = torch.einsum("nw,nkw->nk", query[:, own], keys[..., own]) / block.size ** 0.5
        weights = (logits + bias[..., head]).softmax(1)
        mixed[:, own] = torch.einsum("nk,nkw->nw", weights, values[..., own])
    plain = state + block.out(mixed)
    plain = plain + block.mlp(block.norm_mlp(plain))
    torch.testing.assert_close(block(state, keys, values, bias), plain, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_candidates_are_related_to_the_best_of_them(trained: NeumapNetwork) -> None:
    """By similarity, distance in voxels and voxel, each as one number of each candidate."""
    generator = torch.Generator().manual_seed(3)
    count, side = trained.shape.candidates, torch.tensor([2.0])
    first = torch.rand(N, count, generator=generator)
    place = torch.rand(N, count, 3, generator=generator) * 5
    owner = torch.randint(3, (N, count), generator=generator)
    apart = (place - place[:, :1]).norm(dim=2).clamp(min=1e-6 * float(side)) / side
    related = torch.stack([first, first[:, :1] - first, (1 + 8 * apart).log(), (-apart).exp(),
                           (owner == owner[:, :1]).float()], 2)
    plain = trained.relate(related).split(trained.shape.heads, 2)
    made = trained._bias(first, place.permute(2, 0, 1), owner, side)
    assert len(made) == trained.shape.blocks
    torch.testing.assert_close(made, plain, atol=1e-5, rtol=1e-5)


def test_voxels_compete(trained: NeumapNetwork) -> None:
    """A voxel that alone would claim the keypoint loses it to one that has the better match."""
    descriptors, codes, places = codes_and_places(trained)
    first = torch.arange(M) < 20  # voxels 0 and 1 without voxel 2, whose code 25 is the right one
    asked = descriptors[25:26]
    alone = decode(trained, asked, codes[first], places[first])
    together = decode(trained, asked, codes, places)
    assert int(alone[2][0]) in (0, 1) and int(together[2][0]) == 2
    torch.testing.assert_close(together[0][0], places[25], atol=0.1, rtol=0)
    assert float(together[1][0]) > float(alone[1][0]) + 0.1  # and knows which answer is worth more


def test_more_candidates_do_not_outvote_the_best(trained: NeumapNetwork) -> None:
    """The voxel of the best match answers, with its own codes' positions alone."""
    descriptors, codes, _ = codes_and_places(trained)
    places = torch.zeros(M, 3)
    places[25] = torch.tensor([40.0, 0, 0])
    voxels = torch.zeros(M, dtype=torch.long)
    voxels[25] = 1
    coordinates, _, voxel, *_ = decode(trained, descriptors[25:26], codes, places, voxels)
    assert voxel.tolist() == [1]
    torch.testing.assert_close(coordinates[0], places[25], atol=1e-4, rtol=0)


def test_of_two_like_codes_one_answers_and_not_their_mean(trained: NeumapNetwork) -> None:
    descriptors, codes, places = codes_and_places(trained)
    codes, places = codes.clone(), places.clone()
    codes[21] = codes[20]
    for apart in (0.01, 3.0):
        places[20], places[21] = torch.tensor([[1.0, 1, 1], [1 + apart, 1, 1]])
        coordinates, _, voxel, *_ = decode(trained, descriptors[20:21], codes, places)
        assert voxel.tolist() == [2]
        assert min(torch.dist(coordinates[0], places[i]) for i in (20, 21)) < 1e-6


@torch.inference_mode()
def test_factors_of_one_change_nothing_and_of_zero_hide_the_code(trained: NeumapNetwork) -> None:
    _, codes, _ = codes_and_places(trained)
    plain = trained.unfold(codes)
    ones = trained.unfold(codes, torch.ones(M, trained.shape.blocks))
    torch.testing.assert_close(plain, ones, atol=0, rtol=0)
    factors = torch.ones(M, trained.shape.blocks)
    factors[3] = 0
    keys, values = trained.unfold(codes, factors)
    for t in range(trained.shape.blocks):  # what any code of zeros would be, whatever the code was
        torch.testing.assert_close(keys[t, 3], trained.key[t].bias)
        torch.testing.assert_close(values[t, 3], trained.value[t].bias)
    others = torch.arange(M) != 3
    torch.testing.assert_close(keys[:, others], plain[0][:, others])


@torch.inference_mode()
def test_a_factor_of_one_block_reaches_that_block_only(trained: NeumapNetwork) -> None:
    _, codes, _ = codes_and_places(trained)
    factors = torch.ones(M, trained.shape.blocks)
    factors[:, 1] = 0.5
    keys, _ = trained.unfold(codes, factors)
    plain, _ = trained.unfold(codes)
    torch.testing.assert_close(keys[0], plain[0])
    assert float((keys[1] - plain[1]).abs().max()) > 1e-3


def test_the_order_of_codes_does_not_matter(trained: NeumapNetwork) -> None:
    descriptors, codes, places = codes_and_places(trained)
    voxels = torch.arange(M) // 10
    turned = torch.randperm(M, generator=torch.Generator().manual_seed(1))
    a = decode(trained, descriptors, codes, places, voxels)
    b = decode(trained, descriptors, codes[turned], places[turned], voxels[turned])
    for i in range(3):
        torch.testing.assert_close(a[i], b[i], atol=1e-4, rtol=1e-4)


def test_moving_the_whole_map_moves_the_answer_with_it(trained: NeumapNetwork) -> None:
    descriptors, codes, places = codes_and_places(trained)
    shift = torch.tensor([30.0, -20.0, 5.0])
    a, b = (decode(trained, descriptors, codes, p) for p in (places, places + shift))
    torch.testing.assert_close(a[0] + shift, b[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(a[1], b[1], atol=1e-3, rtol=1e-3)


def test_so_does_scaling_it_with_its_voxels(trained: NeumapNetwork) -> None:
    descriptors, codes, places = codes_and_places(trained)
    keys, values = trained.unfold(codes)
    voxels = torch.arange(M) // 10
    with torch.inference_mode():
        a = trained.decode(descriptors, codes, keys, values, places, voxels, torch.tensor([1.0]))
        b = trained.decode(descriptors, codes, keys, values, places * 8, voxels,
                           torch.tensor([8.0]))
    torch.testing.assert_close(a[0] * 8, b[0], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(a[1], b[1], atol=1e-3, rtol=1e-3)


def test_foreign_descriptors_inspire_less_confidence(trained: NeumapNetwork) -> None:
    descriptors, codes, places = codes_and_places(trained)
    foreign, _, _ = codes_and_places(trained, seed=9)
    own = decode(trained, descriptors, codes, places)[1]
    others = decode(trained, foreign, codes, places)[1]
    assert float(own.mean()) > float(others.mean()) + 0.2


@pytest.mark.parametrize("count", [8, 9])
def test_as_few_codes_as_candidates(trained: NeumapNetwork, count: int) -> None:
    descriptors, codes, places = codes_and_places(trained, count)
    assert torch.isfinite(decode(trained, descriptors, codes, places)[0]).all()
