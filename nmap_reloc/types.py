"""What the rooms hand to each other. Shapes and units are said here and nowhere else.

Pixel coordinates follow COLMAP: the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Image = npt.NDArray[np.uint8]  # [H x W] grey or [H x W x 3] RGB


@dataclass(frozen=True)
class Camera:
    """Intrinsics: a COLMAP camera model name and its parameters, in pixels.

    model: PINHOLE, SIMPLE_RADIAL, OPENCV (plumb_bob), OPENCV_FISHEYE (equidistant),
    FULL_OPENCV (rational_polynomial), or any other name that pycolmap knows.
    """

    model: str
    width: int
    height: int
    params: tuple[float, ...]


@dataclass(frozen=True)
class Features:
    """What the extractor saw in one image of [height x width].

    keypoints [N x 2] pixels (COLMAP convention), best first; scores [N] in 0..1;
    descriptors [N x D] unit length; global_descriptor [G] unit length (empty where there is none).
    """

    keypoints: Floats
    scores: Floats
    descriptors: Floats
    global_descriptor: Floats
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True)
class Correspondences:
    """2D-3D pairs: points2D [M x 2] pixels, points3D [M x 3] map units, confidences [M] in 0..1,
    keypoints [M] index of each pair's keypoint, voxels [M] index of each pair's active voxel.
    others [M x K x 3]: further places that the keypoint may show, likeliest first; None: unknown.
    """

    points2D: Doubles
    points3D: Doubles
    confidences: Floats
    keypoints: Ints
    voxels: Ints
    others: Doubles | None = None

    def __len__(self) -> int:
        return len(self.points2D)

    def some(self, rows: npt.NDArray[np.intp]) -> Correspondences:
        """These pairs, by index."""
        return Correspondences(
            self.points2D[rows], self.points3D[rows], self.confidences[rows],
            self.keypoints[rows], self.voxels[rows],
            None if self.others is None else self.others[rows])


@dataclass(frozen=True)
class PosePrior:
    """Where the camera is believed to be before looking. covariance: see Estimate."""

    map_from_camera: Rigid
    covariance: Doubles


@dataclass(frozen=True)
class Refusal:
    """Which stage refused (features, activation, decode, solve, gate) and why, in one line."""

    stage: str
    reason: str


@dataclass(frozen=True)
class Estimate:
    """The answer for one image.

    map_from_camera: pose of the camera in the map; None when refused before a pose was found.
    covariance [6 x 6]: of (x, y, z, rotation about x, y, z) in ROS order and in the map frame; the
    error is ``true_position - position`` and the left rotation vector ``true @ estimated.T``,
    in map units and radians.
    inliers: boolean mask [M] over correspondences. milliseconds: per stage. refusal: None when
    the pose is accepted.
    """

    map_from_camera: Rigid | None
    covariance: Doubles | None
    correspondences: Correspondences | None
    inliers: npt.NDArray[np.bool_] | None
    milliseconds: dict[str, float] = field(default_factory=dict)
    refusal: Refusal | None = None

    @property
    def accepted(self) -> bool:
        return self.map_from_camera is not None and self.refusal is None

    @property
    def inlier_count(self) -> int:
        return 0 if self.inliers is None else int(self.inliers.sum())
