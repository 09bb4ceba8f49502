"""Landmarks in one file: safetensors with a JSON header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.mapping.stage_file import Arrays, read_stage, write_stage
from nmap_reloc.types import Camera

FORMAT = 1


def save_landmarks(path: Path, landmarks: Landmarks) -> None:
    """Descriptors as float16; everything else as it is. Atomic. Raises NmapError."""
    views = landmarks.views + landmarks.held_out
    arrays: Arrays = {"positions": landmarks.positions, "errors": landmarks.errors,
                      "track_lengths": landmarks.track_lengths}
    for i, view in enumerate(views):
        arrays |= {f"{i}.keypoints": view.keypoints, f"{i}.scores": view.scores,
                   f"{i}.descriptors": view.descriptors.astype(np.float16),
                   f"{i}.landmarks": view.landmarks, f"{i}.global": view.global_descriptor}
    write_stage(path, arrays, {
        "format": FORMAT, "kind": "landmarks", "unit": landmarks.unit,
        "features": landmarks.features, "extractor_hash": landmarks.extractor_hash,
        "held_out": len(landmarks.held_out), "views": [_describe(view) for view in views]})


def load_landmarks(path: Path) -> Landmarks:
    """Raises NmapError when the file is missing, damaged or not a file of landmarks."""
    stored = read_stage(path)
    if stored is None or not isinstance(stored[1], dict) or stored[1].get("kind") != "landmarks":
        state = "damaged or not landmarks" if path.exists() else "no such file"
        raise NmapError(f"{path}: {state}; build the landmarks again")
    arrays, header = stored
    if header["format"] != FORMAT:
        raise NmapError(f"{path}: landmarks of format {header['format']}, not {FORMAT}; "
                        "build the landmarks again")
    try:
        views = tuple(_view(i, entry, arrays) for i, entry in enumerate(header["views"]))
        first_held_out = len(views) - int(header["held_out"])
        return Landmarks(arrays["positions"], arrays["track_lengths"], arrays["errors"],
                         views[:first_held_out], views[first_held_out:], header["unit"],
                         header["features"], header["extractor_hash"])
    except (KeyError, TypeError, ValueError) as error:
        raise NmapError(f"{path}: damaged ({error}); build the landmarks again") from error


def _describe(view: View) -> dict[str, Any]:
    camera, pose = view.camera, view.map_from_camera
    return {"name": view.name, "model": camera.model, "params": list(camera.params),
            "size": [camera.width, camera.height],
            "rotation": pose.rotation.tolist(), "translation": pose.translation.tolist()}


def _view(i: int, entry: dict[str, Any], arrays: Arrays) -> View:
    width, height = entry["size"]
    return View(entry["name"], Camera(entry["model"], width, height, tuple(entry["params"])),
                Rigid(np.array(entry["rotation"], np.float64),
                      np.array(entry["translation"], np.float64)),
                arrays[f"{i}.keypoints"], arrays[f"{i}.scores"],
                arrays[f"{i}.descriptors"].astype(np.float32), arrays[f"{i}.landmarks"],
                arrays[f"{i}.global"])
