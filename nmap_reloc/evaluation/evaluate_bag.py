"""A recording against a map: replayed, or as a trajectory that was written down live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nmap_reloc.engines.base import AUTO
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bag_scan import RecordingOptions
from nmap_reloc.evaluation.drive import Drive
from nmap_reloc.evaluation.node_parameters import node_parameters
from nmap_reloc.evaluation.online import score_trajectory
from nmap_reloc.evaluation.recording import open_recording
from nmap_reloc.evaluation.replay import replay
from nmap_reloc.evaluation.truth_source import find_truth
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.maps.store import Site
from nmap_reloc.nodes.reloc_parameters import RelocParameters


@dataclass(frozen=True)
class BagOrder:
    """What to do with a recording. poses, pose_frame: see find_truth; rate_limit: see replay;
    parameters: the node's own file; trajectory: of a live run, scored instead of a replay;
    keypoints: None: as the parameters say; decoder: weights, None: the shipped ones."""

    recording: RecordingOptions = RecordingOptions()
    poses: str = "auto"
    pose_frame: str | None = None
    rate_limit: float | None = None
    parameters: Path | None = None
    trajectory: Path | None = None
    keypoints: int | None = None
    backend: str = "auto"
    decoder: Path | None = None


def evaluate_bag(path: Path, bag: Path, order: BagOrder) -> Drive:
    """path: the map's folder. NmapError: see open_recording, find_truth, replay."""
    if order.trajectory is not None and order.rate_limit is not None:
        raise NmapError(f"rate_limit {order.rate_limit:g}: a trajectory was recorded at the rate "
                        "it was; leave it out")
    parameters = node_parameters(order.parameters, path)
    site = Site.open(path)
    manifest = site.manifest
    recording = open_recording(bag, _as_the_node(order.recording, parameters))
    map_frame = parameters.map_frame or manifest.frame
    truth, notes = find_truth(recording, order.poses, map_frame=map_frame,
                              pose_frame=order.pose_frame, unit=manifest.unit)
    if manifest.unit != "metre":
        notes.append("the map's unit is arbitrary: the recording's lengths are taken to be in it")
    if order.trajectory is not None:
        return score_trajectory(order.trajectory, recording, truth, manifest,
                                map_bytes=site.bytes(), bytes_by_part=site.bytes_by_part(),
                                notes=notes)
    localizer = Localizer.open(path, order.backend, measured_options(parameters, order.keypoints),
                               order.decoder or parameters.weights())
    return replay(localizer, recording, truth, parameters.tracker_options(),
                  rate_limit=order.rate_limit, bytes_by_part=site.bytes_by_part(), notes=notes)


def measured_options(parameters: RelocParameters, keypoints: int | None) -> LocalizerOptions:
    """The node's, but for what it leaves to the machine: a measurement must not depend on where
    it is made."""
    options = parameters.localizer_options()
    return replace(options, keypoints=keypoints or options.keypoints,
                   precision="" if options.precision == AUTO else options.precision)


def _as_the_node(given: RecordingOptions, parameters: RelocParameters) -> RecordingOptions:
    """What is not given is as the node's parameters say where they differ from the defaults, for
    a default frame that is missing is a note, and one that was named is an error."""
    plain = RelocParameters()
    named = {name: getattr(parameters, name)
             for name in ("odom_frame", "base_frame", "camera_frame", "rectified")
             if getattr(given, name) is None
             and getattr(parameters, name) != getattr(plain, name)}
    return replace(given, odom_timeout=parameters.odom_timeout, **named)
