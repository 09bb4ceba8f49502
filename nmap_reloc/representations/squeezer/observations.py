"""What the multi-view observation fuser sees of a cluster: arrays of one shape for training and
compressing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import project
from nmap_reloc.mapping.choice import REGIONS
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.representations.squeezer.clusters import Indices
from nmap_reloc.types import Floats

FAR = 1e4  # pixels: where a point that a frame can't see is said to be
UNIT = 0.1  # of the median distance from the cameras: a length that means the same in any scene
BESIDE_SENSOR = 3  # numbers of a keypoint beside its descriptor: score and place in the image


@dataclass(frozen=True)
class Frame:
    """One verification frame: view: its index; keypoints [l x 2] pixels; inputs [l x (D + 3)] of
    the keypoint encoder; projected [m x 2] pixels of the cluster's points, FAR where they are out
    of view; regions [m]: in which of the frame's regions, 0 where in none; tracked [m]: whether
    the frame observes the point."""

    view: int
    keypoints: Floats
    inputs: Floats
    projected: Floats
    regions: Indices
    tracked: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Observed:
    """A cluster's m points as the anchors saw them.

    positions [m x 3] about their median, in UNITs; inputs [O x (D + 3)] of every anchor
    observation and owners [O] its point; descriptors [m x D] their unit mean; tracks [m] share of
    the cluster's views that observe the point.
    """

    positions: Floats
    inputs: Floats
    owners: Indices
    descriptors: Floats
    tracks: Floats
    frames: tuple[Frame, ...]


def keypoint_inputs(view: View, rows: npt.NDArray[np.integer]) -> Floats:
    """[N x (D + 3)]: descriptor, score, place from -1 to 1 of some of a view's keypoints."""
    size = np.array([view.camera.width, view.camera.height], np.float32)
    place = 2 * view.keypoints[rows] / size - 1
    return np.concatenate([view.descriptors[rows].astype(np.float32),
                           view.scores[rows, None].astype(np.float32), place], 1,
                          dtype=np.float32)


def in_frame(view: View, points: npt.NDArray[np.float64]) -> Floats:
    """points [m x 3] map units -> pixels [m x 2], FAR where the view can't see them."""
    local = view.map_from_camera.inverse().apply(points)
    pixels = np.full((len(points), 2), FAR, np.float32)
    ahead = local[:, 2] > 1e-6
    with np.errstate(all="ignore"):
        pixels[ahead] = project(view.camera, local[ahead])
    size = np.array([view.camera.width, view.camera.height])
    pixels[~((pixels >= 0) & (pixels <= size)).all(1)] = FAR
    return pixels


def regions_of(view: View, pixels: Floats) -> Indices:
    """Of pixels [m x 2], counted by row; 0 where out of view."""
    size = np.array([view.camera.width, view.camera.height])
    cell = np.clip((pixels / size * REGIONS).astype(np.int64), 0, REGIONS - 1)
    return np.where(pixels[:, 0] < FAR, cell[:, 1] * REGIONS + cell[:, 0], 0)


def observe(landmarks: Landmarks, points: Indices, views: Indices, anchors: Indices,
            verification: Sequence[int], most: int | None = None,
            rng: np.random.Generator | None = None) -> Observed:
    """points [m]; views: all of the cluster. A point that no anchor sees is described by every
    view of the cluster. most: keypoints of a verification frame, drawn by `rng`."""
    slot = np.full(len(landmarks), -1, np.int64)
    slot[points] = np.arange(len(points))
    by_anchor, by_all = _observations(landmarks, slot, anchors), \
        _observations(landmarks, slot, views)
    described = np.zeros(len(points), bool)
    described[by_anchor[0]] = True
    extra = ~described[by_all[0]]
    owners = np.concatenate([by_anchor[0], by_all[0][extra]])
    inputs = np.concatenate([by_anchor[1], by_all[1][extra]])
    dimensions = inputs.shape[1] - BESIDE_SENSOR
    total = np.zeros((len(points), dimensions), np.float32)
    np.add.at(total, owners, inputs[:, :dimensions])
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6)
    tracks = np.bincount(by_all[0], minlength=len(points)) / max(1, len(views))
    positions = landmarks.positions[points]
    frames = []
    for index in verification:
        view = landmarks.views[index]
        rows = np.arange(len(view.keypoints))
        if most is not None and rng is not None and len(rows) > most:
            rows = np.sort(rng.permutation(rows)[:most])
        projected = in_frame(view, positions)
        tracked = np.zeros(len(points), bool)
        mine = slot[view.landmarks[view.landmarks >= 0]]
        tracked[mine[mine >= 0]] = True
        frames.append(Frame(int(index), view.keypoints[rows], keypoint_inputs(view, rows),
                            projected, regions_of(view, projected), tracked))
    placed = (positions - np.median(positions, 0)) / _unit(landmarks, positions, anchors)
    return Observed(placed.astype(np.float32), inputs, owners, total,
                    tracks.astype(np.float32), tuple(frames))


def _observations(landmarks: Landmarks, slot: Indices, views: Indices) -> tuple[Indices, Floats]:
    """(slot [O], keypoint inputs [O x (D + 3)]) of what these views observe of the points."""
    owners, inputs = [], []
    for view in (landmarks.views[i] for i in views.tolist()):
        mine = np.where(view.landmarks >= 0, slot[np.maximum(view.landmarks, 0)], -1)
        rows = np.flatnonzero(mine >= 0)
        owners.append(mine[rows])
        inputs.append(keypoint_inputs(view, rows))
    return np.concatenate(owners), np.concatenate(inputs)


def _unit(landmarks: Landmarks, positions: npt.NDArray[np.float64], anchors: Indices) -> float:
    centres = np.array([landmarks.views[i].map_from_camera.translation
                        for i in anchors.tolist()])
    away = np.linalg.norm(positions[:, None] - centres, axis=2)
    return UNIT * max(float(np.median(away)), 1e-9)
