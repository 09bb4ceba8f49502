"""A peer as teacher: ALIKE (arXiv 2112.02906; weights BSD 3-Clause), rebuilt from its paper.

Only training uses it. The layer names are those of the published weights, so that they load.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmap_reloc.errors import NmapError
from nmap_reloc.types import Floats, Image


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, residual: bool):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Conv2d(inputs, outputs, 1) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y if self.downsample is None else y + self.downsample(x))


class Alike(nn.Module):
    """RGB [1 x 3 x H x W] in 0..1 -> score map [H x W], descriptor map [D x H x W]."""

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        widths = [weights[f"block{i}.conv1.weight"].shape[0] for i in (1, 2, 3, 4)]
        quarter = weights["conv1.weight"].shape[0]
        self.block1 = _Block(3, widths[0], False)
        self.block2 = _Block(widths[0], widths[1], True)
        self.block3 = _Block(widths[1], widths[2], True)
        self.block4 = _Block(widths[2], widths[3], True)
        self.conv1, self.conv2, self.conv3, self.conv4 = (
            nn.Conv2d(w, quarter, 1, bias=False) for w in widths)
        total = 4 * quarter
        self.convhead1 = nn.Conv2d(total, total, 1, bias=False) \
            if "convhead1.weight" in weights else None
        self.convhead2 = nn.Conv2d(total, total + 1, 1, bias=False)
        self.load_state_dict(weights, strict=True)
        self.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x1 = self.block1(image)
        x2 = self.block2(F.avg_pool2d(x1, 2))
        x3 = self.block3(F.avg_pool2d(x2, 4))
        x4 = self.block4(F.avg_pool2d(x3, 4))
        size = image.shape[-2:]
        parts = [F.relu(self.conv1(x1))]
        for convolution, x in ((self.conv2, x2), (self.conv3, x3), (self.conv4, x4)):
            parts.append(F.interpolate(F.relu(convolution(x)), size, mode="bilinear",
                                       align_corners=True))
        joined = torch.cat(parts, 1)
        if self.convhead1 is not None:
            joined = F.relu(self.convhead1(joined))
        out = self.convhead2(joined)[0]
        return torch.sigmoid(out[-1]), F.normalize(out[:-1], dim=0)


def open_teacher(path: Path) -> Alike:
    """The weights file of ALIKE as published by its authors."""
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        return Alike(weights)
    except (OSError, KeyError, RuntimeError) as error:
        raise NmapError(f"teacher {path}: not ALIKE weights ({str(error).splitlines()[0]}); "
                        "give a published alike-*.pth or leave --teacher out") from error


@torch.inference_mode()
def teach(teacher: Alike, image: Image, count: int) -> tuple[Floats, Floats, Floats]:
    """RGB image -> keypoints [N x 2] (COLMAP pixels), scores [N], descriptors [N x D]."""
    from nmap_reloc.features.network import detect

    height, width = image.shape[:2]
    pad = (-width % 32, -height % 32)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    scores, descriptors = teacher(F.pad(x, (0, pad[0], 0, pad[1]), mode="replicate"))
    logits = torch.logit(scores[None, None, :height, :width].clamp(1e-6, 1 - 1e-6))
    keypoints, best = detect(logits, count)
    best = torch.sigmoid(best)
    at = keypoints - 0.5  # the peer's pixel centres are whole numbers
    grid = 2 * at / torch.tensor([scores.shape[1] - 1.0, scores.shape[0] - 1.0]) - 1
    sampled = F.grid_sample(descriptors[None], grid[None, None], align_corners=True)[0, :, 0].T
    good = best > 1e-3
    return (keypoints[good].numpy().astype(np.float32), best[good].numpy().astype(np.float32),
            F.normalize(sampled[good], dim=1).numpy().astype(np.float32))
