"""What evaluate and bench leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmap_reloc.evaluation.bench_table import markdown
from nmap_reloc.evaluation.evaluate import Evaluation
from nmap_reloc.evaluation.files import write_json, write_text
from nmap_reloc.evaluation.report import report
from nmap_reloc.evaluation.rows import Row, rows_json


def write_evaluation(folder: Path, evaluation: Evaluation, scene: str, site: str,
                     name: str = "evaluation") -> tuple[Path, Path]:
    """<name>.json and <name>.html, each atomic. scene, site: for the page's title. NmapError."""
    files = folder / f"{name}.json", folder / f"{name}.html"
    page = report(evaluation, scene, site)
    write_json(files[0], evaluation.to_json())
    write_text(files[1], page)
    return files


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
