"""The frames that the localizer is timed with, and a file of them for processes, and machines,
that are not to load what reads scenes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Camera, Image, PosePrior


@dataclass(frozen=True)
class Frame:
    """A query: grey image, camera, and what is believed of its pose while tracking."""

    image: Image
    camera: Camera
    prior: PosePrior


def save(frames: Sequence[Frame], path: Path) -> None:
    """Those of the first one's camera."""
    same = [f for f in frames if f.camera == frames[0].camera]
    poses = [f.prior.map_from_camera for f in same]
    np.savez(path, images=np.stack([f.image for f in same]),
             camera=json.dumps(asdict(frames[0].camera)), covariance=frames[0].prior.covariance,
             rotations=np.stack([p.rotation for p in poses]),
             translations=np.stack([p.translation for p in poses]))


def load(path: Path) -> list[Frame]:
    kept = np.load(path)
    model = json.loads(str(kept["camera"]))
    camera = Camera(model["model"], model["width"], model["height"], tuple(model["params"]))
    return [Frame(image, camera, PosePrior(Rigid(r, t), kept["covariance"])) for image, r, t in
            zip(kept["images"], kept["rotations"], kept["translations"], strict=True)]
