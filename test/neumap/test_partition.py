"""A site cut into tiles of whole voxels."""

from __future__ import annotations

import numpy as np
from synthetic_landmarks import world

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.partition import cut, ground_axes, partition
from nmap_reloc.representations.neumap.layout import CodedVoxels

CELLS = np.array([[x, y, z] for x in range(-5, 6) for y in range(-3, 7) for z in range(2)],
                 np.int32)


def coded() -> CodedVoxels:
    rng = np.random.default_rng(0)
    voxels = np.repeat(np.arange(len(CELLS)), 3).astype(np.int32)
    positions = (CELLS[voxels] + rng.random((len(voxels), 3))) * 2.0
    return CodedVoxels(rng.random((len(voxels), 4)).astype(np.float32), positions, voxels, CELLS,
                       2.0, rng.random((len(voxels), 3)).astype(np.float32))


def test_one_tile_without_a_size() -> None:
    parts = partition(CELLS, 2.0, (0, 1), None)
    assert [part.id for part in parts] == ["0_0"] and parts[0].neighbours == ()
    np.testing.assert_array_equal(parts[0].voxels, np.arange(len(CELLS)))


def test_every_voxel_is_in_exactly_one_tile() -> None:
    parts = partition(CELLS, 2.0, (0, 1), 8.0)
    assert len(parts) > 4 and len({part.id for part in parts}) == len(parts)
    everything = np.concatenate([part.voxels for part in parts])
    np.testing.assert_array_equal(np.sort(everything), np.arange(len(CELLS)))


def test_tiles_are_square_and_of_about_the_size() -> None:
    for part in partition(CELLS, 2.0, (0, 1), 8.0):
        box = np.ptp(CELLS[part.voxels], axis=0)
        assert box[0] < 4 and box[1] < 4 and box[2] == 1  # 4 voxels of 2 m; all heights together


def test_neighbours_are_mutual_and_touch() -> None:
    parts = {part.id: part for part in partition(CELLS, 2.0, (0, 1), 8.0)}
    for part in parts.values():
        x, y = map(int, part.id.split("_"))
        for other in part.neighbours:
            a, b = map(int, other.split("_"))
            assert max(abs(a - x), abs(b - y)) == 1
            assert part.id in parts[other].neighbours
    assert sum(len(part.neighbours) for part in parts.values()) > 8


def test_a_tile_smaller_than_a_voxel_is_one_voxel_wide() -> None:
    parts = partition(CELLS, 2.0, (0, 1), 0.5)
    assert len(parts) == len(np.unique(CELLS[:, :2], axis=0))


def test_a_site_smaller_than_a_tile_is_one_wherever_it_lies() -> None:
    for shift in (-7, -1, 0, 3, 100):
        parts = partition(CELLS + np.int32(shift), 2.0, (0, 1), 22.0)
        assert [part.id for part in parts] == ["0_0"] and parts[0].neighbours == ()


def test_cut_keeps_each_code_with_its_voxel() -> None:
    made = coded()
    seen = 0
    for part in partition(CELLS, 2.0, (0, 1), 8.0):
        mine = cut(made, part)
        seen += len(mine.codes)
        np.testing.assert_array_equal(mine.cells, CELLS[part.voxels])
        np.testing.assert_array_equal(np.floor(mine.positions / 2.0).astype(int),
                                      mine.cells[mine.voxels])
        assert (np.diff(mine.voxels) >= 0).all() and mine.factors is not None
        rows = np.isin(made.voxels, part.voxels)
        np.testing.assert_array_equal(mine.codes, made.codes[rows])
        np.testing.assert_array_equal(mine.factors, made.factors[rows])
    assert seen == len(made.codes)


def test_the_ground_is_where_cameras_travel() -> None:
    landmarks: Landmarks = world()  # along x, a little along y, not along z
    assert ground_axes(landmarks) == (0, 1)


def test_strays_go_with_the_nearest_tile_that_has_enough() -> None:
    cells = np.array([[0, 0, 0], [1, 0, 0], [40, 0, 0], [41, 0, 0], [50, 3, 0], [900, 7, 2]],
                     np.int32)
    codes = np.array([50, 30, 40, 40, 3, 2])
    parts = partition(cells, 1.0, (0, 1), 10.0, codes)
    assert [part.voxels.tolist() for part in parts] == [[0, 1], [2, 3, 4, 5]]
    assert parts[1].own.tolist() == [True, True, False, False]
    assert sum(len(part.voxels) for part in parts) == len(cells)
    # Where no tile has enough, all stay where they are.
    assert len(partition(cells, 1.0, (0, 1), 10.0, codes // 10)) == 4
