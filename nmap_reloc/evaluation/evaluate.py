"""Localize posed images and compare with the truth."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation import metrics
from nmap_reloc.geometry import Rigid, span_of
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.progress import track
from nmap_reloc.types import Camera, Doubles, Estimate, Image, PosePrior


class Localizes(Protocol):
    """What is measured: nmap_reloc.localizer.Localizer, or anything else that answers so."""

    @property
    def map_bytes(self) -> int: ...

    @property
    def unit(self) -> str: ...

    def localize(self, image: Image, camera: Camera,
                 prior: PosePrior | None = None) -> Estimate: ...


@dataclass(frozen=True)
class Query:
    """One image, its true pose and what the localizer said.

    translation_error in map units, rotation_error_deg in degrees: of the estimated pose even when
    the gate refused it, infinite where there is none.
    """

    image: PosedImage
    true: Rigid
    estimate: Estimate
    translation_error: float
    rotation_error_deg: float

    @property
    def name(self) -> str:
        return self.image.name


@dataclass(frozen=True)
class Evaluation:
    """All queries against one map. centres [N x 3]: every camera of the scene, for the span.

    skipped: images that could not be asked (unreadable, no true pose) and why.
    """

    queries: tuple[Query, ...]
    unit: str
    span: float
    map_bytes: int
    centres: Doubles
    bytes_by_part: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def localized(self) -> int:
        return sum(query.estimate.accepted for query in self.queries)

    def errors(self) -> tuple[Doubles, Doubles]:
        """(translation, rotation in degrees), each [queries]; infinite where refused."""
        rows = [(q.translation_error, q.rotation_error_deg) if q.estimate.accepted
                else (np.inf, np.inf) for q in self.queries]
        table = np.array(rows, np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def recall(self) -> dict[str, float | None]:
        return metrics.recall(*self.errors(), self.unit, self.span)

    def squared_mahalanobis(self) -> list[float]:
        """Of the accepted estimates that carry a covariance: position, 3 degrees of freedom."""
        return [metrics.mahalanobis_squared(pose, q.true, covariance) for q in self.queries
                if q.estimate.accepted and (pose := q.estimate.map_from_camera) is not None
                and (covariance := q.estimate.covariance) is not None]

    def latency_ms(self) -> dict[str, dict[str, float]]:
        return metrics.latency(q.estimate.milliseconds for q in self.queries)

    def to_json(self) -> dict[str, Any]:
        """evaluation.json; infinite numbers become null, since JSON has none."""
        translation, rotation = self.errors()
        return {
            "queries": len(self.queries),
            "localized": self.localized,
            "unit": self.unit,
            "span": self.span,
            "median_translation": _finite(metrics.median(translation)),
            "median_rotation_deg": _finite(metrics.median(rotation)),
            "recall": self.recall(),
            "map_bytes": self.map_bytes,
            "bytes_by_part": self.bytes_by_part,
            "latency_ms": self.latency_ms(),
            "covariance_95_coverage": metrics.coverage_95(self.squared_mahalanobis()),
            "per_query": [_query_json(query) for query in self.queries],
            "skipped": self.skipped,
        }


def evaluate(localizer: Localizes, images: Iterable[PosedImage], *,
             centres: Doubles | None = None, bytes_by_part: Mapping[str, int] | None = None,
             description: str = "localize") -> Evaluation:
    """Asks for every image that has a true pose.

    centres [N x 3]: of all cameras of the scene, map and query (default: of ``images``), for the
    span. Unreadable images and images without a pose are skipped and named in ``skipped``.
    Raises NmapError when no image could be asked.
    """
    images = list(images)
    queries: list[Query] = []
    skipped: dict[str, str] = {}
    warm = False
    for image in track(images, description, total=len(images)):
        if image.map_from_camera is None:
            skipped[image.name] = "no true pose"
            continue
        try:
            pixels = image.read()
            if not warm:  # so that the clock never sees an engine's first call
                localizer.localize(pixels, image.camera)
                warm = True
            queries.append(_ask(localizer, image, image.map_from_camera, pixels))
        except NmapError as error:
            skipped[image.name] = str(error)
    if not queries:
        raise NmapError(_nothing_to_ask(images, skipped))
    if centres is None:
        centres = camera_centres(images)
    return Evaluation(tuple(queries), localizer.unit, span_of(centres),
                      localizer.map_bytes, centres, dict(bytes_by_part or {}), skipped)


def camera_centres(images: Iterable[PosedImage]) -> Doubles:
    """[N x 3] in the map frame, of the images that have a pose."""
    return np.array([image.map_from_camera.translation for image in images
                     if image.map_from_camera is not None], np.float64).reshape(-1, 3)


def _ask(localizer: Localizes, image: PosedImage, true: Rigid, pixels: Image) -> Query:
    start = time.perf_counter()
    estimate = localizer.localize(pixels, image.camera)
    total = (time.perf_counter() - start) * 1e3
    estimate = replace(estimate, milliseconds={**estimate.milliseconds, "total": total})
    if estimate.map_from_camera is None:
        return Query(image, true, estimate, float("inf"), float("inf"))
    return Query(image, true, estimate, *metrics.pose_errors(estimate.map_from_camera, true))


def _nothing_to_ask(images: Sequence[PosedImage], skipped: Mapping[str, str]) -> str:
    if not images:
        return "queries 0: there is no image to localize; choose another split"
    name, reason = next(iter(skipped.items()))
    return (f"queries 0: all {len(images)} images were skipped, the first ({name}) because: "
            f"{reason}; give images with poses that can be read")


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _query_json(query: Query) -> dict[str, Any]:
    estimate, pose = query.estimate, query.estimate.map_from_camera
    refusal = estimate.refusal
    return {
        "name": query.name,
        "estimated_pose": None if pose is None else {
            "translation": pose.translation.tolist(),
            "quaternion_wxyz": pose.quaternion().tolist()},
        "translation_error": _finite(query.translation_error),
        "rotation_error_deg": _finite(query.rotation_error_deg),
        "inliers": estimate.inlier_count,
        "correspondences": len(estimate.correspondences or ()),
        "refusal": None if refusal is None else {
            "stage": refusal.stage, "reason": refusal.reason},
        "milliseconds": estimate.milliseconds,
    }
