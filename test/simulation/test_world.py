"""The same seed gives the same world, another one another."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pytest

pytest.importorskip("embreex")
pytest.importorskip("trimesh")

import trimesh

from nmap_reloc.errors import NmapError
from nmap_reloc.simulation.bake import Caster
from nmap_reloc.simulation.trajectory import drive
from nmap_reloc.simulation.world import World
from nmap_reloc.simulation.worlds import build_world

DETAIL = 0.05


@lru_cache(maxsize=4)
def small(name: str, seed: int) -> World:
    """Two rooms, or a short piece of lane."""
    return fresh(name, seed)


def fresh(name: str, seed: int) -> World:
    return build_world(name, seed, DETAIL, 2 if name == "rooms" else 8)


@pytest.mark.parametrize("name", ["rooms", "lane"])
def test_the_seed_decides_everything(name: str) -> None:
    first, again, other = (fresh(name, seed) for seed in (0, 0, 1))
    for field in ("origin", "edge_u", "edge_v", "texture", "region"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    level = np.zeros(1, np.float32)
    middle = np.full(1, 0.37, np.float32)
    for texture in range(0, len(first.atlas.shapes()), 7):
        number = np.array([texture], np.int32)
        np.testing.assert_array_equal(first.atlas.sample(number, middle, middle, level),
                                      again.atlas.sample(number, middle, middle, level))
    assert len(first) != len(other) or not np.array_equal(first.origin, other.origin)


def test_the_mesh_is_the_panels() -> None:
    world = small("rooms", 0)
    assert isinstance(world.mesh, trimesh.Trimesh)
    assert len(world.mesh.faces) == len(world.panel_of_triangle)
    normals = world.normal[world.panel_of_triangle]
    facing = np.einsum("td,td->t", world.mesh.face_normals, normals)
    np.testing.assert_allclose(np.abs(facing), 1, atol=1e-6)
    assert world.mesh.extents[0] > 8 and world.mesh.extents[1] > 4  # metres: two rooms


@pytest.mark.parametrize("name", ["rooms", "lane"])
@pytest.mark.parametrize("query", [False, True])
def test_drives_are_smooth_and_inside(name: str, query: bool) -> None:
    world = small(name, 0)
    poses = drive(world, 0, 300, query)
    places = np.array([pose.translation for pose in poses])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert steps.max() < 0.5
    turns = [np.linalg.norm(a.rotation - b.rotation) for a, b in itertools.pairwise(poses)]
    assert max(turns) < 0.6
    for pose in poses[::50]:
        np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(pose.rotation) > 0
    assert clearance(world, places[::6]).min() > 0.15


def test_map_and_query_drives_differ() -> None:
    world = small("rooms", 0)
    mapped = np.array([pose.translation for pose in drive(world, 0, 60)])
    asked = np.array([pose.translation for pose in drive(world, 0, 20, query=True)])
    nearest = np.linalg.norm(asked[:, None] - mapped[None], axis=2).min(1)
    assert 0.1 < np.median(nearest) < 1.0


def test_an_unknown_world_is_refused() -> None:
    with pytest.raises(NmapError, match=r"'cave'.*choose one of"):
        build_world("cave")


def clearance(world: World, places: np.ndarray) -> np.ndarray:
    """How far from each place [N x 3] the nearest thing is, in 64 directions: [N] metres."""
    caster = Caster(world)
    rays = np.random.default_rng(0).standard_normal((64, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    nearest = np.full(len(places), 1.0)
    for reach in np.arange(0.9, 0.0, -0.1):
        for ray in rays:
            hit = caster.blocked(places, np.broadcast_to(ray, places.shape), reach)
            nearest[hit] = reach
    return nearest
