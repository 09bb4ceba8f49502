"""The bench over maps whose errors are known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from known_answers import CAMERA, Answer, KnownLocalizer, circle, images

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bench import Order, bench, jobs, queries_of
from nmap_reloc.evaluation.bench_table import BEGIN, END, HEADER, markdown, write_into_readme
from nmap_reloc.evaluation.curve import write_curves
from nmap_reloc.evaluation.evaluate import Localizes
from nmap_reloc.evaluation.options import Kind, parse_budgets, parse_kinds
from nmap_reloc.evaluation.results import Results
from nmap_reloc.evaluation.rows import against_uncompressed, row_json
from nmap_reloc.evaluation.speed import compare, machine
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.mapping.selection import Selection, TopK
from nmap_reloc.mapping.sources.base import Source

COUNT = 6
ERRORS = {"landmarks": 0.01, "neumap": 0.02}


@dataclass
class KnownWorkshop:
    """Maps with a known error each; refuses budgets below 1 KB."""

    folder: Path
    keypoints: int = 1024
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def landmarks(self, scene: str, source: Source, features: str, keypoints: int) -> Landmarks:
        self.asked.append((scene, features, keypoints))
        view = View("a", CAMERA, circle(1)[0], np.zeros((1, 2), np.float32),
                    np.ones(1, np.float32), np.ones((1, 128), np.float32),
                    np.zeros(1, np.int32), np.zeros(0, np.float32))
        return Landmarks(np.zeros((100, 3)), np.full(100, 10, np.int32),
                         np.zeros(100, np.float32), (view,), (), "metre", features, "hash")

    def site(self, scene: str, landmarks: Landmarks, kind: Kind, budget: int | None,
             decoder: Path | None) -> Path:
        if budget is not None and budget < 1000:
            raise NmapError(f"--budget {budget}: too small; the smallest is 1000")
        return self.folder / kind.representation

    def open(self, site: Path, decoder: Path | None) -> Localizes:
        answer = Answer((ERRORS[site.name], 0.0, 0.0), 0.5, sigma=0.02)
        return KnownLocalizer(circle(COUNT), [answer] * COUNT, map_bytes=2000)

    def bytes_by_part(self, site: Path) -> dict[str, int]:
        return {site.name: 2000}


def source(split: bool = True) -> Source:
    found = tuple(images(list(circle(COUNT))))
    names = tuple(image.name for image in found)
    return Source(Path("kitchen"), "scene", found, "metre",
                  {"map": names[:3], "query": names[3:]} if split else None, (), "print")


ORDER = Order(parse_kinds("landmarks:learned,neumap"), parse_budgets("1%,0.1%"), speed_images=1)


def test_rows_of_a_scene_in_order(tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    plan = Order(parse_kinds("landmarks:sift,neumap"), parse_budgets("1%,kitchen=3KB,fox=4KB"),
                 decoders={"kitchen": weights, "fox": weights})
    assert [(job.kind.representation, job.budget and job.budget.label, job.decoder)
            for job in jobs("kitchen", plan)] == [
        ("landmarks", None, None), ("neumap", "1 %", None), ("neumap", "1 %", weights),
        ("neumap", "3 KB", None), ("neumap", "3 KB", weights)]


def test_selections_are_further_rows_of_squeezer() -> None:
    ways = (Selection("kc", 0.015), Selection("learned", 0.015))
    plan = Order((Kind("neumap", "learned"), Kind("squeezer", "learned")), parse_budgets("1%"),
                 selections=ways)
    assert [(job.kind.representation, job.budget and job.budget.label, job.kind.selection)
            for job in jobs("kitchen", plan)] == [
        ("neumap", "1 %", None), ("squeezer", "1 %", None), ("squeezer", None, ways[0]),
        ("squeezer", None, ways[1])]


def test_so_many_keypoints_of_each_view_are_further_rows_of_maddr_and_pq(tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    kinds = tuple(Kind(name, "learned") for name in ("neumap", "maddr", "pq"))
    plan = Order(kinds, (), decoders={"kitchen": weights}, per_view=(256,))
    ours, theirs = TopK(256, 4), TopK(256, 16)
    assert [(job.kind.representation, job.kind.selection, job.decoder)
            for job in jobs("kitchen", plan)] == [
        ("maddr", ours, None), ("maddr", ours, weights), ("pq", theirs, None)]


def test_bench_measures_and_leaves_its_files(tmp_path: Path) -> None:
    workshop = KnownWorkshop(tmp_path)
    results = Results(tmp_path / "out", machine())
    rows = bench({"kitchen": source()}, ORDER, workshop, results.save)
    reference = 100 * 10 * 4 * 128 + 12 * 100  # measured by building the classical map
    assert workshop.asked[0] == ("kitchen", "sift", 2048)
    found = json.loads((tmp_path / "out/bench.json").read_text())
    assert found["machine"]["cores"] >= 1
    table = {(row["representation"], row["features"], row["budget"]): row
             for row in found["rows"]}
    assert list(table) == [("landmarks", "learned", ""), ("neumap", "learned", "1 %"),
                           ("neumap", "learned", "0.1 %")]
    share = table["neumap", "learned", "1 %"]
    assert (share["reference_bytes"], share["budget_bytes"]) == (reference, reference // 100)
    assert share["queries"] == share["localized"] == 3
    assert share["median_translation"] == pytest.approx(0.02)
    assert share["against_uncompressed"]["median_translation_ratio"] == pytest.approx(2.0)
    assert share["against_uncompressed"]["recall_loss_points"] == 0.0
    assert share["speed"]["pairs"] == 3
    refused = table["neumap", "learned", "0.1 %"]
    assert refused["problem"] == "--budget 513: too small; the smallest is 1000"
    assert [pool["of"] for pool in found["covariance_95_coverage"]] == [3, 3, 0]
    page = tmp_path / "out/kitchen/neumap-learned-1pc.html"
    assert page.read_text().startswith("<!doctype html>")
    assert len(json.loads(page.with_suffix(".json").read_text())["per_query"]) == 3
    assert (tmp_path / "out/bench.md").read_text() == markdown(rows, results.machine) + "\n"


def test_table_is_markdown_with_a_row_per_map(tmp_path: Path) -> None:
    plan = Order(ORDER.kinds, ORDER.budgets, {"kitchen": 200_000}, speed_images=0)
    workshop = KnownWorkshop(tmp_path)
    rows = bench({"kitchen": source()}, plan, workshop, lambda _: None)
    assert ("kitchen", "sift", 2048) not in workshop.asked
    lines = markdown(rows, {"cpu": "a CPU", "cores": 2}).splitlines()
    assert all(line.count("|") == len(HEADER) + 1 for line in lines[:5])
    assert "| kitchen | neumap 1 % | 2 KB | 100× | 3/3 | 2 cm, 0.5° | 100 % |" in lines[3]
    assert "a CPU, 2 cores" in "\n".join(lines)
    assert lines[4] == "| kitchen | neumap 0.1 %" + " | –" * (len(HEADER) - 2) + " |"
    assert "kitchen, neumap 0.1 %: not measured: --budget 200: too small; the smallest is 1000" \
        in lines
    assert against_uncompressed(rows[0], rows[1:]) is None


def test_queries_of_other_scenes_are_counted(tmp_path: Path) -> None:
    plan = Order(parse_kinds("neumap"), parse_budgets("2KB"), {"kitchen": 9, "hall": 9},
                 speed_images=0, foreign=2)
    workshop = KnownWorkshop(tmp_path)
    rows = bench({"kitchen": source(), "hall": source()}, plan, workshop, lambda _: None)
    assert [row.foreign and row.foreign.to_json() for row in rows] == [
        {"asked": 2, "accepted": 2, "images": [{"image": f"{other}/{name}", "inliers": 30}
                                               for name in ("003.png", "005.png")]}
        for other in ("hall", "kitchen")]
    assert "accepted: neumap 4 of 4." in markdown(rows, {"cpu": "a CPU", "cores": 2})
    alone = bench({"kitchen": source()}, plan, workshop, lambda _: None)
    assert alone[0].foreign is None
    assert "other scenes" not in markdown(alone, {"cpu": "a CPU", "cores": 2})


def test_the_curves_are_drawn(tmp_path: Path) -> None:
    plan = Order(parse_kinds("landmarks:learned,neumap"), parse_budgets("1%,0.5%"),
                 {"kitchen": 400_000, "hall": 400_000}, speed_images=0)
    rows = bench({"kitchen": source(), "hall": source()}, plan, KnownWorkshop(tmp_path),
                 lambda _: None)
    found = [row_json(row, rows) for row in rows]
    files = write_curves(tmp_path, found)
    assert [file.name for file in files] == ["curve-kitchen.svg", "curve-hall.svg", "curve.svg"]
    for file in files:
        drawn = file.read_text()
        assert drawn.startswith("<?xml") and drawn.rstrip().endswith("</svg>")
        assert drawn.count("#0969da") >= 2, "a line of neumap in both panels"
    assert write_curves(tmp_path, found)[0].read_bytes() == files[0].read_bytes()
    refused = [row for row in found if row["problem"]] or [{**found[0], "problem": "none"}]
    with pytest.raises(NmapError, match="no row was measured"):
        write_curves(tmp_path, refused)


def test_readme_keeps_what_is_outside_the_markers(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n{BEGIN}\nold\n{END}\nrest\n")
    write_into_readme(readme, "| new |")
    assert readme.read_text() == f"# Title\n{BEGIN}\n| new |\n{END}\nrest\n"
    readme.write_text("# Title\n")
    with pytest.raises(NmapError, match="no place for the table"):
        write_into_readme(readme, "| new |")
    assert readme.read_text() == "# Title\n"
    with pytest.raises(NmapError, match="can't be read"):
        write_into_readme(tmp_path / "none.md", "")


def test_a_scene_without_queries_is_refused() -> None:
    with pytest.raises(NmapError, match="no split into map and query"):
        queries_of(source(split=False))


def test_speed_is_a_ratio_to_sift_on_the_same_image() -> None:
    poses = circle(3)
    localizer = KnownLocalizer(poses, [Answer()] * 3)
    found = compare(localizer, images(list(poses), unreadable=(1,)), repeats=4)
    assert (found.images, found.pairs) == (2, 8)
    assert set(found.ratios) == {"features", "decode", "query"}
    assert found.milliseconds["decode"] == 8.0
    assert found.milliseconds["sift"] > 0
    assert found.ratios["decode"] / found.ratios["features"] == pytest.approx(0.4, rel=0.2)
    with pytest.raises(NmapError, match="none of 1 images can be read"):
        compare(localizer, images(list(poses), unreadable=(1,))[1:2])
