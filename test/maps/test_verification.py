"""Verification: held-out views come back nearly exactly, and a worse map is noticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.maps.held_out import (
    MAX_KEYPOINTS,
    HeldOut,
    Limits,
    decode_held_out,
    encode_held_out,
)
from nmap_reloc.maps.manifest import Manifest, tile_entry, verification_entry
from nmap_reloc.maps.store import Site, save_site
from nmap_reloc.maps.tile import Tile, decode_tile, encode_tile
from nmap_reloc.maps.verification import recall_of, relocalize_views, verify_site
from nmap_reloc.types import Camera, Estimate, Features, Floats, Refusal

CAMERA = Camera("PINHOLE", 640, 480, (500.0, 500.0, 320.0, 240.0))


@dataclass(frozen=True)
class Shot:
    """A view of the synthetic world, with what encode_held_out asks of one."""

    name: str
    camera: Camera
    map_from_camera: Rigid
    keypoints: Floats
    scores: Floats
    descriptors: Floats
    global_descriptor: Floats


def unit(rows: np.ndarray) -> Floats:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def world(landmarks: int = 200, views: int = 12) -> tuple[np.ndarray, Floats, list[Shot]]:
    """(points, descriptors, views): points in a box that every view looks into."""
    random = np.random.default_rng(0)
    points = random.uniform(-2, 2, (landmarks, 3)) + np.array([0, 0, 8])
    descriptors = unit(random.normal(size=(landmarks, 64)))
    shots = []
    for index in range(views):
        angles = random.uniform(-0.1, 0.1, 3)
        pose = Rigid(cv2.Rodrigues(angles)[0], random.uniform(-1, 1, 3))
        local = pose.inverse().apply(points)
        keypoints = local[:, :2] / local[:, 2:] * 500 + [320, 240]
        seen = np.all((keypoints > 0) & (keypoints < [640, 480]), axis=1)
        shots.append(Shot(f"held_{index}.jpg", CAMERA, pose, keypoints[seen].astype(np.float32),
                          random.random(seen.sum()).astype(np.float32),
                          unit(descriptors[seen] + random.normal(size=(seen.sum(), 64)) * 0.02),
                          unit(random.normal(size=32))))
    return points, descriptors, shots


class NearestNeighbour:
    """A small classical localizer over a site's tile of points and descriptors."""

    def __init__(self, path: Path) -> None:
        tile = Site.open(path).tile("0")
        self.points = tile.arrays["points"]
        self.descriptors = tile.arrays["descriptors"]

    def localize_features(self, features: Features, camera: Camera) -> Estimate:
        similarity = features.descriptors @ self.descriptors.T
        matched = similarity.max(axis=1) > 0.9
        if matched.sum() < 6:
            return Estimate(None, None, None, None, refusal=Refusal("solve", "6 pairs needed"))
        f, _, x, y = camera.params
        _, rotation, translation, _ = cv2.solvePnPRansac(
            self.points[similarity.argmax(axis=1)[matched]].astype(np.float64),
            features.keypoints[matched].astype(np.float64),
            np.array([[f, 0, x], [0, f, y], [0, 0, 1]]), None, reprojectionError=2.0)
        camera_from_map = Rigid(cv2.Rodrigues(rotation)[0], translation.reshape(3))
        return Estimate(camera_from_map.inverse(), None, None, None)


def save(path: Path, landmarks: slice = slice(None), recorded: float | None = 1.0) -> Path:
    points, descriptors, shots = world()
    tile = Tile("0", "landmarks", {}, {"points": points[landmarks].astype(np.float32),
                                       "descriptors": descriptors[landmarks]})
    encoded = encode_tile(tile)
    verification = encode_held_out(shots, Limits.usual("metre", 0.0))
    built = {"views": 40} | ({} if recorded is None else {"recall": recorded})
    save_site(path, Manifest("box", 1, "map", "metre", "landmarks", "sift", "sift", "", built,
                             (tile_entry(tile, encoded, points),),
                             verification_entry(verification)), [encoded], verification)
    return path


def test_views_come_back_nearly_exactly() -> None:
    _, _, shots = world()
    data = encode_held_out(shots, Limits(0.25, 2.0))
    views, limits = decode_held_out(data, "v")
    assert limits == Limits(0.25, 2.0) and len(views) == len(shots)
    for view, shot in zip(views, shots, strict=True):
        assert (view.name, view.camera) == (shot.name, shot.camera)
        assert np.array_equal(view.map_from_camera.translation, shot.map_from_camera.translation)
        assert angle_degrees(view.map_from_camera, shot.map_from_camera) < 1e-6
        features = view.features
        assert np.abs(features.keypoints - shot.keypoints).max() <= 640 / 65535 / 2 + 1e-4
        assert np.einsum("nd,nd->n", features.descriptors, shot.descriptors).min() > 0.999
        assert features.global_descriptor @ shot.global_descriptor > 0.999
        assert np.abs(features.scores - shot.scores).max() <= 0.5 / 255 + 1e-6
        assert (features.width, features.height) == (640, 480)
        assert {array.dtype for array in (features.keypoints, features.scores,
                                          features.descriptors)} == {np.dtype(np.float32)}


def test_at_most_1024_keypoints_and_as_little_as_none() -> None:
    _, _, shots = world(landmarks=3000, views=2)
    assert len(shots[0].keypoints) > MAX_KEYPOINTS
    blank = replace(shots[0], name="blank", keypoints=np.zeros((0, 2), np.float32),
                    scores=np.zeros(0, np.float32), descriptors=np.zeros((0, 64), np.float32),
                    camera=replace(CAMERA, model="SIMPLE_RADIAL"))
    views, _ = decode_held_out(encode_held_out([blank, *shots], Limits(1, 1)), "v")
    assert [len(view.features) for view in views] == [0, MAX_KEYPOINTS, MAX_KEYPOINTS]
    assert np.allclose(views[1].features.keypoints, shots[0].keypoints[:MAX_KEYPOINTS], atol=0.01)
    without = [replace(shot, global_descriptor=np.zeros(0, np.float32)) for shot in shots]
    assert decode_held_out(encode_held_out(without, Limits(1, 1)), "v")[0][0] \
        .features.global_descriptor.shape == (0,)


def test_malformed_contents_are_refused() -> None:
    _, _, shots = world(views=2)
    good = decode_tile(encode_held_out(shots, Limits(1, 1)), "v")
    changes: list[Callable[[], Tile]] = [
        lambda: replace(good, representation="neumap"),
        *(lambda key=key: replace(good, meta={k: v for k, v in good.meta.items() if k != key})
          for key in good.meta),
        *(lambda key=key: replace(good, arrays={k: v for k, v in good.arrays.items() if k != key})
          for key in good.arrays),
        *(lambda key=key: replace(good, arrays={**good.arrays, key: good.arrays[key][:1]})
          for key in good.arrays),
        *(lambda counts=counts: replace(good, meta={**good.meta, "counts": counts})
          for counts in ([], [-5, 5], [10 ** 30], [1, 1], "ab", [None])),
        lambda: replace(good, meta={**good.meta, "cameras": [["PINHOLE", "wide"]]})]
    for change in changes:
        with pytest.raises(NmapError, match="v: malformed held-out views"):
            decode_held_out(encode_tile(change()), "v")


def test_a_good_map_verifies(tmp_path: Path) -> None:
    path = save(tmp_path)
    report = verify_site(path, NearestNeighbour(path))
    assert report.ok and report.recall == 1.0 and report.recorded == 1.0
    assert [check.id for check in report.files] == ["0", "held-out views"]
    assert all(view.found and view.translation < 0.01 for view in report.views)
    assert Site.open(path).bytes() < sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def test_a_map_that_got_worse_fails(tmp_path: Path) -> None:
    path = save(tmp_path, slice(4))  # too few landmarks to localize anything
    report = verify_site(path, NearestNeighbour(path))
    assert not report.ok and report.recall == 0.0
    assert "recall of held-out views 0.0%, at build it was 100.0%; rebuild" in report.problems[0]
    assert report.views[0].refusal == "solve: 6 pairs needed"
    assert verify_site(path, relocalize=False).ok


@pytest.mark.parametrize(("recorded", "ok"), [(0.94, True), (0.96, True), (None, True)])
def test_what_recall_is_compared_with(recorded: float | None, ok: bool, tmp_path: Path) -> None:
    path = save(tmp_path, recorded=recorded)
    assert verify_site(path, NearestNeighbour(path)).ok is ok


def test_recall_may_fall_by_five_points_and_no_more(tmp_path: Path) -> None:
    """One of twelve views lost is 8.3 points."""
    path = save(tmp_path)
    localizer = NearestNeighbour(path)
    views, limits = stored(path)
    moved = replace(views[0], map_from_camera=replace(
        views[0].map_from_camera, translation=views[0].map_from_camera.translation + 0.04))
    checks = relocalize_views([moved, *views[1:]], localizer, limits)
    assert not checks[0].found and checks[0].translation == pytest.approx(0.04 * 3 ** 0.5, abs=.01)
    assert recall_of(checks) == pytest.approx(11 / 12)
    assert recall_of([]) is None
    for recorded, ok in ((0.96, True), (1.0, False)):
        store(path, [moved, *views[1:]], limits, recorded)
        assert verify_site(path, localizer).ok is ok


@pytest.mark.parametrize(("beyond", "ok"), [(1.05, True), (1.15, False)])
def test_a_view_at_the_limit_makes_no_map_bad(beyond: float, ok: bool, tmp_path: Path) -> None:
    """Of one held-out view, which another machine's solver puts this many limits off."""
    path = save(tmp_path)
    localizer = NearestNeighbour(path)
    views, limits = stored(path)
    found = localizer.localize_features(views[0].features, views[0].camera).map_from_camera
    assert found is not None
    off = np.array([beyond * limits.translation, 0, 0])
    moved = replace(views[0], map_from_camera=replace(found, translation=found.translation + off))
    assert recall_of(relocalize_views([moved], localizer, limits)) == 0.0
    store(path, [moved], limits, 1.0)
    report = verify_site(path, localizer)
    assert report.ok is ok and report.views[0].found is ok


def stored(path: Path) -> tuple[tuple[HeldOut, ...], Limits]:
    """The site's held-out views and their limits."""
    site = Site.open(path)
    assert site.manifest.verification is not None
    return decode_held_out(site.read(site.manifest.verification), "v")


def store(path: Path, views: Sequence[HeldOut], limits: Limits, recall: float) -> None:
    """Others in their place, and the recall that the build recorded."""
    verification = encode_held_out([as_shot(view) for view in views], limits)
    save_site(path, replace(Site.open(path).manifest, built={"recall": recall},
                            verification=verification_entry(verification)), [], verification)


def as_shot(view: HeldOut) -> Shot:
    features = view.features
    return Shot(view.name, view.camera, view.map_from_camera,
                features.keypoints, features.scores, features.descriptors,
                features.global_descriptor)


@pytest.mark.parametrize("which", ["tiles", "verification"])
@pytest.mark.parametrize("damage", ["changed", "truncated", "missing"])
def test_a_damaged_file_fails_and_is_named(which: str, damage: str, tmp_path: Path) -> None:
    path = save(tmp_path)
    file, = (path / which).iterdir()
    data = bytearray(file.read_bytes())
    data[-1] ^= 255
    file.write_bytes(data if damage == "changed" else data[:-10])
    if damage == "missing":
        file.unlink()
    report = verify_site(path)
    assert not report.ok and not report.views
    assert report.problems[0].startswith(str(file))
    assert [check.problem is None for check in report.files] == [which != "tiles",
                                                                which != "verification"]


def test_a_map_without_held_out_views_is_judged_by_its_files(tmp_path: Path) -> None:
    site = Site.open(save(tmp_path))
    save_site(tmp_path, replace(site.manifest, verification=None), [])
    assert not list((tmp_path / "verification").iterdir())
    report = verify_site(tmp_path)
    assert report.ok and report.recall is None


def test_limits() -> None:
    assert Limits.usual("metre", 99.0) == Limits(0.05, 5.0)
    assert Limits.usual("arbitrary", 4.0) == Limits(0.04, 2.0)
