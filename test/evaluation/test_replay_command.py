"""`nmap-reloc evaluate SITE --bag BAG` with real images, a real map and a real bag."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from flat_world import record_drive, robot, write_map_scene
from sources.recorded_bags import START
from typer.testing import CliRunner

from nmap_reloc.cli import main
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.evaluate_bag import measured_options
from nmap_reloc.evaluation.node_parameters import node_parameters
from nmap_reloc.features import open_extractor
from nmap_reloc.localizer import LocalizerOptions
from nmap_reloc.mapping.build import build_site
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.sources.trajectory import read_tum
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.tracking import TrackerOptions

pytest.importorskip("pycolmap")
RUNNER = CliRunner()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with site and bag."""
    folder = tmp_path_factory.mktemp("flat")
    source = open_source(write_map_scene(folder / "scene"))
    landmarks = build_landmarks(source, open_extractor("sift", keypoints=256), folder / "work")
    build_site(landmarks, folder / "site", "landmarks")
    record_drive(folder / "bag")
    return folder


def evaluate(world: Path, output: Path, *options: str) -> tuple[int, str]:
    result = RUNNER.invoke(main.app, [
        "evaluate", str(world / "site"), "--bag", str(world / "bag"), "-o", str(output),
        "--keypoints", "256", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr


def test_a_drive_with_a_kidnap_is_localized(world: Path, tmp_path: Path) -> None:
    code, said = evaluate(world, tmp_path)
    assert code == 0 and "true poses are taken from /truth" in said
    found = json.loads((tmp_path / "evaluation.json").read_text())
    whole = found["drive"]
    assert found["queries"] == 14 and found["localized"] == whole["published"] >= 8
    assert whole["accepted"]["translation"]["max"] < 0.01
    assert whole["wrong_accepted"]["count"] == 0
    (kidnap,) = whole["kidnaps"]
    assert kidnap["noticed"] == 1 and kidnap["found"] <= 4 and kidnap["wrong"] == 0
    assert {"features", "decode", "solve", "total"} <= set(found["latency_ms"])
    assert (tmp_path / "evaluation.html").stat().st_size > 10_000
    written = read_tum(tmp_path / "trajectory.tum")
    for stamp, position in zip(written.stamps, written.positions, strict=True):
        true = robot(stamp - START * 1e-9)
        assert abs(position - true.translation).max() < 0.01

    # the same poses, as if they had been published live
    code, _ = evaluate(world, tmp_path / "online", "--trajectory",
                       str(tmp_path / "trajectory.tum"))
    again = json.loads((tmp_path / "online" / "evaluation.json").read_text())
    assert code == 0 and again["localized"] == found["localized"]
    assert again["drive"]["ate"]["unaligned"]["rmse"] == pytest.approx(
        whole["ate"]["unaligned"]["rmse"], abs=1e-6)


@pytest.mark.parametrize(("options", "words"), [
    (("--image-topic", "/eye"), "image_topic /eye: no messages of Image"),
    (("--poses", "/gone"), "poses /gone: neither auto, tf, a topic nor a file; topics found: /c"),
    (("--odom-frame", "wheels"), "odom_frame wheels: not in the TF"),
    (("--params", "gone.yaml"), "gone.yaml: can't be read"),
    (("--split", "query"), "--split query: is for a SCENE"),
    (("--rate-limit", "-1"), "rate_limit -1: must be above 0"),
    (("--rate-limit", "5", "--trajectory", "a.tum"), "rate_limit 5: a trajectory was recorded"),
])
def test_what_is_wrong_is_one_line(world: Path, tmp_path: Path, options: tuple[str, ...],
                                   words: str) -> None:
    code, said = evaluate(world, tmp_path / "out", *options)
    errors = [line for line in said.splitlines() if line.startswith("error:")]
    assert code == 1 and len(errors) == 1 and words in errors[0]
    assert not (tmp_path / "out").exists()


def test_a_scene_or_a_bag(world: Path) -> None:
    for given in (["scene", "--bag", "bag"], []):
        result = RUNNER.invoke(main.app, ["evaluate", str(world / "site"), *given, "-o", "out"])
        assert result.exit_code == 1 and "give one of them" in result.stderr
    result = RUNNER.invoke(main.app, ["evaluate", "site", "scene", "-o", "out", "--poses", "tf"])
    assert result.exit_code == 1 and "--poses tf: is for a --bag" in result.stderr


def test_the_node_s_parameters_are_taken(tmp_path: Path) -> None:
    plain = node_parameters(None, tmp_path)
    assert plain.tracker_options() == TrackerOptions()
    assert measured_options(plain, None) == LocalizerOptions()  # auto: the same everywhere
    named = replace(plain, precision="int8", keypoints=100)
    assert measured_options(named, 70) == LocalizerOptions(keypoints=70, precision="int8")
    file = tmp_path / "reloc.yaml"
    file.write_text("/**:\n  ros__parameters: {base_frame: hull, confirm_fixes: 2}\n"
                    "tile_manager:\n  ros__parameters: {radius: 9.0}\n"
                    "/ship/reloc_node:\n  ros__parameters:\n    confirm_fixes: 5\n"
                    "    map: /gone\n    min_inliers: 20\n    use_sim_time: true\n")
    found = node_parameters(file, tmp_path)
    assert (found.base_frame, found.map) == ("hull", str(tmp_path))
    assert found.tracker_options().confirm_fixes == 5
    assert found.localizer_options().gate.min_inliers == 20


@pytest.mark.parametrize(("text", "words"), [
    ("a: [", "not YAML"), ("- 1\n", "no ROS 2 parameters file"),
    ("other:\n  ros__parameters: {}\n", r"nothing for reloc_node \(sections: other\)"),
    ("reloc_node: {min_inliers: 20}\n", "reloc_node: has no ros__parameters"),
    ("reloc_node:\n  ros__parameters: {min_inliers: 1}\n", "parameter min_inliers 1: out of ran"),
    ("reloc_node:\n  ros__parameters: {min_inliers: many}\n", "is not of type integer"),
])
def test_wrong_parameters_are_one_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "reloc.yaml"
    file.write_text(text)
    with pytest.raises(NmapError, match=words) as error:
        node_parameters(file, tmp_path)
    assert "\n" not in str(error.value)
