"""All numbers of a drive, as evaluation.json holds them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.calibration import CHI2_95
from nmap_reloc.evaluation.drive import LOST, SUSPECT, TRACKING, WRONG_DEGREES, Drive, Instant
from nmap_reloc.evaluation.episodes import episodes, first_fix, kidnaps
from nmap_reloc.evaluation.trajectory_metrics import (
    Spread,
    ate,
    rpe_over_time,
    rpe_over_way,
)

RPE_METRES, RPE_OF_SPAN, RPE_SECONDS = 1.0, 0.1, 1.0
ATE_NOTE = ("unaligned is what counts for relocalization: the map's frame is the truth's; aligned "
            "is after the best SE(3) fit, as odometry is judged, and hides a wrong frame")


def score(drive: Drive) -> dict[str, Any]:
    """evaluation.json: what Evaluation.to_json says, where localized means published, and:

    drive: what is of the whole drive (see the functions below); per_query has, for every image
    that was processed, also the state, the pose of the base and what the tracker thought.
    Lengths in map units, times in seconds, latencies in milliseconds; null: not known.
    """
    whole = drive.evaluation.to_json()
    rows = {row["name"]: row for row in whole["per_query"]}
    whole["per_query"] = [{**rows.get(instant.name, {"name": instant.name}),
                           **_instant(drive, instant)} for instant in drive.instants]
    whole["drive"] = {
        "live": drive.live,
        "images": len(drive.instants),
        "with_truth": len(drive.evaluation.queries),
        "published": len(drive.published),
        "seconds": drive.instants[-1].stamp - drive.instants[0].stamp,
        "accepted": accepted(drive),
        "wrong_accepted": wrong(drive),
        "ate": absolute(drive),
        "rpe": relative(drive),
        "time_to_first_fix": first_fix(drive),
        "states": dict(sorted(Counter(i.state for i in drive.instants).items())),
        "episodes": [asdict(episode) for episode in episodes(drive)],
        "kidnaps": [asdict(kidnap) for kidnap in kidnaps(drive)],
        "covariance": coverage(drive),
        "carried": carried(drive),
        "tiles": tiles(drive),
        "notes": list(drive.notes),
    }
    return whole


def accepted(drive: Drive) -> dict[str, Any]:
    """Errors of published poses, and recall over them alone."""
    errors = drive.errors()
    return {"translation": _spread(errors[:, 0]), "rotation_deg": _spread(errors[:, 1]),
            "recall": metrics.recall(errors[:, 0], errors[:, 1], drive.unit,
                                     drive.evaluation.span)}


def wrong(drive: Drive) -> dict[str, Any]:
    """Published poses that are further off than the limits."""
    names = [instant.name for instant in drive.instants if drive.is_wrong(instant)]
    return {"count": len(names), "limit": drive.wrong_limit(), "limit_deg": WRONG_DEGREES,
            "names": names}


def absolute(drive: Drive) -> dict[str, Any] | None:
    found = ate(drive.pairs())
    return None if found is None else {**asdict(found), "note": ATE_NOTE}


def relative(drive: Drive) -> dict[str, Any]:
    """way: over 1 m (a tenth of the span where the unit is arbitrary); time: over 1 s."""
    pairs = drive.pairs()
    delta = RPE_METRES if drive.unit == "metre" else RPE_OF_SPAN * drive.evaluation.span
    found = {"way": rpe_over_way(pairs, delta), "time": rpe_over_time(pairs, RPE_SECONDS)}
    return {name: None if value is None else asdict(value) for name, value in found.items()}


def coverage(drive: Drive) -> dict[str, Any]:
    """Share of true poses inside the published 95 % ellipsoids: of the position, of the pose."""
    position, pose = drive.squared_mahalanobis()
    return {"count": len(position), "position_95": metrics.coverage_95(position, CHI2_95[3]),
            "pose_95": metrics.coverage_95(pose, CHI2_95[6])}


def carried(drive: Drive) -> dict[str, Any]:
    """What odometry made of the last pose while none was published (the map -> odom transform
    goes on while SUSPECT); sigmas: error of the position over its largest deviation."""
    rows = [(error[0], error[1], error[0] / instant.sigma if instant.sigma else np.inf)
            for instant in drive.instants if (error := instant.carried_error) is not None]
    table = np.array(rows).reshape(-1, 3)
    finite = table[np.isfinite(table[:, 2]), 2]
    return {"translation": _spread(table[:, 0]), "rotation_deg": _spread(table[:, 1]),
            "sigmas": _spread(finite)}


def tiles(drive: Drive) -> dict[str, Any]:
    """How many were loaded, how often they were swapped, how many voxels gave matches."""
    loaded = [instant.tiles for instant in drive.instants if instant.tiles is not None]
    voxels = [instant.voxels for instant in drive.instants if instant.voxels is not None]
    tracked = [instant.voxels for instant in drive.instants
               if instant.state == TRACKING and instant.voxels is not None]
    return {"loaded_least": min(loaded, default=None), "loaded_most": max(loaded, default=None),
            "swaps": drive.swaps,
            "voxels_median": float(np.median(voxels)) if voxels else None,
            "voxels_median_tracking": float(np.median(tracked)) if tracked else None}


def doubtful(drive: Drive) -> dict[str, tuple[int, float]]:
    """State -> (episodes, seconds in all), for LOST and SUSPECT."""
    found = episodes(drive)
    return {state: (sum(e.state == state for e in found),
                    sum(e.duration for e in found if e.state == state))
            for state in (LOST, SUSPECT)}


def _spread(errors: Any) -> dict[str, Any] | None:
    found = Spread.of(errors)
    return None if found is None else asdict(found)


def _instant(drive: Drive, instant: Instant) -> dict[str, Any]:
    error, pose, shift = instant.error, instant.pose, instant.carried_error
    return {
        "stamp": instant.stamp, "state": instant.state, "reason": instant.reason,
        "base_pose": None if pose is None else {
            "translation": pose.translation.tolist(),
            "quaternion_wxyz": pose.quaternion().tolist()},
        "published_error": None if error is None else list(error),
        "wrong": drive.is_wrong(instant), "jumped": instant.jumped,
        "carried_error": None if shift is None else list(shift),
        "position_sigma": instant.sigma, "odometry": instant.odometry,
        "inliers": instant.inliers, "correspondences": instant.correspondences,
        "voxels": instant.voxels, "tiles": instant.tiles,
        "milliseconds": dict(instant.milliseconds),
    }
