"""Landmarks in, the views of a tile out: which views, which landmarks of each, and their codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.camera import pinhole_params
from nmap_reloc.geometry import rotation_vector
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps import representatives
from nmap_reloc.representations.maddr.layout import CodedViews, camera_row, rounded
from nmap_reloc.representations.maddr.network import MaddrNetwork
from nmap_reloc.representations.neumap.encode import into_voxels
from nmap_reloc.types import Floats, Ints

REPROJECTION = 2.0  # pixels, mean error of a landmark at most (section 3.5)
ANGLE = 1.0  # degrees between two of its rays, at least
MOST_KEYPOINTS = 1024  # of a view: more are not looked at
COVERED = 0.97  # of all observations are of landmarks that the chosen views show
FEW_VIEWS = 12  # are kept whatever they show: the same seen from several sides
SIGNATURE = 256  # numbers by which views are compared for what they see

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@torch.inference_mode()
def encode(network: MaddrNetwork, descriptors: Floats, dimensions: int) -> Floats:
    """Descriptors [M x D] -> codes [M x dimensions], whole numbers as the tile stores them."""
    return rounded(network.encode(torch.from_numpy(descriptors), dimensions).numpy())


def sound(landmarks: Landmarks) -> Mask:
    """[L] which are exact enough: reprojection error and angle (section 3.5)."""
    first = np.zeros((len(landmarks), 3))
    widest = np.ones(len(landmarks))  # cosine of the angle to the first ray
    for view in landmarks.views:
        who = np.unique(view.landmarks[view.landmarks >= 0])
        rays = landmarks.positions[who] - view.map_from_camera.translation
        rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
        new = ~first[who].any(1)
        first[who[new]] = rays[new]
        widest[who] = np.minimum(widest[who], (first[who] * rays).sum(1))
    return np.asarray((landmarks.errors <= REPROJECTION) & (widest <= np.cos(np.radians(ANGLE))))


def observed(landmarks: Landmarks) -> Mask:
    """[V x L] which landmarks each view shows."""
    seen = np.zeros((len(landmarks.views), len(landmarks)), bool)
    for row, view in zip(seen, landmarks.views, strict=True):
        row[view.landmarks[view.landmarks >= 0]] = True
    return seen


def choose_views(seen: Mask, count: int) -> Indices:
    """The fewest of the views [V x L], ascending, whose landmarks are COVERED of what all see,
    but at most `count`: a film's images are many times the same view.

    Views are compared by random projections of what they see, so that a site of thousands of
    views needs no matrix of views by views.
    """
    mixing = np.random.default_rng(0).normal(size=(seen.shape[1], SIGNATURE))
    signatures = seen.astype(np.float32) @ mixing.astype(np.float32)
    signatures /= np.maximum(np.linalg.norm(signatures, axis=1, keepdims=True), 1e-9)
    order = representatives.order(signatures, min(count, len(seen)))
    times, shown = seen.sum(0), np.zeros(seen.shape[1], bool)
    for used, view in enumerate(order, 1):
        shown |= seen[view]
        if used >= FEW_VIEWS and times[shown].sum() >= COVERED * times.sum():
            break
    return np.sort(order[:used]).astype(np.int64)


def best_of_views(seen: Mask, place: Indices, keypoints: int) -> Mask:
    """The top-K of each view (section 3.5): seen [V x L] and place [L] of each landmark in the
    order of usefulness -> [V x L], at most `keypoints` in a view.

    A landmark that any view keeps costs others one bit only: they show it too, best first, up
    to MOST_KEYPOINTS.
    """
    kept = _first(seen, place, keypoints)
    return _first(seen & kept.any(0), place, max(keypoints, MOST_KEYPOINTS))


def _first(seen: Mask, place: Indices, count: int) -> Mask:
    kept = np.zeros_like(seen)
    for row, shown in zip(kept, seen, strict=True):
        who = np.flatnonzero(shown)
        row[who[np.argsort(place[who], kind="stable")[:count]]] = True
    return kept


def into_views(landmarks: Landmarks, views: Indices, seen: Mask, codes: Floats) -> CodedViews:
    """views [V] of the landmarks'; seen [V x L] what the map keeps of each; codes [L x C]."""
    chosen = np.flatnonzero(seen.any(0))
    by_voxel = into_voxels(landmarks, chosen, chosen[:, None].astype(np.float32))
    order = by_voxel.codes[:, 0].astype(np.int64)  # which landmark came where
    taken = [landmarks.views[i] for i in views]
    rows = [camera_row(v.camera, pinhole_params(v.camera)) for v in taken]
    cameras = sorted(set(rows))
    camera: Ints = np.array([cameras.index(row) for row in rows], np.int32)
    return CodedViews(
        replace(by_voxel, codes=codes[order]), seen[:, order], np.array(cameras), camera,
        np.stack([rotation_vector(v.map_from_camera.rotation.T) for v in taken]),
        np.stack([v.map_from_camera.translation for v in taken]),
        np.stack([v.global_descriptor for v in taken]))
