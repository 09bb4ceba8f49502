"""A recorded drive whose truth is known, and a localizer that knows each of its images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from sources.recorded_bags import (
    BASE_FROM_CAMERA,
    START,
    Message,
    base_to_camera,
    camera_info,
    odometry,
    raw_image,
    record,
    transform,
)

from nmap_reloc.evaluation.recording import Recording, RecordingOptions, open_recording
from nmap_reloc.evaluation.truth_source import find_truth
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.types import (
    Camera,
    Correspondences,
    Estimate,
    Features,
    Image,
    PosePrior,
    Refusal,
)

PERIOD = 100_000_000  # ns between images
ODOM_FROM_START = Rigid(rotation_from_vector([0, 0, 0.4]), np.array([5.0, -3.0, 0.0]))
Poses = Callable[[float], Rigid]


def straight(seconds: float) -> Rigid:
    """map_from_base: 1 m/s along x, turning slowly."""
    return Rigid(rotation_from_vector([0, 0, 0.1 * seconds]), np.array([seconds, 0.0, 0.0]))


def kidnapped(at: float, by: tuple[float, float, float] = (0.0, 6.0, 0.0)) -> Poses:
    """The straight drive, carried away at a time."""
    def pose(seconds: float) -> Rigid:
        own = straight(seconds)
        return own if seconds < at - 1e-9 else Rigid(own.rotation, own.translation + by)
    return pose


def image(index: int, recorded: int | None = None) -> Message:
    """Its first pixel is its number."""
    pixels = np.random.default_rng(index).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    pixels[0, 0] = index
    return raw_image(pixels, "rgb8", START + index * PERIOD, recorded=recorded)


def at(seconds: float) -> int:
    return START + round(seconds * 1e9)


def odometry_tf(duration: float, rate: float = 50.0, late: float = 0.0) -> list[Message]:
    """odom -> base_link, which never notices a kidnap; recorded ``late`` seconds after."""
    made = []
    for k in range(-1, int(duration * rate) + 2):
        topic, ns, kind, message = transform("odom", "base_link", at(k / rate),
                                             ODOM_FROM_START @ straight(k / rate))
        made.append((topic, ns + round(late * 1e9), kind, message))
    return made


def true_odometry(poses: Poses, duration: float, rate: float = 50.0, frame: str = "map",
                  topic: str = "/ground_truth") -> list[Message]:
    made = []
    for k in range(-1, int(duration * rate) + 2):
        name, ns, kind, message = odometry(at(k / rate), poses(k / rate), topic=topic)
        message.header.frame_id = frame
        made.append((name, ns, kind, message))
    return made


def drive(folder: Path, poses: Poses = straight, count: int = 30,
          extra: Iterable[Message] = (), tf: Iterable[Message] | None = None,
          truth: Iterable[Message] | None = None) -> Path:
    """A bag of ``count`` images at 10 Hz with odometry in TF and the truth on a topic."""
    duration = count * PERIOD * 1e-9
    links = odometry_tf(duration) if tf is None else tf
    said = true_odometry(poses, duration) if truth is None else truth
    return record(folder, [*(image(i) for i in range(count)), camera_info(), *base_to_camera(),
                           *links, *said, *extra])


def opened(path: Path, **options: object) -> Recording:
    return open_recording(path, RecordingOptions(**options))


def truth_of(recording: Recording, poses: str = "/ground_truth"):
    return find_truth(recording, poses)[0]


@dataclass
class KnownDriver:
    """Answers with the truth plus an offset [map units] in the map; what the real gate would say
    of a prior it says, too. blind: numbers of images in which it sees nothing."""

    poses: Poses
    offsets: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    blind: frozenset[int] = frozenset()
    sigma: float = 0.01
    unit: str = "metre"
    map_bytes: int = 40_000
    priors: dict[int, PosePrior | None] = field(default_factory=dict)
    active: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(tiles=("a", "b")))

    def extract(self, pixels: Image, camera: Camera) -> tuple[Features, dict[str, float]]:
        number = np.array([[pixels[0, 0, 0], 0]], np.float32)
        nothing = np.zeros(1, np.float32)
        return Features(number, nothing, number, nothing, camera.width,
                        camera.height), {"features": 20.0}

    def localize(self, pixels: Image, camera: Camera, prior: PosePrior | None = None) -> Estimate:
        return self.localize_features(self.extract(pixels, camera)[0], camera, prior)

    def localize_features(self, features: Features, camera: Camera,
                          prior: PosePrior | None = None) -> Estimate:
        index = int(features.keypoints[0, 0])
        self.priors.setdefault(index, prior)
        if index in self.blind:
            return Estimate(None, None, None, None, {"decode": 8.0},
                            Refusal("solve", "3 inliers: 12 are needed"))
        true = self.poses(index * PERIOD * 1e-9)
        moved = Rigid(true.rotation, true.translation + self.offsets.get(index, (0, 0, 0)))
        pose = moved @ BASE_FROM_CAMERA
        refusal = None
        if prior is not None and np.linalg.norm(prior.map_from_camera.translation
                                                - pose.translation) > 0.5:
            refusal = Refusal("gate", "contradicts the prior")
        covariance = np.diag([self.sigma ** 2] * 3 + [1e-6] * 3)
        return Estimate(pose, covariance, matches(index), np.arange(50) < 30, {"decode": 8.0},
                        refusal)


def matches(seed: int) -> Correspondences:
    """50 of them, in 5 voxels."""
    random = np.random.default_rng(seed)
    return Correspondences(random.uniform(1, 47, (50, 2)), random.normal(size=(50, 3)),
                           np.ones(50, np.float32), np.arange(50, dtype=np.int32),
                           (np.arange(50) % 5).astype(np.int32))
