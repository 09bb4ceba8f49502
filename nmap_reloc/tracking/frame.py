"""One image through localizer and tracker: what the node does live and a replay does again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nmap_reloc.geometry import Rigid
from nmap_reloc.localizer import Localizer
from nmap_reloc.tracking.tracker import Tracker, Verdict
from nmap_reloc.types import Camera, Estimate, Features, Image, PosePrior


@dataclass(frozen=True)
class Step:
    """features: of the image, for pictures and for retrieval."""

    stamp: float
    features: Features
    estimate: Estimate
    verdict: Verdict


def locate(localizer: Localizer, tracker: Tracker, image: Image, camera: Camera, stamp: float,
           odom_from_base: Rigid | None) -> Step:
    """Looks where the robot ought to be, then everywhere; the tracker decides what is believed.

    stamp: seconds; odom_from_base: at that stamp, None where there is no odometry. NmapError
    when the camera can't have taken the image.
    """
    features, milliseconds = localizer.extract(image, camera)
    prior = tracker.prior(stamp, odom_from_base)
    estimate = _look(localizer, features, camera, prior)
    estimate = replace(estimate, milliseconds={**milliseconds, **estimate.milliseconds})
    verdict = tracker.update(stamp, estimate, odom_from_base)
    return Step(stamp, features, estimate, verdict)


def _look(localizer: Localizer, features: Features, camera: Camera, prior: PosePrior | None
          ) -> Estimate:
    estimate = localizer.localize_features(features, camera, prior)
    if prior is None or estimate.accepted:
        return estimate
    # Not where it ought to be: a robot that was carried away is found by looking everywhere.
    anywhere = localizer.localize_features(features, camera)
    if not anywhere.accepted:
        return estimate
    stages = {stage: estimate.milliseconds.get(stage, 0.0) + spent
              for stage, spent in anywhere.milliseconds.items()}
    return replace(anywhere, milliseconds=stages)
