"""Poses over time, read between their stamps; and the choice of keyframes along them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Array, Rigid, angle_degrees
from nmap_reloc.mapping.sources.base import PosedImage, read_text


class Trajectory:
    """``map_from_body`` over time.

    stamps [N] seconds, positions [N x 3], quaternions [N x 4] (w, x, y, z), in any order. Poses
    that are not finite or have no rotation are dropped and counted in ``invalid``; of two at one
    stamp the later one holds.
    """

    def __init__(self, stamps: npt.ArrayLike, positions: npt.ArrayLike, quaternions: npt.ArrayLike
                 ) -> None:
        t = np.asarray(stamps, np.float64).reshape(-1)
        p = np.asarray(positions, np.float64).reshape(-1, 3)
        q = np.asarray(quaternions, np.float64).reshape(-1, 4)
        norm = np.linalg.norm(q, axis=1)
        with np.errstate(invalid="ignore"):
            good = np.isfinite(t) & np.isfinite(p).all(1) & np.isfinite(norm) & (norm > 1e-6)
        self.invalid = int((~good).sum())
        t, p, q = t[good], p[good], q[good] / norm[good, None]
        # from the back, so that of equal stamps the last is the one kept
        self.stamps, last = np.unique(t[::-1], return_index=True)
        self.positions: Array = p[::-1][last]
        self.quaternions: Array = q[::-1][last]

    def __len__(self) -> int:
        return len(self.stamps)

    def at(self, stamp: float, max_gap: float, tolerance: float) -> Rigid | None:
        """The pose at a stamp, in seconds: between two poses at most max_gap apart (linear and
        slerp), else the nearest within tolerance, else None. Never extrapolated further."""
        if not len(self):
            return None
        after = int(np.searchsorted(self.stamps, stamp))
        if 0 < after < len(self) and self.stamps[after] - self.stamps[after - 1] <= max_gap:
            span = self.stamps[after] - self.stamps[after - 1]
            return self._between(after - 1, (stamp - self.stamps[after - 1]) / span)
        near = int(np.argmin(np.abs(self.stamps - stamp)))
        if abs(self.stamps[near] - stamp) > tolerance:
            return None
        return Rigid.from_quaternion(self.quaternions[near], self.positions[near])

    def _between(self, index: int, share: float) -> Rigid:
        position = (1 - share) * self.positions[index] + share * self.positions[index + 1]
        return Rigid.from_quaternion(
            slerp(self.quaternions[index], self.quaternions[index + 1], share), position)


def slerp(a: Array, b: Array, share: float) -> Array:
    """Between unit quaternions a (share 0) and b (share 1), the short way round."""
    cosine = float(a @ b)
    b, cosine = (b, cosine) if cosine >= 0 else (-b, -cosine)
    if cosine > 0.9995:  # the sine below vanishes
        mixed = (1 - share) * a + share * b
        return np.asarray(mixed / np.linalg.norm(mixed))
    angle = np.arccos(cosine)
    return np.asarray((np.sin((1 - share) * angle) * a + np.sin(share * angle) * b)
                      / np.sin(angle))


def read_tum(path: Path) -> Trajectory:
    """``stamp tx ty tz qx qy qz qw`` per line, # comments. NmapError names file and line."""
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.replace(",", " ").split()
        if not fields or fields[0].startswith("#"):
            continue
        try:
            row = [float(field) for field in fields]
        except ValueError:
            row = []
        if len(row) != 8:
            raise NmapError(f"{path} line {number} {line[:60]!r}: not 'stamp tx ty tz qx qy qz "
                            "qw'; correct the line")
        rows.append(row)
    if not rows:
        raise NmapError(f"{path}: no poses; give a trajectory in TUM format")
    table = np.asarray(rows)
    return Trajectory(table[:, 0], table[:, 1:4], table[:, [7, 4, 5, 6]])


def keyframes(images: Sequence[PosedImage], every: int = 1, min_translation: float = 0.0,
              min_rotation_deg: float = 0.0) -> list[PosedImage]:
    """Every n-th image; of those, with a minimum given, the ones that moved or turned by it.

    min_translation: map units since the last keyframe, 0 for none; images without a pose pass.
    """
    if every < 1 or not min(min_translation, min_rotation_deg) >= 0:
        raise NmapError(f"every {every}, min_translation {min_translation}, min_rotation_deg "
                        f"{min_rotation_deg}: every must be at least 1, the others at least 0")
    chosen: list[PosedImage] = []
    last: Rigid | None = None
    for image in images[::every]:
        pose = image.map_from_camera
        if pose is not None and last is not None and (min_translation or min_rotation_deg):
            moved = float(np.linalg.norm(pose.translation - last.translation))
            if not ((min_translation and moved >= min_translation) or
                    (min_rotation_deg and angle_degrees(pose, last) >= min_rotation_deg)):
                continue
        last = pose if pose is not None else last
        chosen.append(image)
    return chosen
