"""What evaluate and bench leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmap_reloc.evaluation.bench_table import markdown
from nmap_reloc.evaluation.drive import PICTURES, Drive, Instant, worst
from nmap_reloc.evaluation.drive_page import drive_sections
from nmap_reloc.evaluation.evaluate import Evaluation
from nmap_reloc.evaluation.files import write_json, write_text
from nmap_reloc.evaluation.report import report
from nmap_reloc.evaluation.rows import Row, rows_json
from nmap_reloc.evaluation.score import score


def write_evaluation(folder: Path, evaluation: Evaluation, scene: str, site: str,
                     name: str = "evaluation") -> tuple[Path, Path]:
    """<name>.json and <name>.html, each atomic. scene, site: for the page's title. NmapError."""
    files = folder / f"{name}.json", folder / f"{name}.html"
    page = report(evaluation, scene, site)
    write_json(files[0], evaluation.to_json())
    write_text(files[1], page)
    return files


def write_drive(folder: Path, drive: Drive, bag: str, site: str) -> list[Path]:
    """evaluation.json, evaluation.html and, of a replay, trajectory.tum (published poses), each
    atomic: a live drive's trajectory is there already. NmapError."""
    files = [folder / "evaluation.json", folder / "evaluation.html"]
    pictured = worst(drive.evaluation.queries, PICTURES)
    page = report(drive.evaluation, bag, site, drive_sections(drive), pictured)
    write_json(files[0], score(drive))
    write_text(files[1], page)
    if not drive.live:
        files.append(folder / "trajectory.tum")
        write_text(files[2], tum_text(drive))
    return files


def tum_text(drive: Drive) -> str:
    """``stamp tx ty tz qx qy qz qw`` of the base in the map, per published pose; stamps to the
    nanosecond."""
    return "".join(map(_tum_line, drive.published))


def _tum_line(instant: Instant) -> str:
    assert instant.pose is not None  # published
    seconds, rest = divmod(int(instant.name), 1_000_000_000)
    w, x, y, z = instant.pose.quaternion()
    numbers = " ".join(f"{value:.9f}" for value in (*instant.pose.translation, x, y, z, w))
    return f"{seconds}.{rest:09d} {numbers}\n"


@dataclass(frozen=True)
class Results:
    """Of a bench, complete after every row, so that an interruption loses only one.

    folder: bench.json, bench.md and <scene>/<row>.{json,html}.
    """

    folder: Path
    machine: dict[str, Any]

    def save(self, rows: list[Row]) -> None:
        """The last row's own files, then the tables anew."""
        last = rows[-1]
        if last.evaluation is not None:
            write_evaluation(self.folder / last.scene, last.evaluation, last.scene, last.name,
                             last.name)
        write_json(self.folder / "bench.json", rows_json(rows, self.machine))
        write_text(self.folder / "bench.md", markdown(rows, self.machine) + "\n")
