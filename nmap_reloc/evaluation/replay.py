"""A recorded drive through localizer, tracker and gate once more: no middleware, no clock."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.drive import PICTURES, Drive, Instant, worst
from nmap_reloc.evaluation.evaluate import Evaluation, Query, camera_centres
from nmap_reloc.evaluation.recording import Frame, Recording
from nmap_reloc.evaluation.truth import Truth
from nmap_reloc.gate import largest_sigma
from nmap_reloc.geometry import Rigid, span_of
from nmap_reloc.localizer import Localizer
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.progress import track
from nmap_reloc.tracking import Step, Tracker, TrackerOptions, locate
from nmap_reloc.types import Camera, Estimate, Image, Refusal

NO_CAMERA = "TF did not know where the camera is on the robot at its stamp"
UNKNOWN_TRUTH = "the truth is not known at its stamp"


def replay(localizer: Localizer, recording: Recording, truth: Truth,
           options: TrackerOptions | None = None, *, rate_limit: float | None = None,
           bytes_by_part: Mapping[str, int] | None = None, notes: Sequence[str] = ()) -> Drive:
    """Every image in order of stamps, as the node would have taken it were it fast enough.

    rate_limit: images per second at most (of the recording's time), as on a slower robot. The
    same recording and map give the same answers, times excepted. NmapError: no image could be
    localized against.
    """
    frames = thin(recording.frames, rate_limit)
    run = _Run(localizer, Tracker(options), recording.camera, truth)
    for frame in track(frames, f"replay {recording.path.resolve().name}", len(frames)):
        run.take(frame)
    if not run.queries:
        name, reason = next(iter(run.skipped.items()))
        raise NmapError(f"{recording.path}: none of {len(frames)} images could be evaluated, the "
                        f"first ({name}) because: {reason}")
    left = len(recording.frames) - len(frames)
    limited = [f"{left} of {len(recording.frames)} images left out by the rate limit of "
               f"{rate_limit:g} Hz"] if rate_limit and left else []
    centres = camera_centres([query.image for query in run.queries])
    evaluation = Evaluation(tuple(run.queries), localizer.unit, span_of(centres),
                            localizer.map_bytes, centres, dict(bytes_by_part or {}), run.skipped)
    return Drive(tuple(run.instants), truth.jumps, evaluation,
                 (*recording.notes, *notes, *limited))


def thin(frames: Sequence[Frame], rate: float | None) -> tuple[Frame, ...]:
    """Those that a robot takes that is ready for a next image every 1 / rate seconds."""
    if rate is None:
        return tuple(frames)
    if not rate > 0:
        raise NmapError(f"rate_limit {rate:g}: must be above 0; give images per second")
    kept: list[Frame] = []
    for frame in frames:
        # A hundredth early counts: stamps of a steady camera jitter.
        if not kept or frame.seconds - kept[-1].seconds >= 0.99 / rate:
            kept.append(frame)
    return tuple(kept)


class _Run:
    """What has become of the images so far."""

    def __init__(self, localizer: Localizer, tracker: Tracker, camera: Camera, truth: Truth
                 ) -> None:
        self.localizer, self.tracker = localizer, tracker
        self.camera, self.truth = camera, truth
        self.instants: list[Instant] = []
        self.queries: list[Query] = []
        self.skipped: dict[str, str] = {}
        self._pictured: list[int] = []  # indices of queries that have their correspondences
        self._warm = False

    def take(self, frame: Frame) -> None:
        if frame.base_from_camera is None:
            self.skipped[frame.name] = NO_CAMERA
            return
        self.tracker.base_from_camera = frame.base_from_camera
        try:
            step = self._locate(frame.read(), frame)
        except NmapError as error:
            self.skipped[frame.name] = str(error)
            return
        true = self.truth.at(frame.seconds)
        self.instants.append(self._instant(frame, step, true))
        if true is None:
            self.skipped[frame.name] = UNKNOWN_TRUTH
        else:
            self._query(frame, frame.base_from_camera, step, true)

    def _locate(self, pixels: Image, frame: Frame) -> Step:
        if not self._warm:  # so that the clock never sees an engine's first call
            self.localizer.localize(pixels, self.camera)
            self._warm = True
        start = time.perf_counter()
        step = locate(self.localizer, self.tracker, pixels, self.camera, frame.seconds,
                      frame.odom_from_base)
        total = (time.perf_counter() - start) * 1e3
        timed = replace(step.estimate, milliseconds={**step.estimate.milliseconds,
                                                     "total": total})
        return replace(step, estimate=timed)

    def _instant(self, frame: Frame, step: Step, true: Rigid | None) -> Instant:
        verdict, estimate = step.verdict, step.estimate
        carried = None if verdict.accepted else self.tracker.predict(frame.seconds,
                                                                     frame.odom_from_base)
        covariance = verdict.covariance if carried is None else carried[1]
        matches = estimate.correspondences
        active = self.localizer.active
        return Instant(
            frame.name, frame.seconds, true, self.truth.piece(frame.seconds),
            verdict.state.value, verdict.reason,
            verdict.map_from_base if verdict.accepted else None,
            verdict.covariance if verdict.accepted else None,
            None if carried is None else carried[0],
            None if covariance is None else largest_sigma(covariance[:3, :3]),
            verdict.jumped, frame.odom_from_base is not None, estimate.inlier_count,
            0 if matches is None else len(matches),
            0 if matches is None else len(np.unique(matches.voxels)),
            0 if active is None else len(active.tiles), estimate.milliseconds)

    def _query(self, frame: Frame, base_from_camera: Rigid, step: Step, true: Rigid) -> None:
        image = PosedImage(frame.name, self.camera, true @ base_from_camera, frame.read,
                           frame.seconds)
        self.queries.append(query_of(image, true, base_from_camera, published(step)))
        self._pictured.append(len(self.queries) - 1)
        # Only pictures need what was matched: thousands of images would fill the memory.
        keep = {query.name for query in worst([self.queries[i] for i in self._pictured], PICTURES)}
        for index in [i for i in self._pictured if self.queries[i].name not in keep]:
            self._pictured.remove(index)
            self.queries[index] = without_matches(self.queries[index])


def without_matches(query: Query) -> Query:
    return replace(query, estimate=replace(query.estimate, correspondences=None))


def query_of(image: PosedImage, true: Rigid, base_from_camera: Rigid, estimate: Estimate) -> Query:
    """With the errors of the base. true: map_from_base; estimate: of the camera."""
    camera = image.map_from_camera
    assert camera is not None  # made from the truth
    if estimate.map_from_camera is None:
        return Query(image, camera, estimate, float("inf"), float("inf"))
    base = estimate.map_from_camera @ base_from_camera.inverse()
    return Query(image, camera, estimate, *metrics.pose_errors(base, true))


def published(step: Step) -> Estimate:
    """The estimate, refused where the tracker did not believe it."""
    if step.verdict.accepted or not step.estimate.accepted:
        return step.estimate
    return replace(step.estimate, refusal=Refusal("tracking", step.verdict.reason))
