"""What the codes look at: attention scores between pixels and codes (paper, section 4.6).

Scores are the decoder's own last attention (equation 12), from which it takes its coordinates.
Only a keypoint's candidates have one; to the network all other codes are out of sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.features.base import Extractor
from nmap_reloc.features.network import STRIDE, FeatureNetwork
from nmap_reloc.maps.store import Site
from nmap_reloc.representations import network_name, open_decoder
from nmap_reloc.representations.neumap.graphs import served
from nmap_reloc.representations.neumap.loaded import FEWEST_CODES, Voxels
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.types import Floats, Image

STEP = 8  # pixels between the points of the dense grid
CHUNK = 2048  # points decoded at a time
HEIGHT = 240  # of a view in the rows of figure 5, pixels


@dataclass(frozen=True)
class Attention:
    """One image's scores. points [N x 2] pixels; codes [N x K] indices of each point's candidates;
    scores [N x K], which sum to 1 over the candidates."""

    image: Image
    points: Floats
    codes: npt.NDArray[np.int64]
    scores: Floats

    def of_code(self, code: int) -> Floats:
        """[N]: s_i^j for one code j."""
        return np.asarray(np.where(self.codes == code, self.scores, 0).max(1), np.float32)

    def of_all(self) -> Floats:
        """[N]: max_j s_i^j."""
        return np.asarray(self.scores.max(1), np.float32)


@dataclass(frozen=True)
class Observer:
    """A map's network and codes; dense: computes descriptors anywhere, None where the map is of
    SIFT, which is only seen where it has keypoints."""

    network: NeumapNetwork
    voxels: Voxels
    extractor: Extractor
    dense: FeatureNetwork | None

    @staticmethod
    def open(site: Site, extractor: Extractor, weights: Path | None = None,
             feature_weights: Path | None = None) -> Observer:
        """NmapError: not a neumap map, or a damaged one. Folders: None for the shipped ones."""
        manifest = site.manifest
        if manifest.representation != "neumap":
            raise NmapError(f"{site.path}: a map of {manifest.representation} has no codes whose "
                            "attention could be shown; build it with --representation neumap")
        network = open_network(network_name("neumap", manifest.features) or "", weights)
        assert isinstance(network, NeumapNetwork)
        network = served(network)
        decoder = open_decoder("neumap", manifest.features, "torch", weights)
        voxels: Voxels = decoder.load([site.tile(entry.id) for entry in manifest.tiles])
        if len(voxels.levels) < FEWEST_CODES:
            raise NmapError(f"{site.path}: {len(voxels.levels)} codes are too few to show; build "
                            "the map with a larger --budget")
        dense = None
        if manifest.features == "learned":
            opened = open_network("features", feature_weights)
            assert isinstance(opened, FeatureNetwork)
            dense = opened
        return Observer(network, voxels, extractor, dense)

    def look(self, image: Image) -> Attention:
        """image as the extractor takes it -> the scores of its keypoints and of a dense grid."""
        features = self.extractor(image)
        points, descriptors = features.keypoints, features.descriptors
        if self.dense is not None:
            grid = dense_grid(*image.shape[:2])
            points = np.concatenate([points, grid])
            descriptors = np.concatenate([descriptors, describe(self.dense, image, grid)])
        if not len(points):
            raise NmapError("image without texture: has no keypoints to look at; choose another")
        codes, scores = self._scores(descriptors)
        return Attention(image, points, codes, scores)

    def _scores(self, descriptors: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
        active = self.voxels
        codes, keys, values, positions, voxels = (torch.tensor(a) for a in (
            active.codes(np.arange(len(active.voxels))), active.keys.astype(np.float32),
            active.values.astype(np.float32), active.positions, active.voxels))
        side = torch.tensor([active.side], dtype=torch.float32)
        chosen, scores = [], []
        for start in range(0, len(descriptors), CHUNK):
            asked = torch.from_numpy(np.ascontiguousarray(descriptors[start:start + CHUNK]))
            with torch.inference_mode():
                _, _, _, candidates, _, logits = self.network.decode(
                    asked, codes, keys, values, positions, voxels, side)
            chosen.append(candidates.numpy())
            scores.append(logits.softmax(1).numpy())
        return np.concatenate(chosen), np.concatenate(scores)


def dense_grid(height: int, width: int) -> Floats:
    """Points [N x 2], STEP pixels apart, from half a step inside the image's edge."""
    x, y = np.meshgrid(np.arange(STEP / 2, width, STEP), np.arange(STEP / 2, height, STEP))
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)


def describe(network: FeatureNetwork, image: Image, points: Floats) -> Floats:
    """Descriptors [N x D] of the feature network at any points [N x 2] of an image."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    padded = cv2.copyMakeBorder(grey, 0, -grey.shape[0] % STRIDE, 0, -grey.shape[1] % STRIDE,
                                cv2.BORDER_REPLICATE)
    tensor = torch.from_numpy(padded.astype(np.float32) / 255)[None, None]
    with torch.inference_mode():
        described = network.descriptors(network.pyramid(tensor), torch.from_numpy(points)[None],
                                        (padded.shape[0], padded.shape[1]))
    return np.asarray(described[0].numpy(), np.float32)


def busiest_codes(views: Sequence[Attention], count: int) -> list[int]:
    """The codes that most views look at most: of each view counts the code's best score."""
    most = 1 + max(int(view.codes.max()) for view in views)
    total = np.zeros(most)
    for view in views:
        best = np.zeros(most)
        np.maximum.at(best, view.codes.ravel(), view.scores.ravel())
        total += best
    return np.argsort(-total, kind="stable")[:count].tolist()  # type: ignore[no-any-return]


def heat_map(points: Floats, scores: Floats, height: int, width: int) -> Floats:
    """[height x width] in 0..1: scores of scattered points, spread between them and normalised
    over the image (equation 13)."""
    total, weight = np.zeros((2, height, width), np.float32)
    column = np.clip(points[:, 0].astype(int), 0, width - 1)
    row = np.clip(points[:, 1].astype(int), 0, height - 1)
    np.add.at(total, (row, column), scores)
    np.add.at(weight, (row, column), 1)
    spread = [cv2.GaussianBlur(a, (0, 0), STEP * 0.75) for a in (total, weight)]
    heat = spread[0] / np.maximum(spread[1], 1e-4)
    low, high = float(heat.min()), float(heat.max())
    return np.asarray((heat - low) / max(high - low, 1e-9), np.float32)


def figure_of_code(views: Sequence[Attention], code: int) -> Image:
    """Figure 5: the views side by side, bright where the code is looked at. RGB."""
    panels = []
    for view in views:
        height, width = view.image.shape[:2]
        heat = heat_map(view.points, view.of_code(code), height, width)
        colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        panels.append(_panel(_blend(view.image, colours, 0.7)))
    return np.hstack(panels)


def figure_of_regions(view: Attention) -> Image:
    """Figure 6: the photograph, blue where some code is looked at, orange where none is. RGB."""
    height, width = view.image.shape[:2]
    heat = heat_map(view.points, view.of_all(), height, width)
    blue, orange = np.array([20, 40, 200.0]), np.array([250, 160, 60.0])
    colours = heat[..., None] * blue + (1 - heat[..., None]) * orange
    return _blend(view.image, colours[..., ::-1].astype(np.uint8), 0.55)


def _blend(image: Image, colours: npt.NDArray[np.generic], share: float) -> Image:
    """RGB picture under BGR colours -> RGB."""
    rgb = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    over = np.asarray(colours, np.uint8)[..., ::-1]
    return np.asarray(cv2.addWeighted(over, share, rgb, 1 - share, 0), np.uint8)


def _panel(image: Image) -> Image:
    height, width = image.shape[:2]
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
