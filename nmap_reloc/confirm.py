"""A pose confirmed by the map's landmarks: projected, compared with the image, refined until no
more of them agree. The map's "render and compare"."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmap_reloc.chance import log_tail
from nmap_reloc.guided import Agreement, Seen, inside, match_near, on_plane
from nmap_reloc.pose import Solution, SolveOptions, calibrated
from nmap_reloc.refine import Fit, refine
from nmap_reloc.reprojection import Observed
from nmap_reloc.types import Camera, Correspondences, Doubles, Features, Floats, Ints


@dataclass(frozen=True)
class ConfirmOptions:
    """radius: pixels around a projected landmark that are searched in the first round, and at
    least in the others; rounds: at most. fewest: landmarks in view that are worth counting."""

    radius: float = 8.0
    least_radius: float = 4.0
    rounds: int = 4
    fewest: int = 8


@dataclass(frozen=True)
class Known:
    """Landmarks to compare with: positions [L x 3] map units; descriptors [L x D] unit length;
    asked [N x D]: the query's in the same space; similarity: least cosine of a pair; voxels [L]
    index."""

    positions: Doubles
    descriptors: Floats
    asked: Floats
    similarity: float
    voxels: Ints


def confirm(solution: Solution, correspondences: Correspondences, features: Features,
            known: Known, camera: Camera, solving: SolveOptions,
            options: ConfirmOptions | None = None) -> tuple[Solution, Correspondences]:
    """The pose refined with every landmark that is where it should be, and all pairs it stands on.

    The pairs that were given stay; a landmark found again adds its own. How likely chance is
    (Solution.log_false_alarms) remains as of the pairs that were found without knowing the pose.
    """
    options = options or ConfirmOptions()
    seen = replace(Seen.of(features, camera), descriptors=known.asked)
    given = np.ascontiguousarray(correspondences.points3D.T)
    best: tuple[Fit, Agreement] | None = None
    pose, most = solution.map_from_camera, np.count_nonzero(solution.inliers)
    radius = options.radius
    for _ in range(options.rounds):
        found = match_near(seen, pose, known.positions, known.descriptors, radius,
                           known.similarity)
        keypoints = np.concatenate([correspondences.keypoints, found.keypoints])
        points = np.concatenate([given, known.positions[found.landmarks].T], axis=1)
        fit = refine(pose, Observed(seen.planes.take(keypoints, axis=2), points, keypoints),
                     solving.max_error, solving.min_error)
        if fit is None or np.count_nonzero(fit.inliers) <= most:
            break
        best, most = (fit, found), np.count_nonzero(fit.inliers)
        pose = fit.map_from_camera
        radius = max(options.least_radius, min(radius, 3 * fit.residual))
    if best is None:
        return solution, correspondences
    fit, found = best
    pairs = _with(correspondences, features, known, found.keypoints, found.landmarks)
    return replace(solution, map_from_camera=fit.map_from_camera, inliers=fit.inliers,
                   covariance=calibrated(fit, solving.calibration), points3D=pairs.points3D,
                   residual=fit.residual), pairs


def evidence(solution: Solution, correspondences: Correspondences, features: Features,
             known: Known, camera: Camera, options: ConfirmOptions | None = None) -> float:
    """log10 of how likely chance finds so many of the landmarks that the pose does not stand on;
    0 where it finds no more than that.

    Chance is measured on the image itself: with descriptors exchanged among the landmarks.
    """
    options = options or ConfirmOptions()
    fresh = ~_among(known.positions, correspondences.points3D[solution.inliers])
    seen = replace(Seen.of(features, camera), descriptors=known.asked)
    positions, descriptors = known.positions[fresh], known.descriptors[fresh]
    count = int(inside(seen, on_plane(solution.map_from_camera, positions)[0]).sum())
    if count < options.fewest:
        return 0.0

    def found(described: Floats) -> int:
        return len(match_near(seen, solution.map_from_camera, positions, described,
                              options.least_radius, known.similarity))

    exchanged = [found(np.roll(descriptors, shift, axis=0)) for shift in (1, len(positions) // 2)]
    probability = (sum(exchanged) + 1) / (len(exchanged) * count + 1)
    return float(log_tail(count, found(descriptors), min(probability, 0.999)) / np.log(10))


def _among(points: Doubles, others: Doubles) -> npt.NDArray[np.bool_]:
    """[L]: which points [L x 3] are exactly one of the others."""
    def rows(array: Doubles) -> npt.NDArray[np.void]:
        return np.ascontiguousarray(array).view([("", np.float64, 3)]).reshape(-1)

    return np.asarray(np.isin(rows(points).view("V24"), rows(others).view("V24")))


def _with(given: Correspondences, features: Features, known: Known, keypoints: Ints,
          landmarks: Ints) -> Correspondences:
    """The given pairs and one for each landmark found."""
    return Correspondences(
        np.concatenate([given.points2D, features.keypoints[keypoints].astype(np.float64)]),
        np.concatenate([given.points3D, known.positions[landmarks]]),
        np.concatenate([given.confidences, np.ones(len(keypoints), np.float32)]),
        np.concatenate([given.keypoints, keypoints]).astype(np.int32),
        np.concatenate([given.voxels, known.voxels[landmarks]]).astype(np.int32))
