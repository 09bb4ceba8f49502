"""Which voxels are asked: the prior's view, or what similar views saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc import activation
from nmap_reloc.activation import select
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.outlook import Outlook
from nmap_reloc.types import Camera, Doubles, Features, Ints, PosePrior

CAMERA = Camera("PINHOLE", 640, 480, (400.0, 400.0, 320.0, 240.0))  # 45 degrees to a corner
FISHEYE = Camera("OPENCV_FISHEYE", 640, 480, (280.0, 280.0, 320.0, 240.0, 0.0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Grid:
    centres: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.centres)

    def nbytes(self) -> int:
        return self.centres.nbytes


def prior(rotation: tuple[float, float, float] = (0, 0, 0), position: float = 0.1,
          turn: float = 0.01) -> PosePrior:
    covariance = np.diag([position ** 2] * 3 + [turn ** 2] * 3)
    return PosePrior(Rigid(rotation_from_vector(rotation), np.zeros(3)), covariance)


def around(side: float = 1.0) -> Grid:
    places = np.arange(-10, 11, 2.0)
    return Grid(np.stack(np.meshgrid(places, places, places), -1).reshape(-1, 3), side)


def features(global_descriptor: np.ndarray | None = None) -> Features:
    none = np.zeros(0, np.float32)
    whole = none if global_descriptor is None else global_descriptor.astype(np.float32)
    return Features(np.zeros((0, 2), np.float32), none, np.zeros((0, 8), np.float32), whole, 640,
                    480)


def in_view(grid: Grid, camera: Camera, believed: PosePrior, most: int) -> Ints:
    return activation.in_view(grid, Outlook.of(camera, believed), most)


def test_ahead_is_seen_and_behind_is_not() -> None:
    grid = Grid(np.array([[0, 0, 8.0], [0, 0, -8], [8, 0, 0.5], [3, 0, 8], [0, 0, 0.2]]), 1.0)
    seen = in_view(grid, CAMERA, prior(), 100).tolist()
    assert 0 in seen and 3 in seen
    assert 1 not in seen and 2 not in seen
    assert 4 in seen  # the camera stands in it


def test_turning_the_prior_turns_the_view() -> None:
    grid = Grid(np.array([[0, 0, 8.0], [0, 0, -8], [8, 0, 0], [-8, 0, 0]]), 1.0)
    for turn, expected in ((0, 0), (np.pi, 1), (np.pi / 2, 2), (-np.pi / 2, 3)):
        assert in_view(grid, CAMERA, prior((0, turn, 0)), 100).tolist() == [expected]


def test_what_any_pixel_sees_is_in_it() -> None:
    grid = around()
    rng = np.random.default_rng(0)
    seen = set(in_view(grid, CAMERA, prior(), len(grid)).tolist())
    rays = np.c_[rng.uniform(-0.8, 0.8, 2000), rng.uniform(-0.6, 0.6, 2000), np.ones(2000)]
    points = rays * rng.uniform(0.5, 11, (2000, 1))
    apart = np.abs(points[:, None] - grid.centres).max(2)
    assert set(np.flatnonzero((apart <= grid.side / 2).any(0)).tolist()) <= seen


def test_less_certain_is_wider() -> None:
    grid = around()
    sizes = [len(in_view(grid, CAMERA, prior(position=p, turn=t), len(grid)))
             for p, t in ((0.05, 0.005), (0.3, 0.005), (0.05, 0.1), (0.5, 0.15), (50, 3))]
    assert sizes[0] < sizes[1] < sizes[3] < sizes[4] and sizes[0] < sizes[2] < sizes[3]
    assert sizes[4] == len(grid)  # knows nothing


def test_a_wider_lens_sees_more() -> None:
    grid = around()
    assert len(in_view(grid, FISHEYE, prior(), len(grid))) > len(
        in_view(grid, CAMERA, prior(), len(grid)))


def test_the_nearest_come_first_and_no_more_than_wanted() -> None:
    grid = around()
    few, all_of = (in_view(grid, CAMERA, prior(), most) for most in (7, len(grid)))
    assert few.dtype == np.int32 and len(few) == 7 < len(all_of)
    np.testing.assert_array_equal(few, all_of[:7])
    assert (np.diff(np.linalg.norm(grid.centres[all_of], axis=1)) >= 0).all()


def test_a_small_map_needs_no_choice() -> None:
    grid = around()
    assert select(grid, None, features(), None, len(grid)) is None


def test_with_a_prior_what_is_out_of_view_is_left_out_even_of_a_small_map() -> None:
    grid = around()
    chosen = select(grid, None, features(), Outlook.of(CAMERA, prior()), len(grid))
    assert chosen is not None and 0 < len(chosen) < len(grid)
    assert (grid.centres[chosen][:, 2] > -grid.side * 3 ** 0.5).all()  # the camera looks along z


def test_lost_without_an_index_asks_everything() -> None:
    assert select(around(), None, features(), None, 5) is None
    index = RetrievalIndex(np.zeros((0, 0), np.float32), (), 1331)
    assert select(around(), index, features(np.ones(4)), None, 5) is None


def test_lost_asks_what_similar_views_saw() -> None:
    grid = around()
    rng = np.random.default_rng(0)
    views = rng.normal(size=(40, 16))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    lists = [np.arange(i * 5, i * 5 + 5) for i in range(40)]
    index = RetrievalIndex.from_arrays(RetrievalIndex.encode(
        views.astype(np.float32), lists, len(grid), 4000))
    chosen = select(grid, index, features(views[7]), None, 20)
    assert chosen is not None and chosen.dtype == np.int32 and len(chosen) == 20
    assert set(chosen[:5].tolist()) == set(range(35, 40))


def test_a_prior_goes_before_retrieval() -> None:
    grid = around()
    index = RetrievalIndex(np.ones((1, 4), np.float32) / 2, (np.array([0], np.int32),), len(grid))
    chosen = select(grid, index, features(np.ones(4) / 2), Outlook.of(CAMERA, prior()), 9)
    assert chosen is not None and len(chosen) == 9 and 0 not in chosen


def test_tiles_without_views_do_not_disturb_retrieval() -> None:
    """At the edge of a site a tile may hold voxels that no single view sees well."""
    whole = np.eye(3, 8, dtype=np.float32)
    known = RetrievalIndex.encode(whole, [np.array([0]), np.array([1]), np.array([2])], 3, 4000)
    blind = RetrievalIndex.encode(np.zeros((0, 0), np.float32), [], 2, 4000)
    index = RetrievalIndex.concatenate([RetrievalIndex.from_arrays(a)
                                        for a in (blind, known, blind)])
    assert index.voxel_count == 7 and index.descriptors.shape == (3, 8)
    assert [v.tolist() for v in index.voxels] and {int(v[0]) for v in index.voxels} == {2, 3, 4}
    nothing = RetrievalIndex.concatenate([RetrievalIndex.from_arrays(blind)] * 2)
    assert len(nothing.descriptors) == 0 and nothing.voxel_count == 4


def test_a_lens_whose_corners_see_nothing_hides_nothing() -> None:
    """Beyond a fisheye's circle a pixel has no ray: the view is then as wide as it may be."""
    wide = Camera("OPENCV_FISHEYE", 640, 480, (100.0, 100.0, 320.0, 240.0, 0.0, 0.0, 0.0, 0.0))
    grid = Grid(np.array([[0, 0, 8.0], [8, 0, 0.1]]), 1.0)
    assert in_view(grid, wide, prior(), 9).tolist() == [0, 1]
