"""The last pose across restarts: kept while the node runs, given back once after the start."""

from __future__ import annotations

import time
from collections.abc import Callable

from nmap_reloc.geometry import Rigid
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.nodes.described import expanded
from nmap_reloc.nodes.persistence import PoseFile, RestoreOptions, restore
from nmap_reloc.nodes.pose_file import SavedPose
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.types import Doubles


class PoseMemory:
    """Without a pose_file it remembers nothing. frames: map, odometry, base."""

    def __init__(self, values: RelocParameters, manifest: Manifest,
                 frames: tuple[str, str, str], on_error: Callable[[BaseException], None]):
        self._manifest, self._frames = manifest, frames
        self._options = RestoreOptions(values.pose_file_max_age, values.pose_file_max_distance,
                                       values.pose_file_max_angle)
        self._path = expanded(values.pose_file) if values.pose_file else None
        self._file = (None if self._path is None
                      else PoseFile(self._path, values.pose_file_period, on_error))
        self._asked = self._path is None

    def restore(self, odom_from_base: Rigid | None
                ) -> tuple[tuple[Rigid, Doubles] | None, str]:
        """The first time that there is odometry: (map_from_base, covariance [6 x 6]) or None, and
        why. Later (None, "")."""
        if self._asked or odom_from_base is None:
            return None, ""
        assert self._path is not None
        self._asked = True
        return restore(self._path, self._manifest.site_id, self._manifest.map_version,
                       self._frames, odom_from_base, time.time(), self._options)

    def keep(self, map_from_base: Rigid, covariance: Doubles, odom_from_base: Rigid | None
             ) -> None:
        """Of a fix that was published; written at most once a period."""
        self._asked = True  # what is known now is better than what was saved
        if self._file is not None:
            self._file.offer(SavedPose(self._manifest.site_id, self._manifest.map_version,
                                       self._frames, time.time(), map_from_base, covariance,
                                       odom_from_base))

    def close(self) -> None:
        """Writes what is not written yet. NmapError: it can't be written."""
        if self._file is not None:
            self._file.close()
