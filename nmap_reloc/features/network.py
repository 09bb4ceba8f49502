"""The feature network: one forward pass gives keypoints, scores, local and global descriptors.

Scores are predicted for every pixel at full resolution from half-resolution features (pixel
shuffle); descriptors are computed only where keypoints are, from features sampled at all scales
(the idea of the sparse descriptor head of ALIKED, arXiv 2304.03608), so their cost does not grow
with the image. 1.2 GMAC for 640 x 480 and 1,024 keypoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmap_reloc.features.sample import Spots

NEVER = -60.0  # logit of what is no maximum
STRIDE = 32  # image sides are padded to a multiple of this
RADIUS = 2  # of non-maximum suppression, pixels


def convolution(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True))


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False),
                                    nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class FeatureNetwork(nn.Module):
    """grey image [B x 1 x H x W] in 0..1, H and W multiples of 32 -> see the methods."""

    widths = (16, 32, 64, 96, 96)  # at 1/2, 1/4, 1/8, 1/16, 1/32

    def __init__(self, dimensions: int = 64, global_dimensions: int = 64):
        super().__init__()
        self.dimensions, self.global_dimensions = dimensions, global_dimensions
        w2, w4, w8, w16, w32 = self.widths
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), convolution(4, w2), convolution(w2, w2))
        self.stage4 = nn.Sequential(convolution(w2, w4, 2), Residual(w4))
        self.stage8 = nn.Sequential(convolution(w4, w8, 2), Residual(w8))
        self.stage16 = nn.Sequential(convolution(w8, w16, 2), Residual(w16))
        self.stage32 = nn.Sequential(convolution(w16, w32, 2), Residual(w32))
        self.lateral = nn.ModuleList(nn.Conv2d(w, 16, 1) for w in self.widths)
        self.score = nn.Sequential(convolution(16, 16), nn.Conv2d(16, 4, 3, 1, 1),
                                   nn.PixelShuffle(2))
        # the maps at 1/4 and 1/8 are sampled at the keypoint and at four points around it
        around = torch.tensor([[0.0, 0.0], [5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
        self.spots = Spots((2, 4, 8, 16, 32),
                           (around[:1], around, 2 * around, around[:1], around[:1]))
        sampled = w2 + 5 * w4 + 5 * w8 + w16 + w32
        self.describe = nn.Sequential(nn.Linear(sampled, 192), nn.ReLU(inplace=True),
                                      nn.Linear(192, dimensions))
        self.summarise = nn.Linear(w16 + w32, global_dimensions)

    @property
    def sizes(self) -> dict[str, int]:
        """What to make this network again with; kept beside its weights."""
        return {"dimensions": self.dimensions, "global_dimensions": self.global_dimensions}

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Feature maps at 1/2, 1/4, 1/8, 1/16, 1/32 of the image, whose contrast is normalised."""
        mean = image.mean((2, 3), keepdim=True)
        deviation = ((image - mean) ** 2).mean((2, 3), keepdim=True).sqrt()
        x = (image - mean) / (deviation + 0.02)
        maps = []
        for stage in (self.stem, self.stage4, self.stage8, self.stage16, self.stage32):
            x = stage(x)
            maps.append(x)
        return maps

    def score_logits(self, maps: list[Tensor]) -> Tensor:
        """[B x 1 x H x W] logit that a pixel is a keypoint."""
        x = self.lateral[-1](maps[-1])
        for lateral, smaller in zip(list(self.lateral)[-2::-1], maps[-2::-1], strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = x + lateral(smaller)
        return self.score(F.relu(x))

    def descriptors(self, maps: list[Tensor], points: Tensor, size: tuple[int, int]) -> Tensor:
        """points [B x N x 2] pixels (first pixel's centre 0.5, 0.5), size (H, W) of the padded
        image -> [B x N x D] unit length."""
        return F.normalize(self.describe(self.spots(maps, points, size)), dim=-1)

    def global_descriptor(self, maps: list[Tensor]) -> Tensor:
        """[B x G] unit length: generalised-mean pooling (p = 3) of the two coarsest maps."""
        pooled = [m.clamp(min=1e-4).pow(3).mean((2, 3)).pow(1 / 3) for m in maps[-2:]]
        return F.normalize(self.summarise(torch.cat(pooled, -1)), dim=-1)

    def forward(self, image: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """image [1 x 1 x H x W] -> keypoints [N x 2], scores [N], descriptors [N x D],
        global descriptor [G], the N best maxima first."""
        maps = self.pyramid(image)
        keypoints, logits = detect(self.score_logits(maps), count)
        scores = torch.sigmoid(logits)
        height, width = image.shape[2], image.shape[3]
        described = self.descriptors(maps, keypoints[None], (height, width))
        return keypoints, scores, described[0], self.global_descriptor(maps)[0]


def detect(scores: Tensor, count: int, border: int = 8) -> tuple[Tensor, Tensor]:
    """logits [1 x 1 x H x W] -> sub-pixel maxima [N x 2] and their logits [N], best first."""
    peaks = F.max_pool2d(scores, 2 * RADIUS + 1, 1, RADIUS)
    candidates = torch.where(peaks == scores, scores, NEVER)
    candidates = candidates[:, :, border:-border, border:-border]
    best, index = candidates.flatten().topk(count)
    width = candidates.shape[3]
    row, column = index // width + border, index % width + border
    return peaks_of(scores[0, 0], column, row), best


def peaks_of(scores: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """logits [H x W], pixels of maxima [N] each -> sub-pixel positions [N x 2].

    Peaks are taught as Gaussian bells, whose logarithm is a parabola: its top is found from the
    3 x 3 logits around the maximum.
    """
    width = scores.shape[1]
    offset = torch.arange(-1, 2, device=scores.device)
    window = (row[:, None, None] + offset[None, :, None]) * width \
        + column[:, None, None] + offset[None, None, :]
    values = scores.flatten()[window.clamp(min=0, max=scores.numel() - 1)]  # [N x 3 x 3]
    both = torch.stack([values.mean(1), values.mean(2)], 1)  # [N x 2 x 3] along x, along y
    slope = (both[..., 2] - both[..., 0]) / 2
    bend = (both[..., 2] + both[..., 0] - 2 * both[..., 1]).clamp(max=-1e-3)
    return torch.stack([column, row], 1) + 0.5 + (-slope / bend).clamp(-0.8, 0.8)
