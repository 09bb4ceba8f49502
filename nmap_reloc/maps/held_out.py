"""Held-out views as one content-addressed file, small enough to stay with the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.maps.tile import Arrays, Json, Tile, decode_tile, encode_tile
from nmap_reloc.types import Camera, Features, Floats

KIND = "verification"
MAX_KEYPOINTS = 1024
REMEDY = "copy the map again or rebuild it with `nmap-reloc map build`"


@dataclass(frozen=True)
class Limits:
    """A view is found when both errors are within: translation in map units, rotation degrees."""

    translation: float
    rotation: float

    @staticmethod
    def usual(unit: str, span: float) -> Limits:
        """5 cm and 5 degrees, or 1 % of span and 2 degrees where the unit is arbitrary."""
        return Limits(0.05, 5.0) if unit == "metre" else Limits(round(0.01 * span, 9), 2.0)

    def times(self, factor: float) -> Limits:
        return Limits(factor * self.translation, factor * self.rotation)


class PosedFeatures(Protocol):
    """What a view must have to be held out (mapping.landmarks.View has it)."""

    @property
    def name(self) -> str: ...

    @property
    def camera(self) -> Camera: ...

    @property
    def map_from_camera(self) -> Rigid: ...

    @property
    def keypoints(self) -> Floats: ...

    @property
    def scores(self) -> Floats: ...

    @property
    def descriptors(self) -> Floats: ...

    @property
    def global_descriptor(self) -> Floats: ...


@dataclass(frozen=True)
class HeldOut:
    """One view as it is stored: its true pose and its features, rounded to bytes."""

    name: str
    camera: Camera
    map_from_camera: Rigid
    features: Features


def encode_held_out(views: Sequence[PosedFeatures], limits: Limits) -> bytes:
    """The verification file. views: at least one; each keeps its best MAX_KEYPOINTS keypoints.

    Per value a byte for descriptors and scores, two for keypoints (steps of 1/65535 image side).
    """
    cameras = list(dict.fromkeys(view.camera for view in views))
    counts = [min(len(view.keypoints), MAX_KEYPOINTS) for view in views]
    descriptors = np.concatenate([view.descriptors[:count] for view, count in zip(views, counts)])
    keypoints = np.concatenate([view.keypoints[:count] * (65535 / _side(view.camera))
                                for view, count in zip(views, counts)])
    scores = np.concatenate([view.scores[:count] for view, count in zip(views, counts)])
    low, high = (float(descriptors.min()), float(descriptors.max())) if sum(counts) else (0.0, 1.0)
    step = max(high - low, 1e-6) / 255
    meta = {
        "names": [view.name for view in views], "counts": counts,
        "cameras": [[c.model, c.width, c.height, *c.params] for c in cameras],
        "camera": [cameras.index(view.camera) for view in views],
        "limits": [limits.translation, limits.rotation], "descriptor": [low, step]}
    arrays: Arrays = {
        "pose": np.array([[*view.map_from_camera.quaternion(), *view.map_from_camera.translation]
                          for view in views], np.float64),
        "keypoints": np.clip(np.rint(keypoints), 0, 65535).astype(np.uint16),
        "scores": np.clip(np.rint(scores * 255), 0, 255).astype(np.uint8),
        "descriptors": np.clip(np.rint((descriptors - low) / step), 0, 255).astype(np.uint8),
        "global": np.stack([view.global_descriptor for view in views]).astype(np.float16)}
    return encode_tile(Tile(KIND, KIND, meta, arrays))


def decode_held_out(data: bytes, name: str) -> tuple[tuple[HeldOut, ...], Limits]:
    """What `encode_held_out` stored. name: the file. NmapError when damaged or malformed."""
    tile = decode_tile(data, name)
    try:
        if tile.representation != KIND:
            raise ValueError(f"representation {tile.representation[:40]!r}")
        limits = Limits(*(float(value) for value in tile.meta["limits"]))
        counts = [int(count) for count in tile.meta["counts"]]
        if not counts or not all(0 <= count <= MAX_KEYPOINTS for count in counts):
            raise ValueError(f"keypoint counts {str(counts)[:40]}")
        ends = np.cumsum(counts)
        views = tuple(_view(tile.meta, tile.arrays, i, slice(end - counts[i], end))
                      for i, end in enumerate(ends.tolist()))
        if len(views) != len(tile.meta["names"]) or int(ends[-1]) != len(tile.arrays["scores"]):
            raise ValueError(f"{len(views)} views")
    except (KeyError, ValueError, TypeError, IndexError, OverflowError,
            np.linalg.LinAlgError) as error:
        raise NmapError(f"{name}: malformed held-out views ({error}); {REMEDY}") from error
    return views, limits


def _view(meta: Mapping[str, Json], arrays: Mapping[str, npt.NDArray[Any]], i: int, rows: slice
          ) -> HeldOut:
    model, width, height, *params = meta["cameras"][meta["camera"][i]]
    camera = Camera(str(model), int(width), int(height), tuple(float(p) for p in params))
    low, step = meta["descriptor"]
    pose = arrays["pose"][i]
    if pose.shape != (7,) or not np.isfinite(pose).all():
        raise ValueError(f"pose {i} of shape {pose.shape}")
    features = Features(
        (arrays["keypoints"][rows].reshape(-1, 2) * (_side(camera) / 65535)).astype(np.float32),
        (arrays["scores"][rows].reshape(-1) / 255).astype(np.float32),
        _unit(low + step * arrays["descriptors"][rows].astype(np.float32)),
        _unit(arrays["global"][i].astype(np.float32)[None])[0], camera.width, camera.height)
    if features.descriptors.ndim != 2 or not (
            len(features.keypoints) == len(features.scores) == len(features.descriptors)):
        raise ValueError(f"features of view {i}")
    return HeldOut(str(meta["names"][i]), camera, Rigid.from_quaternion(pose[:4], pose[4:]),
                   features)


def _side(camera: Camera) -> int:
    return max(camera.width, camera.height)


def _unit(rows: npt.NDArray[Any]) -> Floats:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), np.float32)
