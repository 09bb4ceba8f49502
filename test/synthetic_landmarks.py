"""Points with descriptors of their own, seen from many sides: Landmarks without images."""

from __future__ import annotations

import numpy as np

from nmap_reloc.camera import project
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.types import Camera, Doubles, Features, Floats

CAMERA = Camera("PINHOLE", 640, 480, (400.0, 400.0, 320.0, 240.0))
LONELY = 40  # keypoints of a view that belong to no landmark


def world(seed: int = 0, count: int = 600, views: int = 12, dimensions: int = 32,
          unit: str = "metre", held_out: int = 2) -> Landmarks:
    """Points in a box of 8 x 6 x 3 around a camera path; descriptors differ a little by view."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform((-4, -3, 4), (4, 3, 7), (count, 3))
    described = _unit(rng.normal(size=(count, dimensions)))
    made = [_view(rng, f"{seed}-{i:02d}.jpg", _pose(i, views + held_out), positions, described)
            for i in range(views + held_out)]
    mapped, checks = made[:views], made[views:]
    lengths = np.bincount(np.concatenate([v.landmarks[v.landmarks >= 0] for v in mapped]),
                          minlength=count)
    unseen = tuple(View(v.name, v.camera, v.map_from_camera, v.keypoints, v.scores, v.descriptors,
                        np.full(len(v.keypoints), -1, np.int32), v.global_descriptor)
                   for v in checks)
    return Landmarks(positions, np.maximum(lengths, 1).astype(np.int32),
                     np.full(count, 0.4, np.float32), tuple(mapped), unseen, unit, "sift",
                     f"{seed:02d}" * 32)


def features_of(view: View) -> Features:
    """What the extractor would have given for a view."""
    return Features(view.keypoints, view.scores, view.descriptors, view.global_descriptor,
                    view.camera.width, view.camera.height)


def _pose(index: int, count: int) -> Rigid:
    angle = 0.5 * np.sin(2 * np.pi * index / count)
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return Rigid(rotation, np.array([2.0 * np.cos(index), 0.3 * np.sin(3 * index), -1.0]))


def _view(rng: np.random.Generator, name: str, pose: Rigid, positions: Doubles,
          described: Floats) -> View:
    local = pose.inverse().apply(positions)
    pixels = project(CAMERA, local)
    inside = (local[:, 2] > 0.5) & (pixels > 4).all(1) \
        & (pixels < np.array([CAMERA.width - 4, CAMERA.height - 4])).all(1)
    seen = rng.permutation(np.flatnonzero(inside)).astype(np.int32)
    width = described.shape[1]
    keypoints = np.concatenate([pixels[seen] + rng.normal(size=(len(seen), 2)) * 0.3,
                                rng.uniform(5, (635, 475), (LONELY, 2))])
    own = described[seen] + 0.25 / np.sqrt(width) * rng.normal(size=(len(seen), width))
    descriptors = np.concatenate([_unit(own), _unit(rng.normal(size=(LONELY, width)))])
    owner = np.concatenate([seen, np.full(LONELY, -1)]).astype(np.int32)
    whole = _unit(np.r_[pose.translation, pose.rotation[0], 0.3][None])[0]
    return View(name, CAMERA, pose, keypoints.astype(np.float32),
                np.linspace(1, 0.1, len(owner)).astype(np.float32),
                descriptors.astype(np.float32), owner, whole.astype(np.float32))


def _unit(rows: Doubles) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
