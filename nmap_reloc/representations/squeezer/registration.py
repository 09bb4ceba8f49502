"""The pose by clusters (SceneSqueezer, section 3.5): PnP against each cluster alone, then on all
correspondences of the clusters that led to a pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nmap_reloc import pose
from nmap_reloc.geometry import Rigid
from nmap_reloc.pose import Solution, SolveOptions
from nmap_reloc.types import Camera, Correspondences, Refusal

MOST_CLUSTERS = 15  # that are tried alone (paper, section 4)
MOST_TRIALS = 500  # of RANSAC in one cluster
REGISTERED = 8  # inliers with which a cluster counts as found


def solve(correspondences: Correspondences, camera: Camera, options: SolveOptions | None = None,
          guess: Rigid | None = None) -> Solution | Refusal:
    """As pose.solve. Where no cluster alone leads to a pose, all correspondences together may."""
    options = options or SolveOptions()
    rows = np.flatnonzero(registered(correspondences, camera, options))
    if not len(rows) or len(rows) == len(correspondences):
        return pose.solve(correspondences, camera, options, guess)
    solution = pose.solve(correspondences.some(rows), camera, options, guess)
    if isinstance(solution, Refusal):
        return solution
    inliers = np.zeros(len(correspondences), bool)
    inliers[rows] = solution.inliers
    points3D = correspondences.points3D.copy()
    points3D[rows] = solution.points3D
    return replace(solution, inliers=inliers, points3D=points3D)


def registered(correspondences: Correspondences, camera: Camera, options: SolveOptions
               ) -> npt.NDArray[np.bool_]:
    """[M]: those of the clusters against which the image could be registered. One cluster alone
    needs no test."""
    found, counts = np.unique(correspondences.voxels, return_counts=True)
    kept = np.zeros(len(correspondences), bool)
    if len(found) < 2:
        return kept
    quick = replace(options, max_trials=min(MOST_TRIALS, options.max_trials),
                    enough_inliers=0, searches=1)  # no second attempt
    for cluster in found[np.argsort(-counts, kind="stable")][:MOST_CLUSTERS]:
        rows = np.flatnonzero(correspondences.voxels == cluster)
        if len(rows) < REGISTERED:
            continue
        solution = pose.solve(correspondences.some(rows), camera, quick)
        if not isinstance(solution, Refusal) and solution.inliers.sum() >= REGISTERED:
            kept[rows] = True
    return kept
