"""The likeliest pose under an assignment of which little is sure."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.pose import SolveOptions, solve_from
from nmap_reloc.representations.maddr.guide import Assignment, Guide, judged, likeliest
from nmap_reloc.types import Camera, Correspondences, Features, Refusal

CAMERA = Camera("PINHOLE", 640, 480, (400.0, 400.0, 320.0, 240.0))
TRUTH = Rigid(np.eye(3), np.zeros(3))
KEYPOINTS, LANDMARKS = 400, 120


def about(shift: float, turn: float) -> Rigid:
    return Rigid(rotation_from_vector(np.array([0.0, turn, 0.0])), np.array([shift, 0.0, 0.0]))


def ambiguous(present: int, seed: int = 0) -> tuple[Features, np.ndarray, Assignment]:
    """`present` of the landmarks are among the keypoints, and then one of eight that are about
    equally likely; of the others, any eight."""
    rng = np.random.default_rng(seed)
    places = rng.uniform([10, 10], [630, 470], (LANDMARKS, 2))
    depth = rng.uniform(2, 5, (LANDMARKS, 1))
    positions = np.concatenate([(places - [320, 240]) / 400, np.ones((LANDMARKS, 1))], 1) * depth
    keypoints = rng.uniform([0, 0], [640, 480], (KEYPOINTS, 2))
    keypoints[:present] = places[:present] + rng.normal(0, 0.5, (present, 2))
    scores = np.full((1, KEYPOINTS, LANDMARKS), -20.0)
    for landmark in range(LANDMARKS):
        some = rng.choice(KEYPOINTS, 8, replace=False)
        if landmark < present:
            some[0] = landmark
        scores[0, some, landmark] = rng.normal(-2, 0.5, 8)
    features = Features(keypoints.astype(np.float32), np.ones(KEYPOINTS, np.float32),
                        np.zeros((KEYPOINTS, 4), np.float32), np.zeros(0, np.float32), 640, 480)
    return features, positions, Assignment.of(
        scores.astype(np.float32), np.arange(KEYPOINTS, dtype=np.int32)[None],
        np.arange(LANDMARKS, dtype=np.int32)[None], np.array([3], np.int32))


def started(pose: Rigid, positions: np.ndarray) -> object:
    """A solution with this pose."""
    local = pose.inverse().apply(positions)
    flat = local[:, :2] / local[:, 2:] * 400 + [320, 240]
    return solve_from(pose, Correspondences(
        flat, positions, np.ones(len(flat), np.float32), np.arange(len(flat), dtype=np.int32),
        np.zeros(len(flat), np.int32)), CAMERA)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_from_a_pose_nearby_to_the_right_one(seed: int) -> None:
    features, positions, assignment = ambiguous(60, seed)
    guide = Guide(assignment, features, positions, CAMERA)
    near, far = about(0.06, 0.03), about(1.0, 0.8)
    assert guide.evidence(TRUTH) > 50 > 5 > guide.evidence(far)
    starts = judged(guide, [started(pose, positions) for pose in (far, near)]
                    + [Refusal("solve", "too few agree")])
    assert [start.evidence < 5 for start in starts] == [True, False]
    found = likeliest(guide, starts, SolveOptions())
    assert found is not None
    solution, pairs = found
    assert np.linalg.norm(solution.map_from_camera.translation) < 0.01
    assert solution.log_false_alarms < -5 and len(solution.inliers) == len(pairs)
    assert len(set(pairs.keypoints.tolist())) == len(pairs) and set(pairs.voxels.tolist()) == {3}


def test_chance_is_not_taken_for_a_pose() -> None:
    features, positions, assignment = ambiguous(0)
    guide = Guide(assignment, features, positions, CAMERA)
    found = likeliest(guide, judged(guide, [started(TRUTH, positions)]), SolveOptions())
    assert found is None or found[0].log_false_alarms == 0


def test_where_all_landmarks_fall_together_is_no_evidence() -> None:
    """From far away the map is a spot, and some keypoint of each landmark's is near it."""
    features, positions, assignment = ambiguous(60)
    crowd = features.keypoints.copy()
    crowd[:200] = np.array([320, 240]) + np.random.default_rng(1).normal(0, 3, (200, 2))
    spot = Features(crowd, features.scores, features.descriptors, features.global_descriptor,
                    640, 480)
    guide = Guide(assignment, spot, positions, CAMERA)
    assert guide.evidence(Rigid(np.eye(3), np.array([0.0, 0.0, -500.0]))) < 5


def test_keypoints_that_the_lens_cannot_have_seen() -> None:
    features, positions, assignment = ambiguous(60)
    features.keypoints[100:110] = np.nan
    guide = Guide(assignment, features, positions, CAMERA)
    assert np.isfinite(guide.evidence(TRUTH)) and guide.evidence(TRUTH) > 50
    assert guide.settle(TRUTH, SolveOptions()) is not None


def test_no_pose_to_start_from() -> None:
    features, positions, assignment = ambiguous(60)
    guide = Guide(assignment, features, positions, CAMERA)
    assert likeliest(guide, [], SolveOptions()) is None


def test_a_pair_named_twice_counts_once() -> None:
    """By two views: as probable as the surer says."""
    scores = np.log(np.array([[[.9, .1], [.1, .9]], [[.6, .4], [.4, .6]]], np.float32))
    both = np.array([[0, 1], [0, 1]], np.int32)
    given = Assignment.of(scores, both, np.array([[4, -1], [4, 7]], np.int32),
                          np.array([2, 5], np.int32))
    assert list(zip(given.landmarks, given.keypoints, strict=True)) == [(4, 0), (4, 1), (7, 0),
                                                                       (7, 1)]
    assert given.views.tolist() == [2, 5, 5, 5] and given.probable[0] > 0.8
