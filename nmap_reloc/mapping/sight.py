"""How exact a tile's places must be for the cameras that pass it."""

from __future__ import annotations

import numpy as np

from nmap_reloc.camera import pinhole_params
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.places import Sight
from nmap_reloc.types import Doubles

PIXELS = 0.5  # a step of a stored place at most, seen from the nearest camera
CLOSE = 5  # per cent of the places that are nearer to a camera than where steps stop shrinking
PER_EYE = 150  # places of a tile for each stored eye
FEWEST_EYES, MOST_EYES = 4, 32
PLACE_BYTES = 2.5  # of a stored place, about: a guess to begin with
SAMPLE = 2048  # places that say which cameras are near


def sight_of(landmarks: Landmarks, positions: Doubles) -> Sight:
    """For a tile of these positions [N x 3], N > 0, in map units."""
    views = landmarks.views
    focal = float(np.median([sum(pinhole_params(view.camera)[:2]) / 2 for view in views]))
    centres = np.stack([view.map_from_camera.translation for view in views])
    some = positions[np.linspace(0, len(positions) - 1, min(SAMPLE, len(positions))).astype(int)]
    nearest = np.zeros(len(some), np.int64)
    away = np.full(len(some), np.inf)
    for index, centre in enumerate(centres):
        distance = np.linalg.norm(some - centre, axis=1)
        closer = distance < away
        nearest[closer], away[closer] = index, distance[closer]
    count = int(np.clip(len(positions) // PER_EYE, FEWEST_EYES, MOST_EYES))
    return Sight(_spread(centres[np.unique(nearest)], count), PIXELS / focal,
                 max(float(np.percentile(away, CLOSE)), 1e-9))


def _spread(points: Doubles, count: int) -> Doubles:
    """At most `count` of the points [K x 3], each as far from the others as can be."""
    chosen = [0]
    away = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count and away.max() > 0:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]
