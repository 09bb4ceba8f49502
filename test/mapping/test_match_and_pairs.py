"""Matching rules, epipolar check, pairs of views and the filters on points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from mapping.textured_room import CAMERA, poses

from nmap_reloc.camera import project
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.mapping.match import POSED, Rule, match, mutual
from nmap_reloc.mapping.pairs import pairs_by_appearance, pairs_by_pose
from nmap_reloc.mapping.points import reconstruct, sound_points
from nmap_reloc.types import Features


def silent(items: Iterable[Any], _: str, total: int | None = None) -> Iterator[Any]:
    return iter(items)


def cloud(count: int = 60, views: int = 4) -> tuple[np.ndarray, list[Shot]]:
    """Random points seen by moving cameras without noise, a random descriptor each."""
    random = np.random.default_rng(0)
    points = random.uniform((-2, -1.5, 4), (2, 1.5, 6), (count, 3))
    descriptors = random.normal(size=(count, 128)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    shots = []
    for i, pose in enumerate(poses(views)):
        pixels = project(CAMERA, pose.inverse().apply(points)).astype(np.float32)
        features = Features(pixels, np.ones(count, np.float32), descriptors,
                            np.eye(4, dtype=np.float32)[i % 4], CAMERA.width, CAMERA.height)
        shots.append(Shot(f"{i}.png", CAMERA, pose, features))
    return points, shots


def test_mutual_wants_both_sides_and_a_clear_best() -> None:
    similarity = np.array([[0.99, 0.2, 0.1], [0.98, 0.3, 0.2], [0.1, 0.2, 0.8]], np.float32)
    assert mutual(similarity.copy(), Rule(0.9, 0.5)).tolist() == [[0, 0], [2, 2]]
    assert mutual(similarity.copy(), Rule(0.9, 0.9)).tolist() == [[0, 0]]
    close = np.array([[0.95, 0.94], [0.1, 0.2]], np.float32)
    assert mutual(close.copy(), Rule(0.8, 0.5)).tolist() == []
    assert mutual(close.copy(), Rule(1.0, 0.5)).tolist() == [[0, 0]]


def test_matches_off_the_epipolar_line_are_dropped() -> None:
    _, shots = cloud()
    pixels = shots[1].features.keypoints
    pixels[:20, 1] += 12  # the cameras move sideways: up and down is off the line
    kept = match(shots[:2], [(0, 1)], POSED, "sift", silent)[0, 1]
    assert set(kept[:, 0]) == set(range(20, 60))
    unchecked = match(shots[:2], [(0, 1)], POSED, "sift", silent, band=None)[0, 1]
    assert len(unchecked) == 60


def test_points_are_where_they_are() -> None:
    points, shots = cloud()
    pairs = pairs_by_pose([shot.map_from_camera for shot in shots if shot.map_from_camera])
    found = match(shots, pairs, POSED, "sift", silent)
    made = sound_points(shots, reconstruct(shots, found))
    assert len(made.positions) >= 55
    nearest = np.linalg.norm(made.positions[:, None] - points, axis=2).min(1)
    assert nearest.max() < 1e-3
    assert made.errors.max() < 0.01


def test_points_without_parallax_are_dropped() -> None:
    points, shots = cloud()
    close = Rigid(shots[0].map_from_camera.rotation,  # type: ignore[union-attr]
                  shots[0].map_from_camera.translation + [0.02, 0, 0])  # type: ignore[union-attr]
    pixels = project(CAMERA, close.inverse().apply(points)).astype(np.float32)
    features = shots[0].features
    twin = Shot("twin.png", CAMERA, close, Features(
        pixels, features.scores, features.descriptors, features.global_descriptor,
        CAMERA.width, CAMERA.height))
    both = [shots[0], twin]
    found = match(both, [(0, 1)], POSED, "sift", silent)
    assert len(found[0, 1]) == 60  # they match, but 2 cm at 4 units is a quarter of a degree
    assert len(sound_points(both, reconstruct(both, found)).positions) == 0


def test_pairs_look_the_same_way() -> None:
    line = poses(6)
    away = Rigid(np.diag([-1.0, 1.0, -1.0]), np.zeros(3))
    found = pairs_by_pose([*line, away], neighbours=3)
    assert not any(6 in pair for pair in found)
    assert (0, 1) in found and (0, 5) not in found
    assert found == sorted(set(found)) and all(a < b for a, b in found)


def test_pairs_of_cameras_that_stand_still() -> None:
    assert pairs_by_pose([Rigid.identity()] * 3) == [(0, 1), (0, 2), (1, 2)]


def test_few_photographs_are_matched_all_with_all() -> None:
    _, shots = cloud(views=4)
    assert len(pairs_by_appearance(shots)) == 6
    many = shots * 16
    found = pairs_by_appearance(many, neighbours=3)
    assert len(found) <= 64 * 3
    assert all(a % 4 == b % 4 for a, b in found)
