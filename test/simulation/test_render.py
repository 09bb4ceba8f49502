"""What a pixel shows is what the geometry says."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

pytest.importorskip("embreex")
pytest.importorskip("trimesh")

from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation import rooms
from nmap_reloc.simulation.light import lighting
from nmap_reloc.simulation.optics import Optics, pinhole, pixel_centres
from nmap_reloc.simulation.pairs import correspondence_pairs, matches
from nmap_reloc.simulation.render import Renderer
from nmap_reloc.simulation.textures import sheet
from nmap_reloc.simulation.trajectory import camera_pose, drive
from nmap_reloc.simulation.world import Builder

PLAIN = Optics(noise=0, blur=0, vignette=0)
CAMERA = pinhole((320, 240))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(rooms.build(2, 0.25, 1))


@pytest.fixture(scope="module")
def pose(renderer: Renderer) -> Rigid:
    return drive(renderer.world, 0, 12)[3]


def target() -> Renderer:
    """A wall of 2 x 1 metres at x = 4 with a red dot at a known place, and a floor."""
    b = Builder(np.random.default_rng(0))
    dotted = sheet((500, 1000), (200, 200, 200))
    cv2.circle(dotted, (300, 200), 12, (255, 0, 0), -1, cv2.LINE_AA)  # of pixels of 2 mm
    texture = b.atlas.add(dotted)
    skin = b.paint(lambda rng, size, ppm: sheet(size, (90, 90, 90)), 1, 1, 50)
    b.panel((4, 1, 2), (0, -2, 0), (0, 0, -1), type(skin)(texture, 2, 1))
    b.panel((0, 3, 0), (8, 0, 0), (0, -6, 0), skin)
    return Renderer(b.finish("target", 0, outdoor=True))


def test_a_known_point_lands_where_the_pose_says() -> None:
    pose = camera_pose((0.3, -0.4, 1.2), yaw=0.15, pitch=0.08, roll=0.1)
    view = target().render(CAMERA, pose, PLAIN)
    red = view.image[..., 0].astype(float) - view.image[..., 1]
    weights = np.where(red > 20, red, 0).ravel()
    seen = (weights[:, None] * pixel_centres(320, 240)).sum(0) / weights.sum()
    # The picture's pixel (300, 200) has its centre at (300.5, 200.5): 0.601 m right, 0.401 m down.
    dot = pose.inverse().apply([[4, 1 - 0.601, 2 - 0.401]])[0]
    fx, fy, cx, cy = CAMERA.params
    np.testing.assert_allclose(seen, [fx * dot[0] / dot[2] + cx, fy * dot[1] / dot[2] + cy],
                               atol=0.1)
    assert view.depth[int(seen[1]), int(seen[0])] == pytest.approx(dot[2], abs=0.01)


def test_depth_is_the_distance_to_the_surface(renderer: Renderer, pose: Rigid) -> None:
    view = renderer.render(CAMERA, pose, PLAIN)
    pixels = pixel_centres(320, 240)[::97]
    fx, fy, cx, cy = CAMERA.params
    depth = view.depth.reshape(-1)[::97].astype(np.float64)
    in_camera = np.column_stack([(pixels - (cx, cy)) / (fx, fy) * depth[:, None], depth])
    points = pose.apply(in_camera)
    world, panel = renderer.world, view.panel.reshape(-1)[::97]
    assert (panel >= 0).all()  # rooms are closed
    above = np.einsum("nd,nd->n", world.normal[panel], points - world.origin[panel])
    assert np.abs(above).max() < 1e-5
    again, seen = renderer.surface(CAMERA, pose, pixels)
    assert seen.all()
    np.testing.assert_allclose(again, points, atol=1e-5)


def test_rendering_is_deterministic(renderer: Renderer, pose: Rigid) -> None:
    first, again, other = (renderer.render(CAMERA, pose, seed=seed).image for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)  # the noise differs


def test_pictures_have_structure(renderer: Renderer, pose: Rigid) -> None:
    image = renderer.render(CAMERA, pose).image
    assert image.std() > 20 and 40 < image.mean() < 200
    assert len(cv2.SIFT_create().detect(image[..., 1], None)) > 150  # type: ignore[attr-defined]


def test_two_views_agree_where_they_see_the_same(renderer: Renderer, pose: Rigid) -> None:
    moved = Rigid(pose.rotation, pose.translation + (0.15, -0.1, 0.05))
    a, b = matches(renderer, CAMERA, pose, moved, 4000, np.random.default_rng(0))
    assert len(a) > 2000
    grey = [cv2.GaussianBlur(renderer.render(CAMERA, p, PLAIN).image, (0, 0), 1.0)[..., 1]
            .astype(np.float32) for p in (pose, moved)]
    values = [cv2.remap(g, p[:, 0:1] - 0.5, p[:, 1:2] - 0.5, cv2.INTER_LINEAR)[:, 0]
              for g, p in zip(grey, (a, b))]
    gain = np.median(values[0] / np.maximum(values[1], 1))  # the exposure follows the picture
    difference = np.abs(values[0] - gain * values[1])
    assert np.median(difference) < 3
    assert np.corrcoef(values)[0, 1] > 0.97
    wrong = np.random.default_rng(0).permutation(len(a))
    assert abs(np.corrcoef(values[0], values[1][wrong])[0, 1]) < 0.1


def test_what_is_hidden_is_no_correspondence(renderer: Renderer, pose: Rigid) -> None:
    moved = Rigid(pose.rotation, pose.translation + (0.3, 0.3, 0))
    a, b = matches(renderer, CAMERA, pose, moved, 3000, np.random.default_rng(1))
    points, _ = renderer.surface(CAMERA, pose, a.astype(np.float64))
    seen, _ = renderer.surface(CAMERA, moved, b.astype(np.float64))
    assert np.median(np.linalg.norm(points - seen, axis=1)) < 1e-4
    assert np.linalg.norm(points - seen, axis=1).max() < 0.1


def test_light_changes_between_drives(renderer: Renderer, pose: Rigid) -> None:
    other = Renderer(renderer.world, lighting(renderer.world, 1))
    images = [r.render(CAMERA, pose, PLAIN).image.astype(float) for r in (renderer, other)]
    assert np.abs(images[0] - images[1]).mean() > 2
    assert np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] > 0.7


def test_training_pairs() -> None:
    pairs = list(correspondence_pairs(0, 2, size=(160, 120), points=400, detail=0.1,
                                      extent=1))
    for image_a, image_b, points_a, points_b in pairs:
        assert image_a.shape == image_b.shape == (120, 160, 3)
        assert points_a.shape == points_b.shape and len(points_a) >= 40
        for points in (points_a, points_b):
            assert points.min() > 0 and (points < (160, 120)).all()


def test_speed(renderer: Renderer, pose: Rigid) -> None:
    started = time.process_time()
    renderer.render(pinhole(), pose)
    assert time.process_time() - started < 3  # about 0.5 s; the bound only catches a blunder
