"""Every parameter of reloc_node."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nmap_reloc.engines import BACKENDS
from nmap_reloc.engines.base import AUTO, Precision
from nmap_reloc.gate import GateOptions
from nmap_reloc.localizer import LocalizerOptions
from nmap_reloc.nodes.described import described, expanded
from nmap_reloc.nodes.diagnostic_parameters import DiagnosticParameters
from nmap_reloc.nodes.tracker_parameters import TrackerParameters
from nmap_reloc.pose import SolveOptions
from nmap_reloc.tracking import TrackerOptions

SOLVERS = ("auto", "pycolmap", "opencv")


@dataclass(frozen=True)
class _Interface:
    """What is loaded, what comes in and what goes out."""

    map: str = described(
        "", "Folder of the map (manifest.json and tiles/).", group="Map", read_only=True,
        required=True, path="existing")
    tiles: str = described(
        "all", "all: load the whole map at start-up. managed: load what tile_manager asks for on "
        "active_tiles.", choices=("all", "managed"), read_only=True)
    decoder: str = described(
        "", "Folder of the decoder's networks that the map was built with; empty: the shipped "
        "ones.", read_only=True, path="existing")
    backend: str = described(
        "auto", "What runs the networks.", choices=BACKENDS, read_only=True)
    precision: str = described(
        AUTO, "Arithmetic of the extractor. auto: NMAP_ENGINE_PRECISION, else FP16 by TensorRT, "
        "int8 by onnxruntime on a CPU that is fast at it (VNNI, AMX, ARM's dot product), FP32 "
        "elsewhere; the node says which.",
        choices=(AUTO, *(choice.value for choice in Precision)), read_only=True)
    keypoints: int = described(
        LocalizerOptions.keypoints, "Features extracted from an image, at most.", low=64,
        high=8192, read_only=True)

    compressed: bool = described(
        False, "The topic image carries sensor_msgs/CompressedImage (JPEG or PNG).",
        group="Images", read_only=True)
    rectified: bool = described(
        False, "The images are rectified: use P of camera_info and no distortion, instead of K "
        "and D.", read_only=True)
    max_image_age: float = described(
        1.0, "An older image is dropped and counted as stale.", unit="s", low=0.01, high=60.0)

    map_frame: str = described(
        "", "Frame of the published poses; empty: the frame that the map names.", group="Frames",
        read_only=True)
    odom_frame: str = described(
        "odom", "Frame of the odometry: map_frame -> odom_frame is published on TF. Empty: there "
        "is none; map_frame -> base_frame is published instead.", read_only=True)
    base_frame: str = described("base_link", "Frame whose pose is published.", read_only=True)
    camera_frame: str = described(
        "", "Optical frame of the camera; empty: the frame_id of the images.", read_only=True)

    publish_tf: bool = described(
        True, "Publish on TF. False: something else (a filter that fuses ~/pose) does.",
        group="TF")
    transform_tolerance: float = described(
        0.2, "The transform is dated so far into the future, so that it holds until the next "
        "one.", unit="s", low=0.0, high=5.0)
    tf_rate: float = described(
        20.0, "How often the transform is sent again between two images.", unit="Hz", low=0.5,
        high=200.0)
    odom_timeout: float = described(
        0.1, "How long to wait for odometry of the image's stamp.", unit="s", low=0.0, high=2.0)

    pose_file: str = described(
        "", "The last pose is kept in this file and restored at start-up where odometry shows "
        "that the robot has not been moved. Empty: not kept.", group="Last pose", read_only=True,
        path="new")
    pose_file_period: float = described(
        5.0, "The file is written at most so often.", unit="s", low=0.1, high=3600.0)
    pose_file_max_age: float = described(
        3600.0, "An older pose is not restored.", unit="s", low=1.0, high=1e7)
    pose_file_max_distance: float = described(
        0.5, "A pose since which odometry says that the robot travelled farther is not "
        "restored.", unit="m", low=0.0, high=100.0)
    pose_file_max_angle: float = described(
        15.0, "A pose since which odometry says that the robot turned farther is not "
        "restored.", unit="deg", low=0.0, high=180.0)

    path_length: int = described(
        1000, "Poses kept in ~/path; 0: it is not published.", group="Pictures", low=0,
        high=100000)
    debug_image_width: int = described(
        640, "Width of ~/debug_image; it is made only while someone subscribes.", unit="px",
        low=64, high=4096)


@dataclass(frozen=True)
class _Localizing:
    """What one image must show."""

    most_voxels: int = described(
        LocalizerOptions.most_voxels, "Voxels looked at in one image, at most: fewer are faster, "
        "more find a robot that is lost more surely.", group="One image", low=1, high=100000)
    fewest_features: int = described(
        LocalizerOptions.fewest_features, "An image with fewer features is refused.", low=4,
        high=8192)
    solver: str = described(
        SolveOptions.solver, "Who proposes the pose; auto: pycolmap where it is installed.",
        choices=SOLVERS)
    max_error: float = described(
        SolveOptions.max_error, "Reprojection error of an inlier, at most.", unit="px", low=0.5,
        high=50.0)
    min_inliers: int = described(
        GateOptions.min_inliers, "Fewer agree by chance somewhere in a large map.", low=6,
        high=10000)
    min_inlier_ratio: float = described(
        GateOptions.min_inlier_ratio, "Inliers / keypoints that have correspondences, at least.",
        low=0.0, high=1.0)
    min_spread: float = described(
        GateOptions.min_spread, "Deviation of the inliers along their thin axis / image diagonal, "
        "at least.", low=0.0, high=0.5)
    max_residual: float = described(
        GateOptions.max_residual, "Reprojection error of the inliers, rms, at most.", unit="px",
        low=0.5, high=50.0)
    max_relative_sigma: float = described(
        GateOptions.max_relative_sigma, "Deviation of the position / distance to what is seen, at "
        "most.", low=0.001, high=10.0)
    max_rotation_sigma: float = described(
        GateOptions.max_rotation_sigma, "Deviation of the rotation, at most.", unit="deg",
        low=0.01, high=180.0)
    max_log_false_alarms: float = described(
        GateOptions.max_log_false_alarms, "log10 of the poses as well supported that chance would "
        "give, at most; 0 is one, less is stricter.", low=-1000.0, high=0.0)
    max_fix_sigma: float = described(
        0.0, "Deviation of the position of one fix, at most; 0: not asked for.", unit="m",
        low=0.0, high=1000.0)
    max_prior_distance: float = described(
        GateOptions.max_prior_distance, "Squared Mahalanobis distance to where odometry leads, at "
        "most (chi^2 with 6 degrees of freedom; 22.46 is 99.9 %).", low=1.0, high=10000.0)


@dataclass(frozen=True)
class RelocParameters(DiagnosticParameters, TrackerParameters, _Localizing, _Interface):
    """See `described` for what each field says of itself; bases come last to first."""

    @classmethod
    def check(cls, values: RelocParameters) -> str | None:
        """What one field alone can't tell."""
        for name in ("map_frame", "odom_frame", "base_frame", "camera_frame"):
            if getattr(values, name).startswith("/"):
                return (f"parameter {name} {getattr(values, name)!r}: TF frames have no leading "
                        "slash; leave it out")
        if not values.base_frame:
            return "parameter base_frame '': must be given; usually base_link"
        if values.base_frame in (values.odom_frame, values.map_frame):
            return (f"parameter base_frame {values.base_frame!r}: is the odom_frame or the "
                    "map_frame, too; name the robot's own frame")
        if values.map_frame and values.map_frame == values.odom_frame:
            return (f"parameter odom_frame {values.odom_frame!r}: is the map_frame, too; name the "
                    "odometry's frame, or leave it empty where there is none")
        return values.thresholds_problem()

    def weights(self) -> Path | None:
        """Folder of the decoder's networks, None: the shipped ones."""
        return expanded(self.decoder) if self.decoder else None

    def tracker_options(self) -> TrackerOptions:
        return TrackerOptions(**_named_like(TrackerOptions, self))

    def localizer_options(self) -> LocalizerOptions:
        return LocalizerOptions(
            self.keypoints, self.most_voxels, self.fewest_features,
            SolveOptions(solver=self.solver, max_error=self.max_error),  # type: ignore[arg-type]
            GateOptions(self.min_inliers, self.min_inlier_ratio, self.min_spread,
                        self.max_residual, self.max_relative_sigma, self.max_fix_sigma or None,
                        self.max_rotation_sigma, self.max_prior_distance,
                        self.max_log_false_alarms), self.precision)


def _named_like(options: type[Any], values: object) -> dict[str, Any]:
    """The values whose names are those of fields of `options`."""
    return {field.name: getattr(values, field.name) for field in fields(options)
            if hasattr(values, field.name)}
