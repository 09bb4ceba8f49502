"""What people type for a bench."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation import options
from nmap_reloc.evaluation.options import Kind


@pytest.mark.parametrize(("words", "count"), [
    ("40KB", 40_000), ("1.5 MiB", 1_572_864), ("81226096", 81_226_096), ("2 gb", 2 * 10 ** 9)])
def test_sizes(words: str, count: int) -> None:
    assert options.parse_size(words) == count


@pytest.mark.parametrize("words", ["", "KB", "-3KB", "0", "40 parsecs", "1e3"])
def test_wrong_sizes_are_one_line(words: str) -> None:
    with pytest.raises(NmapError, match=r"not a number of bytes; write it like"):
        options.parse_size(words)


def test_budgets_are_shares_or_bytes_for_all_scenes_or_one() -> None:
    share, count = options.parse_budgets("0.25%, redkitchen=40KB")
    assert (share.label, share.scene, share.bytes(81_226_096)) == ("0.25 %", None, 203_065)
    assert options.parse_budgets("none") == ()
    assert (count.label, count.scene, count.bytes(1)) == ("40 KB", "redkitchen", 40_000)


@pytest.mark.parametrize("words", ["", "0%", "200%", "x%", "fox=", ","])
def test_wrong_budgets(words: str) -> None:
    with pytest.raises(NmapError):
        options.parse_budgets(words)


def test_kinds() -> None:
    assert options.parse_kinds("landmarks,neumap,landmarks:sift") == (
        Kind("landmarks", "sift"), Kind("landmarks", "learned"), Kind("neumap", "learned"))
    for words in ("cubes", "neumap:orb"):
        with pytest.raises(NmapError, match="choose from"):
            options.parse_kinds(words)


def test_reference_bytes_and_decoders(tmp_path: Path) -> None:
    assert options.parse_reference_bytes(["fox=19656120", "a=1KB"]) == \
        {"fox": 19_656_120, "a": 1000}
    with pytest.raises(NmapError, match="SCENE=BYTES"):
        options.parse_reference_bytes(["19656120"])
    weights = tmp_path / "weights"
    weights.mkdir()
    assert options.parse_decoders([f"fox={weights}", str(weights)]) == \
        {"fox": weights, None: weights}
    with pytest.raises(NmapError, match="no such folder"):
        options.parse_decoders(["fox=missing"])


def test_selections_are_ways_times_points() -> None:
    made = options.parse_selections("kc,learned", "1.5%,3%:100")
    assert [(s.way, s.share, s.at_least) for s in made] == [
        ("kc", 0.015, 0), ("learned", 0.015, 0), ("kc", 0.03, 100), ("learned", 0.03, 100)]
    assert made[2].label == "3 % of points, at least 100, kc"
    with pytest.raises(NmapError, match=r"--points many.*1\.5%"):
        options.parse_selections("kc", "many")
    with pytest.raises(NmapError, match=r"selection 'best'"):
        options.parse_selections("best", "1%")


def test_keypoints_of_a_view() -> None:
    assert options.parse_per_view("256, 1024,256") == (256, 1024)
    for words in ("0", "-3", "many", ""):
        with pytest.raises(NmapError):
            options.parse_per_view(words)
    ours, theirs = options.compared("maddr", 256), options.compared("pq", 256)
    assert ours is not None and theirs is not None and theirs.width == 4 * ours.width
    assert ours.label == "256 keypoints a view, 2-byte codes"
    assert options.compared("neumap", 256) is None
