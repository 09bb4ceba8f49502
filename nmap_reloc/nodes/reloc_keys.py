"""The keys of reloc_node in /diagnostics: localization, input, map."""

from __future__ import annotations

from typing import TypeAlias

from nmap_reloc.nodes.diagnostic_keys import ERROR, OK, WARN, Key, named
from nmap_reloc.nodes.diagnostic_parameters import DiagnosticParameters
from nmap_reloc.nodes.figures import RelocFigures

Figures: TypeAlias = RelocFigures
Limits: TypeAlias = DiagnosticParameters


def _state(figures: Figures, limits: Limits) -> int:
    if figures.state == "tracking":
        return OK
    lost = figures.state == "lost" and figures.lost_for > limits.lost_error
    return ERROR if lost else WARN


def _pose_rate(figures: Figures, limits: Limits) -> int:
    slow = figures.poses.rate() < limits.pose_rate_warn
    return WARN if slow and figures.images.rate() >= limits.pose_rate_warn else OK


def _image_age(figures: Figures, limits: Limits) -> int:
    age = figures.image_age
    return ERROR if age is None or age > limits.image_timeout else OK


def _percentiles(percent: float, figures: Figures) -> dict[str, float | None]:
    return {stage: window.percentile(percent) for stage, window in figures.stages.items()}


LOCALIZATION = (
    Key("localization", "state", "tracking, suspect (carried on by odometry) or lost.",
        lambda f, p: f.state, judge=_state, warn="suspect or lost",
        error="lost for more than `lost_error`"),
    Key("localization", "reason", "Why it is in this state.", lambda f, p: f.reason),
    Key("localization", "lost_for", "Since when it is lost.", lambda f, p: f.lost_for, "s"),
    Key("localization", "pose_rate", "Poses published.", lambda f, p: f.poses.rate(), "Hz",
        judge=_pose_rate, warn="< `pose_rate_warn` while images arrive"),
    Key("localization", "position_sigma", "Deviation of the position along its least certain "
        "direction, now.", lambda f, p: f.position_sigma, "m",
        ("position_sigma_warn", "position_sigma_error")),
    Key("localization", "rotation_sigma", "The same of the rotation.",
        lambda f, p: f.rotation_sigma, "deg", ("rotation_sigma_warn", "rotation_sigma_error")),
    Key("localization", "inliers_p50", "Inliers of the accepted poses, median.",
        lambda f, p: f.inliers.percentile(50), limits=("inliers_warn", ""), below=True),
    Key("localization", "latency_p50", "From arrival of the image to the answer, median.",
        lambda f, p: f.total.percentile(50), "ms"),
    Key("localization", "latency_p95", "The same, of the slowest 5 %.",
        lambda f, p: f.total.percentile(95), "ms", ("latency_warn", "latency_error")),
    Key("localization", "latency_*_p50", "Per stage: wait (for the image before), "
        "features, activate, decode, solve, confirm, judge.",
        lambda f, p: _percentiles(50, f), "ms"),
    Key("localization", "latency_*_p95", "The same, of the slowest 5 %.",
        lambda f, p: _percentiles(95, f), "ms"),
    Key("localization", "overhead_p50", "What the node adds to the stages: conversion, TF, "
        "tracking, publishing; median.", lambda f, p: f.overhead.percentile(50), "ms"),
    Key("localization", "overhead_p95", "The same, of the slowest 5 %.",
        lambda f, p: f.overhead.percentile(95), "ms"),
    Key("localization", "refused_by_*", "Images without a pose since the start, by the stage "
        "that refused.", lambda f, p: dict(f.refusals)),
    Key("localization", "jumps", "Poses since the start that contradicted odometry and were "
        "confirmed.", lambda f, p: f.jumps),
    Key("localization", "engine", "What runs the extractor, in what precision and why.",
        lambda f, p: f.engine),
    Key("localization", "errors", "Errors since the start.", lambda f, p: f.errors),
    Key("localization", "last_error", "The last one.", lambda f, p: f.last_error),
)

INPUT = (
    Key("input", "image_rate", "Images that arrive.", lambda f, p: f.images.rate(), "Hz",
        ("rate_warn", ""), below=True),
    Key("input", "image_age", "Since the last image arrived.", lambda f, p: f.image_age, "s",
        judge=_image_age, error="none yet, or > `image_timeout`"),
    Key("input", "image_format", "Encoding and size of the last image.",
        lambda f, p: f.image_format),
    Key("input", "camera_info", "ok, or why the intrinsics can't be used.",
        lambda f, p: f.camera or "ok", judge=lambda f, p: ERROR if f.camera else OK,
        error="missing or refused"),
    Key("input", "camera_model", "Camera model and size in use.", lambda f, p: f.camera_model),
    Key("input", "odometry", "ok, none (odom_frame is empty), or what is missing.",
        lambda f, p: f.odometry or ("ok" if p.odom_frame else "none"),
        judge=lambda f, p: WARN if f.odometry else OK, warn="missing at the image's stamp"),
    Key("input", "unusable_rate", "Images dropped that were stale or could not be used.",
        lambda f, p: f.bad_images.rate(), "Hz", ("dropped_warn", "")),
    Key("input", "dropped_*", "Images dropped since the start, by reason; newer: gave way to a "
        "newer one.", lambda f, p: dict(f.dropped)),
)

MAP = (
    Key("map", "site", "Id of the map.", lambda f, p: f.site),
    Key("map", "map_version", "Version of the map in use.", lambda f, p: f.map_version),
    Key("map", "frame", "Frame of the poses.", lambda f, p: f.frame),
    Key("map", "tiles_loaded", "Tiles in use.", lambda f, p: f.tiles_loaded,
        judge=lambda f, p: OK if f.tiles_loaded else WARN, warn="none"),
    Key("map", "tiles_total", "Tiles of the map.", lambda f, p: f.tiles_total),
    Key("map", "bytes", "Memory that the tiles in use take.", lambda f, p: f.tile_bytes, "B"),
    Key("map", "generation", "Number of the set in use; -1: none that was asked for.",
        lambda f, p: f.generation),
    Key("map", "swaps", "Sets put in use since the start.", lambda f, p: f.swaps),
    Key("map", "swap_ms", "Time that the last one took to load, beside the running "
        "localization.", lambda f, p: f.swap_milliseconds, "ms"),
    Key("map", "handover_ms", "Time of it in which the localizer changed from one set to the "
        "other: one assignment, without a lock.", lambda f, p: f.handover_milliseconds, "ms"),
    Key("map", "refused_tiles", "Tiles that could not be loaded.",
        lambda f, p: named([name or "the whole set" for name in f.refused_tiles]) or "none",
        judge=lambda f, p: ERROR if f.refused_tiles else OK, error="any"),
    Key("map", "refused_reason", "Why, of the first of them.",
        lambda f, p: next(iter(f.refused_tiles.values()), "")),
)

RELOC_KEYS = LOCALIZATION + INPUT + MAP
