"""Files and messages of `nmap-reloc evaluate` and `bench`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from known_answers import Answer, KnownLocalizer, circle, images
from rich.console import Console

from nmap_reloc.cli.bench import open_scenes
from nmap_reloc.cli.evaluate import check_same_unit, choose
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.console import summary
from nmap_reloc.evaluation.evaluate import evaluate
from nmap_reloc.evaluation.results import write_evaluation
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.types import Refusal


def source() -> Source:
    found = tuple(images(list(circle(4))))
    return Source(Path("kitchen"), "scene", found, "metre",
                  {"map": ("000.png", "001.png"), "query": ("002.png",)}, (), "print")


def test_queries_are_the_split_s_or_everything() -> None:
    assert [image.name for image in choose(source(), None)] == ["002.png"]
    assert len(choose(source(), "map")) == 2
    assert len(choose(source(), "all")) == 4
    whole = replace(source(), split=None)
    assert len(choose(whole, None)) == 4
    with pytest.raises(NmapError, match=r"--split query: kitchen has no such part; .*: all"):
        choose(whole, "query")
    with pytest.raises(NmapError, match="choose one of: map, query, all"):
        choose(source(), "test")


def test_metres_are_not_compared_with_other_units() -> None:
    check_same_unit("metre", "metre", Path("site"), Path("scene"))
    with pytest.raises(NmapError, match="scene: its poses are in unit metre"):
        check_same_unit("arbitrary", "metre", Path("site"), Path("scene"))


def test_results_are_two_files_and_a_table(tmp_path: Path) -> None:
    poses = circle(3)
    answers = [Answer(), Answer((0.1, 0, 0)), Answer(refusal=Refusal("gate", "few inliers"))]
    found = evaluate(KnownLocalizer(poses, answers), images(list(poses)))
    write_evaluation(tmp_path / "new" / "folder", found, "kitchen", "site")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "evaluation.html", "evaluation.json"]
    text = (tmp_path / "new" / "folder" / "evaluation.json").read_text()
    assert json.loads(text)["localized"] == 2
    console = Console(record=True, width=80, quiet=False, file=(tmp_path / "out").open("w"))
    console.print(summary(found, "kitchen in site"))
    printed = console.export_text()
    for words in ("2 of 3", "10 cm", "within 5 cm, 5°", "33.3 %", "40 KB"):
        assert words in printed


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    poses = circle(1)
    found = evaluate(KnownLocalizer(poses, [Answer()]), images(list(poses)))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NmapError, match="can't write"):
        write_evaluation(tmp_path / "file", found, "kitchen", "site")
    assert (tmp_path / "file").read_text() == "mine"


def test_two_scenes_of_one_name_are_refused(scenes_root: Path) -> None:
    with pytest.raises(NmapError, match="a second scene named fox"):
        open_scenes([scenes_root / "fox", scenes_root / "fox"])
