"""Which views and keypoints a budget buys; tiles by where the views were taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping import maddr_tiles
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.maddr_tiles import MaddrMaker
from nmap_reloc.mapping.makers import Order
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.mapping.pq_tiles import PqMaker
from nmap_reloc.mapping.selection import TopK
from nmap_reloc.maps.tile import encode_tile
from nmap_reloc.representations.maddr import encode
from nmap_reloc.representations.maddr.encode import best_of_views, choose_views, sound
from nmap_reloc.representations.maddr.layout import from_tile


def test_the_top_k_of_each_view() -> None:
    rng = np.random.default_rng(0)
    seen, place = rng.random((6, 80)) < 0.5, rng.permutation(80)
    kept = best_of_views(seen, place, 7)
    for shown, row in zip(seen, kept, strict=True):
        assert not (row & ~shown).any()
        best = np.flatnonzero(shown)[np.argsort(place[shown])][:7]
        assert row[best].all()
    # and nothing that no view keeps for itself
    own = np.zeros_like(seen)
    for shown, row in zip(seen, own, strict=True):
        row[np.flatnonzero(shown)[np.argsort(place[shown])][:7]] = True
    np.testing.assert_array_equal(kept, seen & own.any(0))


def test_a_view_shows_no_more_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MOST_KEYPOINTS", 9)
    seen = np.ones((3, 50), bool)
    assert (best_of_views(seen, np.arange(50), 20).sum(1) == 20).all()
    seen[0, :30] = False
    assert (best_of_views(seen, np.arange(50), 5).sum(1) <= 9).all()


def test_inexact_landmarks_are_left_out(scene: Landmarks) -> None:
    """By reprojection error and by angle (section 3.5)."""
    good = sound(scene)
    assert good.mean() > 0.9
    errors = scene.errors.copy()
    errors[:10] = 2.5
    positions = scene.positions.copy()
    positions[10:20] *= 1000  # so far that every view sees them from the same side
    bad = sound(replace(scene, errors=errors, positions=positions))
    assert not bad[:20].any() and (bad[20:] == good[20:]).all()


def test_views_that_see_the_same_are_thinned_out() -> None:
    """Ten views of each of four places: four chosen views are of four places."""
    seen = np.zeros((40, 200), bool)
    rng = np.random.default_rng(0)
    for view, row in enumerate(seen):
        row[view // 10 * 50:view // 10 * 50 + 50] = rng.random(50) < 0.8
    assert sorted(view // 10 for view in choose_views(seen, 4)) == [0, 1, 2, 3]
    assert len(choose_views(seen, 99)) == encode.FEW_VIEWS
    apart = np.eye(6, 60, dtype=bool)
    assert len(choose_views(apart, 99)) == 6


@pytest.mark.parametrize("budget", [3_000, 4_500, 6_000])
def test_the_budget_is_kept_and_used(scene: Landmarks, weights: Path, tmp_path: Path, budget: int
                                     ) -> None:
    made = build_site(scene, tmp_path / "site", "maddr", budget, BuildOptions(weights=weights))
    assert 0.85 * budget < made.bytes() <= budget
    assert "retrieval" in made.bytes_by_part()


def test_more_bytes_buy_keypoints_then_wider_codes(scene: Landmarks, weights: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are narrow until each view has PLENTY of keypoints."""
    monkeypatch.setattr(maddr_tiles, "PLENTY", 100)
    found = []
    for budget in (1_050, 1_250, 40_000):
        made = MaddrMaker(Order(scene, budget, weights)).make(weight)
        assert weight(made) <= budget
        views = from_tile(made[0].tile)
        found.append((views.landmarks.codes.shape[1], int(views.seen.sum(1).max())))
    assert found[0][0] == found[1][0] == 4 and found[0][1] < found[1][1]
    assert found[2][0] == 16


def weight(pieces: Sequence[Piece]) -> int:
    return sum(len(encode_tile(piece.tile)) for piece in pieces)


def test_few_bytes_keep_few_views(scene: Landmarks, weights: Path) -> None:
    many = MaddrMaker(Order(scene, 40_000, weights)).pieces(30, 4)[0].tile
    few = MaddrMaker(Order(scene, 4_000, weights)).pieces(30, 4)[0].tile
    assert len(from_tile(few)) < len(from_tile(many))


def test_top_k_of_the_same_views_whatever_the_bytes(scene: Landmarks, weights: Path) -> None:
    """Only the codes differ."""
    ours, theirs = (maker(Order(scene, 3_000, weights, selection=TopK(40, width))).make(weight)
                    for maker, width in ((MaddrMaker, 4), (PqMaker, 16)))
    a, b = from_tile(ours[0].tile), from_tile(theirs[0].tile)
    assert (a.landmarks.codes.shape[1], b.landmarks.codes.shape[1]) == (4, 16)
    np.testing.assert_array_equal(a.seen, b.seen)
    np.testing.assert_array_equal(a.landmarks.positions, b.landmarks.positions)
    assert len(a) > len(from_tile(MaddrMaker(Order(scene, 3_000, weights)).pieces(40, 4)[0].tile))


def test_a_budget_that_cant_be_met(scene: Landmarks, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(NmapError, match=r"--budget 600 bytes: can't be met; .* takes \d+ bytes"):
        build_site(scene, tmp_path / "site", "maddr", 600, BuildOptions(weights=weights))
    assert not (tmp_path / "site").exists()


def test_tiles_hold_all_that_their_views_show(scene: Landmarks, weights: Path) -> None:
    whole = MaddrMaker(Order(scene, 30_000, weights)).pieces(40, 8)
    parts = MaddrMaker(Order(scene, 30_000, weights, tile=1.5)).pieces(40, 8)
    assert len(whole) == 1 and len(parts) > 1
    views = [from_tile(piece.tile) for piece in parts]
    assert sum(map(len, views)) == len(from_tile(whole[0].tile))
    shown = sorted(n for v in views for n in v.seen.sum(1).tolist())
    assert shown == sorted(from_tile(whole[0].tile).seen.sum(1).tolist())
    names = {piece.tile.id for piece in parts}
    for piece in parts:
        assert piece.tile.id not in piece.neighbours and set(piece.neighbours) <= names
        assert np.ptp(piece.points, axis=0).max() <= 1.5 * 2 ** 0.5
