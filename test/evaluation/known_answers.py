"""A localizer whose errors are known: it answers with the truth plus what it was told to add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from transforms3d.axangles import axangle2mat

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.types import Camera, Correspondences, Estimate, Image, PosePrior, Refusal

CAMERA = Camera("PINHOLE", 160, 120, (120.0, 120.0, 80.0, 60.0))


@dataclass(frozen=True)
class Answer:
    """Offset [map units] and turn [degrees about z] added to the truth; or a refusal."""

    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    degrees: float = 0.0
    sigma: float = 0.01
    inliers: int = 30
    refusal: Refusal | None = None
    milliseconds: dict[str, float] = field(default_factory=lambda: {"features": 20.0,
                                                                    "decode": 8.0})


@dataclass
class KnownLocalizer:
    """Knows an image by the value of its first pixel."""

    poses: list[Rigid]
    answers: list[Answer]
    unit: str = "metre"
    map_bytes: int = 40_000
    calls: int = 0

    def localize(self, image: Image, camera: Camera, prior: PosePrior | None = None) -> Estimate:
        self.calls += 1
        index = int(image.reshape(-1)[0])
        answer, true = self.answers[index], self.poses[index]
        if answer.refusal is not None:
            return Estimate(None, None, None, None, answer.milliseconds, answer.refusal)
        turned = axangle2mat([0, 0, 1], np.radians(answer.degrees)) @ true.rotation
        pose = Rigid(turned, true.translation + answer.offset)
        covariance = np.diag([answer.sigma ** 2] * 3 + [1e-6] * 3)
        matches = _matches(camera, answer.inliers, index)
        return Estimate(pose, covariance, matches, np.arange(len(matches)) < answer.inliers,
                        answer.milliseconds, None)


def circle(count: int, radius: float = 2.0) -> list[Rigid]:
    """Cameras on a level circle that look inward; z is up."""
    poses = []
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        back = np.array([np.cos(angle), np.sin(angle), 0.0])
        right = np.array([-np.sin(angle), np.cos(angle), 0.0])
        poses.append(Rigid(np.stack([right, [0.0, 0.0, -1.0], -back], axis=1), radius * back))
    return poses


def images(poses: list[Rigid | None], unreadable: tuple[int, ...] = ()) -> list[PosedImage]:
    return [PosedImage(f"{i:03d}.png", CAMERA, pose, _reader(i, i in unreadable))
            for i, pose in enumerate(poses)]


def _reader(index: int, unreadable: bool) -> Callable[[], Image]:
    def read() -> Image:
        if unreadable:
            raise NmapError(f"{index:03d}.png: not an image; replace it")
        pixels = np.random.default_rng(index).integers(0, 255, (CAMERA.height, CAMERA.width, 3))
        pixels[0, 0] = index
        return pixels.astype(np.uint8)
    return read


def _matches(camera: Camera, inliers: int, seed: int) -> Correspondences:
    count = inliers + 20
    random = np.random.default_rng(seed)
    points = random.uniform(0, 1, (count, 2)) * [camera.width, camera.height]
    return Correspondences(points, random.normal(size=(count, 3)), np.ones(count, np.float32),
                           np.arange(count, dtype=np.int32), np.zeros(count, np.int32))
