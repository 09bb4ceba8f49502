"""Scene-agnostic training: distinctiveness (equation 6), poses of sampled hypotheses through the
quadratic programme (equation 7), and the quantiser (L_Q, section 3.3).

A step is one set of co-visible views: some are anchors, some verify, and the rest are queries
that took no part in describing the points.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nmap_reloc.camera import project
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.representations.squeezer.clusters import (
    Indices,
    covisibility_distance,
    seen_by,
    split,
)
from nmap_reloc.representations.squeezer.network import (
    HIT,
    WORST,
    SqueezerNetwork,
    per_frame,
    programme,
)
from nmap_reloc.representations.squeezer.observations import FAR, Observed, in_frame, observe
from nmap_reloc.representations.squeezer.qp import balance
from nmap_reloc.representations.squeezer.qp_layer import select
from nmap_reloc.representations.squeezer.quantiser import BITS
from nmap_reloc.training import Trainer
from nmap_reloc.types import Doubles, Floats
from nmap_reloc.undistort import undistort

POSE_EVERY = 3  # steps: equation 7 takes half of a step's time and says least
WORST_POSE = 10.0  # HITs: the mean displacement of a hypothesis' points, at most


@dataclass(frozen=True)
class SqueezerTraining:
    """Settings of one training run, kept beside the weights."""

    steps: int = 1500
    rate: float = 3e-3  # at most; the paper has 5e-4 for a far longer training
    seed: int = 0
    most_views: int = 16  # of a step; the fewest are a third of it
    points: int = 500  # of a step, at most
    keypoints: int = 512  # of a verification frame, at most
    queries: int = 4  # of a step, at most
    hypotheses: int = 24
    least_kept: float = 0.03  # nu is drawn between this and most_kept, evenly by its logarithm
    most_kept: float = 0.5
    blur: float = 0.03  # noise on descriptors for the quantiser
    batch: int = 512  # descriptors of a step for the quantiser
    distinct: float = 1.0
    pose: float = 0.2
    quantise: float = 1.0


class TrainingScene:
    """Landmarks as a step draws from them."""

    def __init__(self, landmarks: Landmarks):
        self.landmarks = landmarks
        self.seen = seen_by(landmarks)
        self.distance = covisibility_distance(self.seen, len(landmarks))


@dataclass(frozen=True)
class Query:
    """A view that asks: the keypoint nearest in descriptor to every point, [m x 2] pixels; how
    far from it the point projects, in HITs, WORST at most ([m]); whether it is in view ([m]);
    which of the episode's verification frames is most co-visible with it."""

    view: View
    keypoints: Floats
    errors: Floats
    visible: npt.NDArray[np.bool_]
    like: int


@dataclass(frozen=True)
class Episode:
    """points [m]: landmark indices."""

    points: Indices
    seen: Observed
    queries: tuple[Query, ...]
    fraction: float


def draw(rng: np.random.Generator, scenes: list[TrainingScene], options: SqueezerTraining
         ) -> tuple[TrainingScene, Episode]:
    """A seed view and views that share points with it; 30 % anchors, 30 % verification, the rest
    queries (paper, section 4)."""
    scene = scenes[int(rng.integers(len(scenes)))]
    seed = int(rng.integers(len(scene.seen)))
    count = int(rng.integers(max(4, options.most_views // 3), options.most_views + 1))
    near = np.argsort(scene.distance[seed], kind="stable")[:count]  # the seed is nearest
    views = np.sort(near).astype(np.int64)
    third = max(1, round(0.3 * len(views)))
    chosen = np.sort(rng.permutation(views)[:2 * third])
    asking = [int(v) for v in rng.permutation(np.setdiff1d(views, chosen))[:options.queries]]
    anchors, verification = split(chosen, scene.seen, len(scene.landmarks), 0.5)
    points = np.unique(np.concatenate([scene.seen[a] for a in anchors.tolist()]))
    if len(points) > options.points:
        points = np.sort(rng.permutation(points)[:options.points])
    seen = observe(scene.landmarks, points, chosen, anchors, verification.tolist(),
                   options.keypoints, rng)
    fraction = float(np.exp(rng.uniform(np.log(options.least_kept), np.log(options.most_kept))))
    return scene, Episode(points, seen, tuple(
        ask(scene.landmarks, points, seen.descriptors, v,
            int(scene.distance[v, verification].argmin())) for v in asking), fraction)


def ask(landmarks: Landmarks, points: Indices, descriptors: Floats, index: int, like: int
        ) -> Query:
    """What a query's nearest neighbours say; a point out of view is matched wrongly."""
    view = landmarks.views[index]
    which = (descriptors @ view.descriptors.astype(np.float32).T).argmax(1)
    projected = in_frame(view, landmarks.positions[points])
    away = np.linalg.norm(projected - view.keypoints[which], axis=1) / HIT
    visible = projected[:, 0] < FAR
    away[~visible] = WORST
    return Query(view, view.keypoints[which], np.minimum(away, WORST).astype(np.float32), visible,
                 like)


def distinctive_loss(variance: Tensor, seen: Observed, queries: tuple[Query, ...]) -> Tensor:
    """Equation 6, the mean over pairs: error / (2 sigma**2) + log(sigma**2) / 2. variance [m x n];
    a query asks as the verification frame that it is most like; a pair is a point in view of
    both."""
    terms = []
    for query in queries:
        both = torch.from_numpy(query.visible & (seen.frames[query.like].projected[:, 0] < FAR))
        expected = variance[both, query.like]
        errors = torch.from_numpy(query.errors)[both]
        terms.append(per_frame(expected) * errors + 0.5 * expected)
    return torch.cat(terms).mean() if sum(map(len, terms)) else variance.sum() * 0


def pose_loss(rng: np.random.Generator, alpha: Tensor, points: Doubles,
              queries: tuple[Query, ...], hypotheses: int) -> Tensor:
    """Equation 7, the mean over hypotheses; alpha [m] in caps, from 0 to 1. points [m x 3]."""
    weights = alpha.detach().clamp(min=1e-3).numpy().astype(np.float64)
    terms = []
    for number in range(hypotheses):
        query = queries[number % len(queries)]
        known = np.flatnonzero(query.errors < WORST)
        if len(known) < 8:
            continue
        # Half of the pairs as they come, half among those that are not hopeless: else no pose
        # of four would ever be near.
        chances = weights if number % 2 else weights * (query.errors < WORST)
        four = rng.choice(len(points), 4, replace=False, p=chances / chances.sum()) \
            if (chances > 0).sum() >= 4 else known[:4]
        moved = displacement(query, points, four, known)
        mine = alpha[torch.from_numpy(four)]
        apart = torch.from_numpy(query.errors[four])
        terms.append(mine.prod() * moved / WORST_POSE + (mine * apart).sum() / (4 * WORST))
    return torch.stack(terms).mean() if terms else alpha.sum() * 0


def displacement(query: Query, points: Doubles, four: Indices, known: Indices) -> float:
    """How far the pose of these four pairs moves the known points, mean in HITs, bounded."""
    view = query.view
    centre = points[four].mean(0)
    rays = undistort(query.keypoints[four].astype(np.float64), view.camera)
    try:
        found, turn, shift = cv2.solvePnP(points[four] - centre, rays[:, None], np.eye(3),
                                          None, flags=cv2.SOLVEPNP_AP3P)
    except cv2.error:  # it throws where the points are degenerate
        return WORST_POSE
    if not found or not np.isfinite(turn).all() or not np.isfinite(shift).all():
        return WORST_POSE
    camera_from_map = Rigid(np.array(cv2.Rodrigues(turn)[0], np.float64),
                            np.array(shift, np.float64).reshape(3))
    local = camera_from_map.apply(points[known] - centre)
    true = view.map_from_camera.inverse().apply(points[known])
    ahead = local[:, 2] > 1e-6
    away = np.full(len(known), WORST_POSE)
    if ahead.any():
        with np.errstate(all="ignore"):
            apart = project(view.camera, local[ahead]) - project(view.camera, true[ahead])
        away[ahead] = np.nan_to_num(np.linalg.norm(apart, axis=1) / HIT, nan=WORST_POSE)
    return float(np.minimum(away, WORST_POSE).mean())


def episode_losses(network: SqueezerNetwork, scene: TrainingScene, episode: Episode,
                   rng: np.random.Generator, options: SqueezerTraining, with_pose: bool = True
                   ) -> dict[str, Tensor]:
    """The weighted losses (equations 6 and 7)."""
    verdict = network.judge(episode.seen)
    parts = {"distinct": options.distinct * distinctive_loss(verdict.variance, episode.seen,
                                                             episode.queries)}
    if not with_pose:
        return parts
    regions = torch.from_numpy(np.stack([frame.regions for frame in episode.seen.frames], 1))
    kernel, scores = programme(verdict, regions)
    unit = balance(kernel.detach().numpy(), scores.detach().numpy(), episode.fraction)
    alpha = select(kernel, scores, unit * network.tau.exp(), episode.fraction)
    kept = alpha * max(episode.fraction * len(alpha), 1.0)  # in caps
    parts["pose"] = options.pose * pose_loss(
        rng, kept, scene.landmarks.positions[episode.points], episode.queries, options.hypotheses)
    return parts


def train(network: SqueezerNetwork, scenes: list[TrainingScene], options: SqueezerTraining,
          log: Path) -> None:
    """Trains in place over many scenes; a line of JSON every 50 steps goes to `log`."""
    rng = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    known = torch.from_numpy(np.concatenate(
        [view.descriptors.astype(np.float32) for scene in scenes
         for view in scene.landmarks.views]))
    network.quantiser.start_from(known[::max(1, len(known) // 20000)])
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps,
                                                   pct_start=0.1)
    network.train()
    trainer = Trainer(network, optimiser, schedule, log, asdict(options), every=50)
    for step in range(options.steps):
        scene, episode = draw(rng, scenes, options)
        parts = episode_losses(network, scene, episode, rng, options,
                               step % POSE_EVERY == 0) if episode.queries else {}
        rows = torch.from_numpy(rng.integers(len(known), size=options.batch))
        noisy = known[rows] + options.blur * torch.randn(len(rows), known.shape[1])
        noisy = torch.nn.functional.normalize(noisy, dim=-1)
        parts["quantise"] = options.quantise * network.quantiser.loss(
            noisy, BITS[step % len(BITS)])
        trainer.step(parts)
    network.eval()
