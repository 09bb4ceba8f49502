"""How much a map gains: its held-out views are localized and what supports them is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nmap_reloc.geometry import angle_degrees, span_of
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.maps.held_out import Limits
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.maps.tile import Tile
from nmap_reloc.representations import open_decoder
from nmap_reloc.types import Features


class Trial:
    """Held-out views of a scene, to be localized against one set of tiles after another."""

    def __init__(self, landmarks: Landmarks, representation: str, weights: Path | None):
        self._decoder = open_decoder(representation, landmarks.features, weights=weights)
        self._landmarks = landmarks
        self._manifest = Manifest("trial", 1, "map", landmarks.unit, representation,
                                  landmarks.features, landmarks.extractor_hash, "", {}, ())
        centres = [v.map_from_camera.translation for v in (*landmarks.views, *landmarks.held_out)]
        self._limits = Limits.usual(landmarks.unit, span_of(centres))

    def gain(self, tiles: Sequence[Tile]) -> float:
        """The mean over the held-out views of 1 where a view is found, and up to 1 more the
        nearer it is found and the more supports it: views are few, so that mere counts of those
        found would hardly ever tell two maps apart."""
        localizer = Localizer(self._manifest, tiles, None, self._decoder, LocalizerOptions())
        return float(np.mean([self._worth(view, localizer) for view in self._landmarks.held_out]))

    def _worth(self, view: View, localizer: Localizer) -> float:
        features = Features(view.keypoints, view.scores, view.descriptors,
                            view.global_descriptor, view.camera.width, view.camera.height)
        answer = localizer.localize_features(features, view.camera)
        if not answer.accepted or answer.map_from_camera is None:
            return 0.0
        pose, true = answer.map_from_camera, view.map_from_camera
        away = float(np.linalg.norm(pose.translation - true.translation))
        if away > self._limits.translation or angle_degrees(pose, true) > self._limits.rotation:
            return 0.0
        support = answer.inlier_count
        return 1 + 0.5 * (1 - away / self._limits.translation) + 0.5 * support / (support + 50)
