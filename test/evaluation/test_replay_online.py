"""A trajectory that was written down live, scored against the truth of the recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_drive import KnownDriver, drive, kidnapped, opened, straight, truth_of
from sources.image_folders import tum_line
from sources.recorded_bags import START
from test_report import check_page

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.drive import Drive
from nmap_reloc.evaluation.episodes import episodes, kidnaps
from nmap_reloc.evaluation.online import score_trajectory
from nmap_reloc.evaluation.replay import replay
from nmap_reloc.evaluation.results import tum_text, write_drive
from nmap_reloc.evaluation.score import score
from nmap_reloc.geometry import Rigid
from nmap_reloc.maps.manifest import Manifest

S = START * 1e-9
MANIFEST = Manifest("site", 1, "map", "metre", "landmarks", "sift", "", "", {}, ())


def shifted(pose: Rigid, dy: float) -> Rigid:
    return Rigid(pose.rotation, pose.translation + [0, dy, 0])


def write(folder: Path, stamps: list[float], heard: dict[str, Any] | None = None,
          dy: float = 0.1) -> Path:
    """A live trajectory, dy off the truth, and what may lie beside it."""
    file = folder / "live" / "trajectory.tum"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(tum_line(S + s, shifted(straight(s), dy)) for s in stamps))
    if heard is not None:
        file.with_name("online.json").write_text(json.dumps(heard))
    return file


@pytest.fixture
def live(tmp_path: Path) -> Callable[[Path], Drive]:
    bag = drive(tmp_path / "bag", count=20)

    def of(file: Path) -> Drive:
        recording = opened(bag)
        return score_trajectory(file, recording, truth_of(recording), MANIFEST)
    return of


def test_a_bare_trajectory(tmp_path: Path, live: Callable[[Path], Drive]) -> None:
    found = live(write(tmp_path, [i / 10 for i in range(4, 20)]))
    result = score(found)
    assert (result["queries"], result["localized"]) == (20, 16)
    assert result["drive"]["ate"]["unaligned"]["rmse"] == pytest.approx(0.1, abs=1e-3)
    assert result["drive"]["ate"]["aligned"]["rmse"] < 0.01
    assert result["drive"]["states"] == {"tracking": 16, "unknown": 4}
    assert result["drive"]["time_to_first_fix"] == pytest.approx(0.4)
    assert result["latency_ms"] == {} and result["drive"]["covariance"]["position_95"] is None
    assert episodes(found) == []  # nobody wrote down whether it was lost


def test_states_times_and_covariances_beside_it(tmp_path: Path, live: Callable[[Path], Drive]
                                                ) -> None:
    covariance = np.diag([0.04] * 3 + [1e-4] * 3).reshape(-1).tolist()
    answered = [i / 10 for i in range(4, 20) if i not in (8, 9, 12)]
    found = live(write(tmp_path, answered, {
        "poses": [{"stamp": S + s, "latency": 0.05 + s / 1000, "covariance": covariance}
                  for s in answered],
        # two images give no pose; another one is dropped for a newer one
        "states": [{"time": S - 1.0, "state": "lost"}, {"time": S + 0.45, "state": "tracking"},
                   {"time": S + 0.86, "state": "suspect"},
                   {"time": S + 1.05, "state": "tracking"}],
        "loaded_tiles": [{"time": S - 1.0, "tiles": []}, {"time": S + 0.5, "tiles": ["a", "b"]}],
        "swaps": 1}))
    result = score(found)
    assert (result["queries"], result["localized"]) == (19, 13)
    assert result["latency_ms"]["image to pose"]["p50"] == pytest.approx(51.3)
    assert result["drive"]["covariance"] == {"count": 13, "position_95": 1.0, "pose_95": 1.0}
    assert result["drive"]["tiles"]["swaps"] == 1 and result["drive"]["tiles"]["loaded_most"] == 2
    lost, suspect = episodes(found)
    assert (lost.state, lost.frames) == ("lost", 4)
    assert (suspect.state, suspect.frames) == ("suspect", 2)
    assert suspect.start == pytest.approx(S + 0.8)
    assert "1 of 20 images were not answered live" in found.notes[-1]
    assert result["per_query"][0]["refusal"]["reason"] == "no pose was published"


def test_what_the_node_said_of_each_image(tmp_path: Path, live: Callable[[Path], Drive]) -> None:
    def said(i: int, state: str, stage: str = "", reason: str = "") -> dict[str, Any]:
        return {"stamp": S + i / 10, "state": state, "refused_by": stage, "reason": reason,
                "correspondences": 90, "inliers": 9 if stage else 60,
                "milliseconds": {"features": 30.0 + i}}
    images = [said(0, "lost", "tracker", "1 of 3 fixes agree"), said(1, "tracking"),
              said(2, "suspect", "gate", "9 inliers of 90"), said(5, "tracking")]
    found = live(write(tmp_path, [0.1, 0.5], {"images": images, "states": [
        {"time": S - 1.0, "state": "tracking"}]}))
    assert [instant.state for instant in found.instants] == [
        "lost", "tracking", "suspect", "tracking"]
    assert "16 of 20 images were not answered live" in found.notes[-1]
    refused = found.instants[2]
    assert (refused.reason, refused.inliers, refused.correspondences) == ("9 inliers of 90", 9, 90)
    result = score(found)
    assert result["per_query"][2]["refusal"] == {"stage": "gate", "reason": "9 inliers of 90"}
    assert result["latency_ms"]["features"]["p50"] == pytest.approx(31.5)
    assert result["drive"]["time_to_first_fix"] == pytest.approx(0.1)


def test_its_results_may_lie_beside_it(tmp_path: Path, live: Callable[[Path], Drive]) -> None:
    file = write(tmp_path, [0.5, 0.6])
    before = file.read_bytes()
    written = write_drive(file.parent, live(file), "bag", "site")
    assert [path.name for path in written] == ["evaluation.json", "evaluation.html"]
    assert file.read_bytes() == before
    check_page(written[1].read_text())


def test_a_replay_s_trajectory_scores_as_the_replay_did(tmp_path: Path) -> None:
    recording = opened(drive(tmp_path / "bag", kidnapped(1.0), 20))
    truth = truth_of(recording)
    offsets = dict.fromkeys(range(0, 20, 2), (0.0, 0.02, 0.0))
    replayed = replay(KnownDriver(kidnapped(1.0), offsets), recording, truth)
    file = tmp_path / "trajectory.tum"
    file.write_text(tum_text(replayed))
    again = score_trajectory(file, recording, truth, MANIFEST)
    a, b = score(replayed)["drive"], score(again)["drive"]
    assert (a["published"], len(kidnaps(again))) == (b["published"], 1)
    for name in ("rmse", "median", "max"):
        assert b["ate"]["unaligned"][name] == pytest.approx(a["ate"]["unaligned"][name], abs=1e-6)
    assert b["kidnaps"][0]["found"] == a["kidnaps"][0]["found"]
    assert b["kidnaps"][0]["wrong"] == 0


def test_poses_between_the_images_are_left_out_with_a_note(tmp_path: Path,
                                                           live: Callable[[Path], Drive]) -> None:
    found = live(write(tmp_path, [0.1, 0.15, 0.2]))
    assert len(found.published) == 2
    assert "1 of 3 poses are at no image's stamp" in found.notes[-1]


@pytest.mark.parametrize(("heard", "words"), [
    ([], "no attribute 'get'"),
    ({"poses": [{"stamp": 1.0}]}, "KeyError"),
    ({"states": [{"time": "soon", "state": "lost"}]}, "could not convert"),
    ({"states": [{"time": 1.0, "state": "happy"}]}, "state 'happy' is none of tracking, suspect"),
    ({"poses": [{"stamp": 1.0, "latency": 0.1, "covariance": [1.0]}]}, r"of shape \(1,\) is not"),
    ({"loaded_tiles": [{"time": 1.0, "tiles": 5}]}, "TypeError"),
    ({"images": [{"stamp": 1.0, "state": "lost", "inliers": "?"}]}, "invalid literal for int"),
])
def test_a_wrong_file_beside_it_is_one_line(tmp_path: Path, live: Callable[[Path], Drive],
                                            heard: Any, words: str) -> None:
    with pytest.raises(NmapError, match=words) as error:
        live(write(tmp_path, [0.1], heard))
    assert "online.json" in str(error.value) and "\n" not in str(error.value)


def test_another_drive_s_trajectory_is_one_line(tmp_path: Path, live: Callable[[Path], Drive]
                                                ) -> None:
    with pytest.raises(NmapError, match=r"none of its 1 poses .* is at the stamp of an image"):
        live(write(tmp_path, [1000.0]))
    (tmp_path / "other.tum").write_text("1 2 3\n")
    with pytest.raises(NmapError, match=r"other.tum line 1 '1 2 3'"):
        live(tmp_path / "other.tum")
