"""Whole queries, stage by stage, against OpenCV's SIFT on the same image, in turn."""

from __future__ import annotations

import ctypes
import platform
from collections import defaultdict
from typing import Any

import cv2
import numpy as np
from speed_frames import Frame
from speed_place import KEYPOINTS, Place
from speed_timed import Timed

from nmap_reloc.camera import pinhole_params
from nmap_reloc.localizer import Localizer
from nmap_reloc.mapping.landmarks import Landmarks

RATIO = 0.9  # of the nearest and second nearest descriptor's distance
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


def keep_freed_memory() -> None:
    """What is freed stays with the process. OpenCV's SIFT frees 60 MB at every image; where glibc
    gives them back to the system, and takes them anew, it is twice as slow: too easy a yardstick.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 25)


class Classical:
    """SIFT, brute-force matching against a classical map, ratio test, PnP by RANSAC: OpenCV's."""

    def __init__(self, sift: Any, landmarks: Landmarks):
        self._sift, self._positions = sift, landmarks.positions
        self._descriptors = landmarks.mean_descriptors()
        self._matcher = cv2.BFMatcher(cv2.NORM_L2)

    def __call__(self, frame: Frame) -> int:
        found, raw = self._sift.detectAndCompute(frame.image, None)
        root = np.sqrt(raw / np.maximum(raw.sum(1, keepdims=True), 1e-9))
        pairs = self._matcher.knnMatch(np.asarray(root, np.float32), self._descriptors, k=2)
        good = [a for a, b in pairs if a.distance < RATIO * b.distance]
        if len(good) < 4:
            return 0
        fx, fy, cx, cy = pinhole_params(frame.camera)
        ok, _, _, inliers = cv2.solvePnPRansac(
            self._positions[[m.trainIdx for m in good]],
            np.array([found[m.queryIdx].pt for m in good]) + 0.5,
            np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), np.zeros(4), reprojectionError=8.0,
            iterationsCount=10000, confidence=0.9999)
        return len(inliers) if ok and inliers is not None else 0


def against_sift(place: Place, localizers: dict[str, Localizer], repeats: int) -> dict[str, Any]:
    """Tracking frames (a prior) of each localizer and the classical query, each right after SIFT
    on the same image: what else the machine does changes within a tenth of a second."""
    keep_freed_memory()
    sift: Any = cv2.SIFT_create(KEYPOINTS)  # type: ignore[attr-defined]
    classical, timed = Classical(sift, place.sift), Timed()
    units = {name: f"sift before {name}" for name in (*localizers, "classical")}
    stages: dict[str, defaultdict[str, list[float]]] = {
        name: defaultdict(list) for name in localizers}
    accepted = dict.fromkeys([*localizers, "classical"], 0)

    def track(name: str, frame: Frame) -> None:
        estimate = timed(name, lambda: localizers[name].localize(frame.image, frame.camera,
                                                                 frame.prior))
        for stage, value in estimate.milliseconds.items():
            stages[name][stage].append(value)
        accepted[name] += estimate.accepted

    def unit(name: str, frame: Frame) -> None:
        timed(units[name], lambda: sift.detectAndCompute(frame.image, None))
    for frame in place.frames:
        for round_ in range(repeats + 1):
            for name in localizers:
                unit(name, frame)
                track(name, frame)
            unit("classical", frame)
            accepted["classical"] += timed("classical", lambda f=frame: classical(f)) >= 12
            if round_ == 0:  # a warm-up
                for values in (*timed.wall.values(), *timed.processor.values()):
                    values.pop()
    asked = len(place.frames) * (repeats + 1)
    milliseconds = timed.milliseconds()
    milliseconds["sift"] = float(np.median([milliseconds.pop(name) for name in units.values()]))
    return {
        "milliseconds": milliseconds,
        "per_sift": {name: timed.ratio(name, before) for name, before in units.items()},
        "stages": {name: {stage: float(np.median(values)) for stage, values in found.items()}
                   for name, found in stages.items()},
        "images_per_second": {name: 1e3 / milliseconds[name] for name in localizers},
        "accepted": {name: count / asked for name, count in accepted.items()},
        "pairs": len(timed.wall["classical"])}


def lost(place: Place, localizer: Localizer, repeats: int) -> dict[str, Any]:
    """On a large site: frames without a prior against frames with one."""
    timed, accepted = Timed(), 0
    for frame in place.frames:
        for round_ in range(repeats + 1):
            timed("tracking", lambda f=frame: localizer.localize(f.image, f.camera, f.prior))
            estimate = timed("lost", lambda f=frame: localizer.localize(f.image, f.camera))
            if round_ == 0:
                for values in (*timed.wall.values(), *timed.processor.values()):
                    values.pop()
                accepted += estimate.accepted
    assert localizer.active is not None
    return {"tiles": len(localizer.active.tiles), "voxels": len(localizer.active.loaded),
            "memory_bytes": localizer.active.loaded.nbytes(),
            "milliseconds": timed.milliseconds(), "per_tracking": timed.ratio("lost", "tracking"),
            "accepted": accepted / len(place.frames)}

