"""Rotation vectors, and how a pose's covariance moves between frames."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc import geometry as g

RNG = np.random.default_rng(3)
CAMERA = g.Rigid(g.rotation_from_vector([0.4, -1.1, 0.7]), np.array([5.0, -2.0, 1.0]))
BASE = g.Rigid(g.rotation_from_vector([-1.2, 0.3, 1.5]), np.array([0.3, 0.1, -0.8]))


def moved(pose: g.Rigid, error: g.Array) -> g.Rigid:
    """The true pose whose error, seen from this one, is as given."""
    return g.Rigid(g.rotation_from_vector(error[3:]) @ pose.rotation, pose.translation + error[:3])


@pytest.mark.parametrize("angle", [0.0, 1e-14, 1e-9, 1e-4, 1.0, 3.1, np.pi - 1e-9])
def test_rotation_vectors_survive_the_way_there_and_back(angle: float) -> None:
    axis = np.array([2.0, -1.0, 0.5])
    vector = angle * axis / np.linalg.norm(axis)
    rotation = g.rotation_from_vector(vector)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(g.rotation_vector(rotation), vector, atol=1e-12)
    assert g.angle_degrees(g.Rigid(rotation, axis), g.Rigid(np.eye(3), axis)) == pytest.approx(
        np.degrees(angle), abs=1e-9)


def test_rotation_vectors_turn_as_skew_says() -> None:
    vector, other = RNG.normal(size=(2, 3))
    np.testing.assert_allclose(g.skew(vector) @ other, np.cross(vector, other))
    np.testing.assert_allclose(g.rotation_from_vector(1e-6 * vector) @ other,
                               other + 1e-6 * np.cross(vector, other), atol=1e-11)


def test_pose_error_is_undone_by_applying_it() -> None:
    error = RNG.normal(0, 0.3, 6)
    np.testing.assert_allclose(g.pose_error(moved(CAMERA, error), CAMERA), error, atol=1e-12)


def test_covariance_moves_between_frames_as_samples_do() -> None:
    root = RNG.normal(size=(6, 6)) * 1e-4
    covariance = root @ root.T
    errors = RNG.multivariate_normal(np.zeros(6), covariance, 1500)
    earth = g.Rigid(g.rotation_from_vector([0.1, 0.2, -2.0]), np.array([100.0, 50.0, 0.0]))
    cases = {
        "attached": (g.covariance_of_attached(covariance, CAMERA, BASE), lambda p: p @ BASE),
        "seen from": (g.covariance_seen_from(covariance, earth), lambda p: earth @ p),
    }
    for name, (transported, change) in cases.items():
        sampled = np.array([g.pose_error(change(moved(CAMERA, e)), change(CAMERA))
                            for e in errors])
        scale = np.sqrt(np.outer(np.diag(transported), np.diag(transported)))
        np.testing.assert_allclose(sampled.T @ sampled / len(sampled) / scale,
                                   transported / scale, atol=0.15, err_msg=name)


def test_transports_undo_each_other() -> None:
    root = RNG.normal(size=(6, 6))
    covariance = root @ root.T
    there = g.covariance_of_attached(covariance, CAMERA, BASE)
    np.testing.assert_allclose(g.covariance_of_attached(there, CAMERA @ BASE, BASE.inverse()),
                               covariance, atol=1e-12)
    there = g.covariance_seen_from(covariance, CAMERA)
    np.testing.assert_allclose(g.covariance_seen_from(there, CAMERA.inverse()), covariance,
                               atol=1e-12)


def test_a_turn_without_bound_is_no_rotation() -> None:
    for vector in ([np.inf, 0, 0], [0, np.nan, 0], [0, 0, 1e200]):
        assert np.isnan(g.rotation_from_vector(vector)).all()
