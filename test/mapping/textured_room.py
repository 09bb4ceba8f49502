"""A small world for the tests: a wall with steps of depth, photographed by a moving camera."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.base import PosedImage, Source
from nmap_reloc.types import Camera, Image

CAMERA = Camera("PINHOLE", 320, 240, (280.0, 280.0, 160.0, 120.0))
DEPTHS = (6.0, 4.5, 3.5)  # the planes z = depth, in map units; nearer ones cover less
PIXELS = 120  # of texture per map unit


def render(pose: Rigid, repainted: int | None = None) -> Image:
    """The wall as CAMERA sees it from `pose`, grey [240 x 320]; repainted: a plane that is new."""
    picture = np.zeros((CAMERA.height, CAMERA.width), np.uint8)
    fx, fy, cx, cy = CAMERA.params
    # OpenCV's first pixel is at 0, 0 and ours at 0.5, 0.5.
    intrinsics = np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]])
    camera_from_map = pose.inverse()
    for k, depth in enumerate(DEPTHS):
        texture = _texture(k, 50 + k if repainted == k else k)
        height, width = texture.shape
        left, top = (-6.0, -1.2, 1.1)[k], -4.0
        map_from_texel = np.array([[1 / PIXELS, 0, left + 0.5 / PIXELS],
                                   [0, 1 / PIXELS, top + 0.5 / PIXELS], [0, 0, depth]])
        plane = camera_from_map.rotation @ map_from_texel
        plane[:, 2] += camera_from_map.translation
        size = (CAMERA.width, CAMERA.height)
        seen = cv2.warpPerspective(texture, intrinsics @ plane, size, flags=cv2.INTER_AREA)
        mask = cv2.warpPerspective(np.full((height, width), 255, np.uint8), intrinsics @ plane,
                                   size, flags=cv2.INTER_NEAREST)
        picture[mask > 0] = seen[mask > 0]
    return picture


def poses(count: int) -> list[Rigid]:
    """Sideways along the wall, looking at it with a little turning."""
    found = []
    for t in np.linspace(-1, 1, count):
        turn = 0.12 * t
        rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0],
                             [-np.sin(turn), 0, np.cos(turn)]])
        found.append(Rigid(rotation, np.array([1.2 * t, 0.2 * np.sin(5 * t), 0.3 * t * t])))
    return found


def room(count: int = 8, *, posed: bool = True, fingerprint: str = "room",
         shift: float = 0.0) -> Source:
    """A Source of the room; `shift`: noise of the given poses, in map units."""
    noise = np.random.default_rng(1).normal(0, shift, (count, 3)) if shift else \
        np.zeros((count, 3))
    images = []
    for i, pose in enumerate(poses(count)):
        given = Rigid(pose.rotation, pose.translation + noise[i]) if posed else None
        images.append(PosedImage(f"{i:03d}.png", CAMERA, given, lambda pose=pose: render(pose)))
    return Source(Path("room"), "test", tuple(images), "metre", None, (), fingerprint)


def broken() -> Image:
    raise NmapError("broken.png (12 bytes): not a readable image; restore it or leave it out")


def _texture(k: int, seed: int) -> Image:
    """Random patches of several sizes: corners and blobs at every scale."""
    random = np.random.default_rng(seed)
    size = (int(8 * PIXELS), int((12 - 4.5 * k) * PIXELS))
    picture = np.zeros(size, np.float32)
    for cell in (96, 40, 16, 6):
        coarse = random.random((size[0] // cell + 1, size[1] // cell + 1)).astype(np.float32)
        picture += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_NEAREST)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    return np.asarray(cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX), np.uint8)
