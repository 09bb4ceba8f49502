"""Views to a tile and back; what is no tile of views is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nmap_reloc.camera import project
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.maddr_tiles import MaddrMaker
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.maps.places import Sight
from nmap_reloc.maps.tile import Tile, decode_tile, encode_tile
from nmap_reloc.representations.maddr.encode import into_views
from nmap_reloc.representations.maddr.layout import (
    STEP,
    CodedViews,
    from_tile,
    positions_in,
    restored,
    rounded,
    to_tile,
)
from nmap_reloc.representations.neumap.layout import CUT

STORED = 0.002  # map units: a step of a stored place


def coded(landmarks: Landmarks, width: int = 4) -> CodedViews:
    """Every third landmark of the first five views, with whole numbers that name it."""
    numbers = np.stack([np.arange(len(landmarks)) // 16 ** k % 16 for k in range(width)], 1)
    seen = np.zeros((5, len(landmarks)), bool)
    for row, view in zip(seen, landmarks.views, strict=False):
        row[view.landmarks[view.landmarks >= 0]] = True
    seen[:, np.arange(len(landmarks)) % 3 > 0] = False
    return into_views(landmarks, np.arange(5), seen, numbers.astype(np.float32))


def test_what_comes_back_is_what_was_stored(scene: Landmarks) -> None:
    made = coded(scene)
    tile = to_tile(made, "0_0", "maddr", Sight.even(STORED))
    back = from_tile(decode_tile(encode_tile(tile), "a file"))
    order = np.lexsort(made.landmarks.codes.T), np.lexsort(back.landmarks.codes.T)
    for stored, was in ((back.landmarks.codes, made.landmarks.codes),
                        (back.seen.T, made.seen.T)):
        np.testing.assert_array_equal(stored[order[1]], was[order[0]])
    away = back.landmarks.positions[order[1]] - made.landmarks.positions[order[0]]
    assert np.abs(away).max() <= STORED / 2
    assert np.abs(back.centres - made.centres).max() < 0.01
    assert (back.global_descriptors * made.global_descriptors).sum(1).min() > 0.999


def test_codes_positions_and_views_stay_together(scene: Landmarks) -> None:
    made = coded(scene)
    who = made.landmarks.codes.astype(int) @ [1, 16, 256, 4096]
    np.testing.assert_allclose(made.landmarks.positions, scene.positions[who])
    for row, view in zip(made.seen, scene.views, strict=False):
        expected = [i for i in view.landmarks if i >= 0 and i % 3 == 0]
        assert sorted(who[row]) == sorted(expected)


def test_keypoints_are_where_the_view_saw_them(scene: Landmarks) -> None:
    back = from_tile(to_tile(coded(scene), "0_0", "maddr", Sight.even(STORED)))
    view = scene.views[2]
    inside = view.map_from_camera.inverse().apply(back.landmarks.positions[back.seen[2]])
    expected = positions_in(project(view.camera, inside).astype(np.float32), 640, 480)
    assert np.abs(back.keypoints(2) - expected).max() < 0.01  # of half the image
    assert np.abs(expected).max() <= 1.0


def test_views_of_several_cameras(scene: Landmarks) -> None:
    other = replace(scene.views[3], camera=replace(scene.views[3].camera,
                                                   params=(300.0, 300.0, 320.0, 240.0)))
    mixed = replace(scene, views=(*scene.views[:3], other, *scene.views[4:]))
    back = from_tile(to_tile(coded(mixed), "0_0", "maddr", Sight.even(STORED)))
    assert len(back.cameras) == 2
    wide, usual = np.abs(back.keypoints(3)), np.abs(
        from_tile(to_tile(coded(scene), "0_0", "maddr", Sight.even(STORED))).keypoints(3))
    np.testing.assert_allclose(wide, usual * 0.75, atol=0.01)


def test_rounding_is_within_half_a_step() -> None:
    codes = np.linspace(-3, 3, 400, dtype=np.float32).reshape(-1, 4)
    numbers = rounded(codes)
    assert numbers.min() == 0 and numbers.max() == 15
    kept = np.clip(codes, -CUT[4], CUT[4])
    assert np.abs(restored(numbers) - kept).max() <= STEP / 2 + 1e-6


def test_sixteen_bits_a_descriptor_at_four_dimensions(scene: Landmarks) -> None:
    """Random numbers don't compress: what "z" takes is what the paper says."""
    numbers = np.random.default_rng(0).integers(0, 16, (len(scene), 4)).astype(np.float32)
    made = coded(scene)
    tile = to_tile(replace(made, landmarks=replace(
        made.landmarks, codes=numbers[:len(made.landmarks.codes)])), "0_0", "maddr",
        Sight.even(STORED))
    assert tile.arrays["z"].nbytes == 2 * len(made.landmarks.codes)


BAD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("no codes", {"z": None}, {}), ("no views", {"c": None}, {}),
    ("codes of other sizes", {"z": np.zeros(3, np.uint8)}, {}),
    ("poses of five numbers", {"c": np.zeros((5, 5), np.float16)}, {}),
    ("poses that are not finite", {"c": np.full((5, 6), np.inf, np.float16)}, {}),
    ("bits of other sizes", {"s": np.zeros((5, 1), np.uint8), "t": None}, {}),
    ("no camera", {}, {"cameras": []}), ("a width that can't be", {}, {"width": -4}),
    ("a camera that is not there", {"k": np.full(5, 7, np.uint16)}, {}),
    ("another count of global descriptors",
     {"retrieval/n": np.array([4, 4, 7, 8], np.uint32)}, {})]


@pytest.mark.parametrize(("what", "arrays", "meta"), BAD, ids=[b[0] for b in BAD])
def test_what_is_no_tile_of_views_is_refused(scene: Landmarks, what: str, arrays: dict[str, Any],
                                             meta: dict[str, Any]) -> None:
    good = to_tile(coded(scene), "3_4", "maddr", Sight.even(STORED))
    changed = {k: v for k, v in {**good.arrays, **arrays}.items() if v is not None}
    with pytest.raises(NmapError, match=r"tile 3_4: not a tile of views .*; rebuild the map"):
        from_tile(Tile("3_4", "maddr", {**good.meta, **meta}, changed))


def test_a_neumap_tile_is_refused(maker: MaddrMaker, pieces: list[Piece]) -> None:
    tile = pieces[0].tile
    kept = {k: v for k, v in tile.arrays.items() if k in ("z", "p", "e")}
    with pytest.raises(NmapError, match="not a tile of views"):
        from_tile(replace(tile, arrays=kept))
