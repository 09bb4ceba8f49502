"""Thresholds of the diagnostics of reloc_node: what turns /diagnostics yellow or red."""

from __future__ import annotations

from dataclasses import dataclass

from nmap_reloc.nodes.described import described


@dataclass(frozen=True)
class DiagnosticParameters:
    """0 in a threshold that says so: not asked for."""

    rate_warn: float = described(
        1.0, "WARN when fewer images arrive; 0: never.", group="Diagnostics", unit="Hz",
        low=0.0, high=1000.0)
    pose_rate_warn: float = described(
        0.5, "WARN when fewer poses are published while images arrive; 0: never.", unit="Hz",
        low=0.0, high=1000.0)
    image_timeout: float = described(
        3.0, "ERROR when no image has arrived for so long.", unit="s", low=0.1, high=3600.0)
    lost_error: float = described(
        10.0, "LOST is WARN, and ERROR after so long.", unit="s", low=0.0, high=86400.0)
    latency_warn: float = described(
        300.0, "WARN when 5 % of the images took longer from arrival to answer.", unit="ms",
        low=1.0, high=60000.0)
    latency_error: float = described(
        1000.0, "ERROR when 5 % of the images took longer from arrival to answer.", unit="ms",
        low=1.0, high=60000.0)
    inliers_warn: int = described(
        20, "WARN when half of the accepted poses stand on fewer inliers.", low=0, high=10000)
    position_sigma_warn: float = described(
        0.25, "WARN when the deviation of the position is more.", unit="m", low=0.0, high=1000.0)
    position_sigma_error: float = described(
        1.0, "ERROR when the deviation of the position is more.", unit="m", low=0.0, high=1000.0)
    rotation_sigma_warn: float = described(
        3.0, "WARN when the deviation of the rotation is more.", unit="deg", low=0.0, high=180.0)
    rotation_sigma_error: float = described(
        10.0, "ERROR when the deviation of the rotation is more.", unit="deg", low=0.0, high=180.0)
    dropped_warn: float = described(
        0.0, "WARN when more images a second were stale or could not be used; those that gave way "
        "to a newer one don't count.", unit="Hz", low=0.0, high=1000.0)
    diagnostics_window: float = described(
        10.0, "Rates and percentiles are over this last time.", unit="s", low=1.0, high=600.0)

    def thresholds_problem(self) -> str | None:
        """One of the ERROR thresholds is less than its WARN."""
        for name in ("latency", "position_sigma", "rotation_sigma"):
            warn, error = getattr(self, f"{name}_warn"), getattr(self, f"{name}_error")
            if error < warn:
                return (f"parameter {name}_error {error:g}: less than {name}_warn ({warn:g}); "
                        "choose at least that")
        return None
