"""Bundle adjustment of poses that are a little off, intrinsics fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap

from nmap_reloc.camera import to_pycolmap
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.colmap import quietly, rigid_from
from nmap_reloc.mapping.extract import Progress, Shot
from nmap_reloc.mapping.match import UNPOSED, Matches, match
from nmap_reloc.mapping.pairs import pairs_by_pose
from nmap_reloc.mapping.points import reconstruct
from nmap_reloc.mapping.stage_file import read_stage, write_stage

TOLERANCES = (24.0, 8.0, 2.0)  # pixels of reprojection accepted, round after round
FEWEST = 15  # verified matches that make a pair


def refine(shots: Sequence[Shot], features: str, work: Path, key: str,
           progress: Progress) -> list[Shot]:
    """The shots with refined poses, in the frame and scale of the given ones (least squares).

    Matches are found without the poses and verified by RANSAC, since the poses are in doubt.
    Kept in `work`. Raises NmapError when nothing can be triangulated to adjust.
    """
    path = work / f"refined-{key[:16]}.safetensors"
    names = [shot.name for shot in shots]
    stored = read_stage(path)
    if stored is None or stored[1] != [key, names]:
        poses = [shot.map_from_camera for shot in shots if shot.map_from_camera is not None]
        found = match(shots, pairs_by_pose(poses), UNPOSED, features, progress, band=None)
        matches = verify(shots, found, progress)
        moved = list(shots)
        for tolerance in progress(TOLERANCES, "bundle adjustment", total=len(TOLERANCES)):
            moved = _adjust(moved, matches, tolerance)
        refined = [shot.map_from_camera for shot in moved if shot.map_from_camera is not None]
        write_stage(path, {"rotations": np.array([p.rotation for p in refined]),
                           "translations": np.array([p.translation for p in refined])},
                    [key, names])
        stored = read_stage(path)
    if stored is None:
        raise NmapError(f"{path}: vanished while it was written; leave the work folder alone")
    return [replace(shot, map_from_camera=Rigid(r, t)) for shot, r, t in
            zip(shots, stored[0]["rotations"], stored[0]["translations"])]


def verify(shots: Sequence[Shot], matches: Matches, progress: Progress) -> Matches:
    """Matches that some essential matrix explains, by RANSAC."""
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.random_seed = 0
    sound: Matches = {}
    for (a, b), found in progress(matches.items(), "verification", total=len(matches)):
        geometry = pycolmap.estimate_calibrated_two_view_geometry(
            to_pycolmap(shots[a].camera), shots[a].features.keypoints.astype(np.float64),
            to_pycolmap(shots[b].camera), shots[b].features.keypoints.astype(np.float64),
            found.astype(np.uint32), options)
        if len(geometry.inlier_matches) >= FEWEST:
            sound[a, b] = np.asarray(geometry.inlier_matches, np.int32)
    return sound


def _adjust(shots: Sequence[Shot], matches: Matches, tolerance: float) -> list[Shot]:
    """One round: triangulate at the poses, adjust both, align back to where the centres were."""
    model = reconstruct(shots, matches, tolerance, two_view=False)
    if model.num_points3D() == 0:
        raise NmapError(f"{len(shots)} images: no landmark agrees with the poses to "
                        f"{tolerance:g} pixels; check the pose convention and the intrinsics, or "
                        "build from the photographs without poses")
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.refine_extra_params = False
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    with quietly():
        pycolmap.bundle_adjustment(model, options)
    names = [shot.name for shot in shots]
    centres = np.array([s.map_from_camera.translation for s in shots
                        if s.map_from_camera is not None])
    adjusted = np.array([model.images[i + 1].projection_center() for i in range(len(names))])
    back = pycolmap.estimate_sim3d(adjusted, centres)
    if back is not None:
        model.transform(back)
    return [replace(shot, map_from_camera=rigid_from(model.images[i + 1].cam_from_world()))
            for i, shot in enumerate(shots)]
