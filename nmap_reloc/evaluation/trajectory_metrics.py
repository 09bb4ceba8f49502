"""ATE and RPE (Sturm et al., IROS 2012) of poses that are paired with the truth. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.types import Doubles

SLACK = 0.2  # how far a pair of poses may be off the RPE's length, as a share of it


@dataclass(frozen=True)
class PosePair:
    """An estimate with the truth of its stamp. along: true length of way up to it, map units;
    piece: pairs of different pieces lie on different sides of a jump of the truth."""

    stamp: float
    estimate: Rigid
    true: Rigid
    along: float = 0.0
    piece: int = 0


@dataclass(frozen=True)
class Spread:
    """Of some errors: root mean square, median, 95th percentile and the largest."""

    count: int
    rmse: float
    median: float
    p95: float
    max: float

    @staticmethod
    def of(errors: npt.ArrayLike) -> Spread | None:
        """None where there are none."""
        values = np.asarray(errors, np.float64)
        if not len(values):
            return None
        return Spread(len(values), float(np.sqrt(np.mean(values ** 2))), float(np.median(values)),
                      float(np.percentile(values, 95)), float(values.max()))


@dataclass(frozen=True)
class Ate:
    """Absolute trajectory error. unaligned counts for relocalization, where the map's frame is
    the truth's; aligned: after the rigid motion that fits best (true_from_estimated), as odometry
    is judged. shift: by how much that motion moves the middle of the trajectory."""

    unaligned: Spread
    aligned: Spread
    shift: float
    turn_deg: float


@dataclass(frozen=True)
class Rpe:
    """Relative pose error over delta (map units or seconds)."""

    delta: float
    translation: Spread
    rotation_deg: Spread


def ate(pairs: Sequence[PosePair]) -> Ate | None:
    """Errors of positions; None without a pair."""
    if not pairs:
        return None
    estimated = np.array([pair.estimate.translation for pair in pairs])
    true = np.array([pair.true.translation for pair in pairs])
    motion = align(estimated, true)
    plain = Spread.of(np.linalg.norm(estimated - true, axis=1))
    fitted = Spread.of(np.linalg.norm(motion.apply(estimated) - true, axis=1))
    assert plain is not None and fitted is not None  # there is a pair
    shift = float(np.linalg.norm(true.mean(axis=0) - estimated.mean(axis=0)))
    return Ate(plain, fitted, shift, angle_degrees(motion, Rigid.identity()))


def align(estimated: Doubles, true: Doubles) -> Rigid:
    """true_from_estimated, in SE(3), that minimises the squared distances of positions [N x 3]
    (Horn 1987; Umeyama 1991 without scale)."""
    middle, aim = estimated.mean(axis=0), true.mean(axis=0)
    u, _, vt = np.linalg.svd((estimated - middle).T @ (true - aim))
    mirror = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(vt.T @ u.T)))])
    rotation = vt.T @ mirror @ u.T
    return Rigid(rotation, aim - rotation @ middle)


def rpe_over_way(pairs: Sequence[PosePair], delta: float) -> Rpe | None:
    """Between poses ``delta`` of true way apart; None where no two are."""
    return _rpe(pairs, [pair.along for pair in pairs], delta)


def rpe_over_time(pairs: Sequence[PosePair], delta: float) -> Rpe | None:
    """Between poses ``delta`` seconds apart; None where no two are."""
    return _rpe(pairs, [pair.stamp for pair in pairs], delta)


def _rpe(pairs: Sequence[PosePair], places: Sequence[float], delta: float) -> Rpe | None:
    """From each pose to the one nearest to delta further on, in the same piece."""
    translations, rotations = [], []
    for i, j in _apart(pairs, np.asarray(places, np.float64), delta):
        true = pairs[i].true.inverse() @ pairs[j].true
        estimated = pairs[i].estimate.inverse() @ pairs[j].estimate
        translations.append(float(np.linalg.norm(estimated.translation - true.translation)))
        rotations.append(angle_degrees(estimated, true))
    translation, rotation = Spread.of(translations), Spread.of(rotations)
    if translation is None or rotation is None:
        return None
    return Rpe(delta, translation, rotation)


def _apart(pairs: Sequence[PosePair], places: Doubles, delta: float) -> list[tuple[int, int]]:
    """Indices of pairs; places ascend within a piece."""
    found = []
    pieces = np.array([pair.piece for pair in pairs])
    for piece in np.unique(pieces):
        members = np.flatnonzero(pieces == piece)
        own = places[members]
        for at, place in enumerate(own):
            after = int(np.searchsorted(own, place + delta))
            near = [k for k in (after - 1, after) if at < k < len(own)
                    and abs(own[k] - place - delta) <= SLACK * delta]
            if near:
                best = min(near, key=lambda k: abs(own[k] - place - delta))
                found.append((int(members[at]), int(members[best])))
    return found
