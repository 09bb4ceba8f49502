"""Markers: what is shown, that it is deleted when it is gone, and that it stays bounded."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from visualization_msgs.msg import Marker, MarkerArray

from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.nodes import markers
from nmap_reloc.nodes.convert import rigid_from_pose
from nmap_reloc.nodes.markers import Box, Markers

STAMP = Time(sec=7, nanosec=8)
Key = tuple[str, int]


class Rviz:
    """What a viewer shows after these arrays, by the rules of visualization_msgs/Marker."""

    def __init__(self) -> None:
        self.shown: dict[Key, Marker] = {}

    def receive(self, array: MarkerArray) -> None:
        keys = [(marker.ns, marker.id) for marker in array.markers]
        assert len(keys) == len(set(keys)), "rviz refuses an array that names a marker twice"
        for marker in array.markers:
            assert marker.header.frame_id == "map" and marker.header.stamp == STAMP
            if marker.action == Marker.DELETE:
                self.shown.pop((marker.ns, marker.id))
                continue
            assert marker.action == Marker.ADD
            check_drawable(marker)
            self.shown[marker.ns, marker.id] = marker

    def of(self, namespace: str) -> list[Marker]:
        return [marker for (ns, _), marker in sorted(self.shown.items()) if ns == namespace]


def check_drawable(marker: Marker) -> None:
    """What rviz complains about."""
    assert marker.color.a > 0
    q = marker.pose.orientation
    assert np.hypot(np.hypot(q.w, q.x), np.hypot(q.y, q.z)) == pytest.approx(1)
    scale = [marker.scale.x, marker.scale.y, marker.scale.z]
    needed = {Marker.LINE_LIST: [0], Marker.POINTS: [0, 1], Marker.TEXT_VIEW_FACING: [2]}
    assert all(scale[i] > 0 and np.isfinite(scale[i]) for i in needed.get(marker.type, [0, 1, 2]))
    if marker.type == Marker.LINE_LIST:
        assert len(marker.points) % 2 == 0
    if marker.type in (Marker.LINE_LIST, Marker.POINTS, Marker.CUBE_LIST):
        assert marker.points and np.isfinite(coordinates(marker)).all()


def coordinates(marker: Marker) -> np.ndarray:
    return np.array([[p.x, p.y, p.z] for p in marker.points])


def boxes(*names: str) -> list[Box]:
    return [Box(name, (10.0 * ord(name[-1]), 0, 0), (10.0 * ord(name[-1]) + 10, 10, 3))
            for name in names]


def test_a_tile_is_a_box_with_its_name() -> None:
    rviz, scene = Rviz(), Markers("map")
    rviz.receive(scene.tiles([Box("t0", (0, -5, 1), (10, 5, 4), markers.REFUSED)], STAMP))
    edges, text = rviz.of("tiles")
    pairs = coordinates(edges).reshape(-1, 2, 3)
    assert len(pairs) == 12 and edges.color.r == pytest.approx(0.9)
    lengths = np.abs(pairs[:, 0] - pairs[:, 1])
    assert ((lengths > 0).sum(1) == 1).all()  # each edge along one axis
    np.testing.assert_allclose(np.sort(lengths.sum(1)), [3] * 4 + [10] * 8)
    assert len({tuple(sorted(map(tuple, pair.tolist()))) for pair in pairs}) == 12
    assert text.type == Marker.TEXT_VIEW_FACING and text.text == "t0"
    np.testing.assert_allclose([text.pose.position.x, text.pose.position.y,
                                text.pose.position.z], [5, 0, 4])
    assert edges.lifetime.sec == edges.lifetime.nanosec == 0  # stays until it is deleted


def test_tiles_come_and_go_and_keep_their_numbers() -> None:
    rviz, scene = Rviz(), Markers("map")
    names: dict[str, int] = {}
    for wanted in ("ab", "abc", "bc", "bcde", "", "ae", "ae"):
        array = scene.tiles(boxes(*wanted), STAMP)
        rviz.receive(array)
        texts = {m.text: m.id for m in rviz.of("tiles") if m.text}
        assert "".join(sorted(texts)) == wanted and len(rviz.of("tiles")) == 2 * len(wanted)
        assert all(texts[name] == names[name] for name in texts.keys() & names.keys())
        names = texts
        added = [m for m in array.markers if m.action == Marker.ADD]
        assert len(added) == 2 * len(wanted)  # complete, for who subscribes late
    assert max(m.id for m in rviz.of("tiles")) < 6  # numbers are used again


def test_many_tiles_are_bounded() -> None:
    rviz, scene = Rviz(), Markers("map")
    rviz.receive(scene.tiles([Box(f"t{i}", (i, 0, 0), (i + 1, 1, 1)) for i in range(2000)],
                             STAMP))
    assert len(rviz.of("tiles")) == 2 * markers.MOST_TILES
    rviz.receive(scene.tiles([], STAMP))
    assert not rviz.shown


def test_decoded_voxels_are_brighter() -> None:
    rviz, scene = Rviz(), Markers("map")
    centres = np.random.default_rng(0).normal(0, 10, (50, 3))
    rviz.receive(scene.voxels(centres, 2.0, np.array([3, 3, 7]), STAMP))
    dim, bright = rviz.of("voxels")
    np.testing.assert_allclose(coordinates(bright), centres[[3, 7]])
    np.testing.assert_allclose(coordinates(dim), np.delete(centres, [3, 7], axis=0))
    assert bright.color.a > dim.color.a and bright.type == Marker.CUBE_LIST
    assert bright.scale.x == pytest.approx(1.96)
    rviz.receive(scene.voxels(centres, 2.0, None, STAMP))
    assert [m.id for m in rviz.of("voxels")] == [0]
    rviz.receive(scene.voxels(centres[:2], 2.0, np.arange(2), STAMP))
    assert [m.id for m in rviz.of("voxels")] == [1]
    rviz.receive(scene.voxels(np.zeros((0, 3)), 2.0, np.zeros(0, int), STAMP))
    assert not rviz.shown
    rviz.receive(scene.voxels(np.random.default_rng(0).normal(0, 10, (90_000, 3)), 2.0, None,
                              STAMP))
    assert len(rviz.of("voxels")[0].points) == markers.MOST_VOXELS


def test_rays_go_from_the_camera_to_the_inliers() -> None:
    rviz, scene = Rviz(), Markers("map", lifetime=1.5)
    points = np.random.default_rng(1).normal(0, 5, (40, 3))
    inliers = np.arange(40) < 12
    pose = Rigid(np.eye(3), np.array([1.0, 2.0, 3.0]))
    rviz.receive(scene.fix(points, inliers, pose, STAMP))
    (landmarks,), (rays,) = rviz.of("landmarks"), rviz.of("inliers")
    np.testing.assert_allclose(coordinates(landmarks), points)
    pairs = coordinates(rays).reshape(-1, 2, 3)
    np.testing.assert_allclose(pairs[:, 0], np.tile([1, 2, 3], (12, 1)))
    np.testing.assert_allclose(pairs[:, 1], points[:12])
    for marker in (landmarks, rays):
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (1, 500_000_000)
    rviz.receive(scene.fix(points, None, None, STAMP))  # no pose: no rays
    assert rviz.of("landmarks") and not rviz.of("inliers")
    rviz.receive(scene.fix(points[:0], None, None, STAMP))
    assert not rviz.shown


def test_many_and_broken_points_are_bounded_and_left_out() -> None:
    rviz, scene = Rviz(), Markers("map")
    points = np.random.default_rng(1).normal(0, 5, (5000, 3))
    points[::7] = np.nan
    points[3] = np.inf
    rviz.receive(scene.fix(points, np.ones(5000, bool), Rigid.identity(), STAMP))
    assert len(rviz.of("landmarks")[0].points) == markers.MOST_POINTS
    assert len(rviz.of("inliers")[0].points) == 2 * markers.MOST_RAYS
    shown = coordinates(rviz.of("landmarks")[0])
    index = [int(np.flatnonzero((points == p).all(1))[0]) for p in shown]
    assert min(index) < 10 and max(index) > 4990  # thinned, not cut


def test_the_ellipsoid_holds_what_the_covariance_says() -> None:
    rviz, scene = Rviz(), Markers("map")
    turn = rotation_from_vector([0.3, -0.8, 1.1])
    sigma = np.array([0.5, 0.1, 0.02])
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = turn @ np.diag(sigma ** 2) @ turn.T
    pose = Rigid(rotation_from_vector([1, 1, 1]), np.array([4.0, 5.0, 6.0]))
    rviz.receive(scene.covariance(pose, covariance, STAMP))
    (sphere,) = rviz.of("covariance")
    assert sphere.type == Marker.SPHERE
    shape = rigid_from_pose(sphere.pose)
    np.testing.assert_allclose(shape.translation, [4, 5, 6])
    half = np.array([sphere.scale.x, sphere.scale.y, sphere.scale.z]) / 2
    drawn = shape.rotation @ np.diag(half ** 2) @ shape.rotation.T
    np.testing.assert_allclose(drawn, 2.7955 ** 2 * covariance[:3, :3], atol=1e-9)
    errors = np.random.default_rng(2).multivariate_normal(np.zeros(3), covariance[:3, :3], 20_000)
    inside = (((errors @ shape.rotation) / half) ** 2).sum(1) <= 1
    assert inside.mean() == pytest.approx(0.95, abs=0.01)


def test_covariances_that_can_not_be_drawn_delete_the_old_one() -> None:
    rviz, scene = Rviz(), Markers("map")
    good = np.eye(6)
    for pose, covariance in ((None, good), (Rigid.identity(), None),
                             (Rigid.identity(), good * np.nan)):
        rviz.receive(scene.covariance(Rigid.identity(), good, STAMP))
        assert rviz.of("covariance")
        rviz.receive(scene.covariance(pose, covariance, STAMP))
        assert not rviz.of("covariance")
    rviz.receive(scene.covariance(Rigid.identity(), np.zeros((6, 6)), STAMP))  # a point: visible
    rviz.receive(scene.covariance(Rigid.identity(), np.eye(6) * 1e30, STAMP))
    assert rviz.of("covariance")[0].scale.x == 1e4


def test_clear_deletes_what_belongs_to_a_fix_once() -> None:
    rviz, scene = Rviz(), Markers("map")
    rviz.receive(scene.tiles(boxes("a"), STAMP))
    rviz.receive(scene.voxels(np.ones((3, 3)), 1.0, None, STAMP))
    rviz.receive(scene.fix(np.ones((3, 3)), np.ones(3, bool), Rigid.identity(), STAMP))
    rviz.receive(scene.covariance(Rigid.identity(), np.eye(6), STAMP))
    rviz.receive(scene.clear(STAMP))
    assert {ns for ns, _ in rviz.shown} == {"tiles", "voxels"}
    assert scene.clear(STAMP).markers == []
    rviz.receive(scene.clear(STAMP, ("tiles", "voxels")))
    assert not rviz.shown
