"""The page of a drive: whole, self-contained, and right about what it says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from known_drive import KnownDriver, drive, kidnapped, opened, truth_of
from rich.console import Console
from test_report import check_page

from nmap_reloc.evaluation.console import drive_summary
from nmap_reloc.evaluation.drive import Drive, Instant, worst
from nmap_reloc.evaluation.evaluate import Evaluation
from nmap_reloc.evaluation.replay import replay
from nmap_reloc.evaluation.results import write_drive
from nmap_reloc.evaluation.timeline import timeline
from nmap_reloc.geometry import Rigid


@pytest.fixture(scope="module")
def kidnapped_drive(tmp_path_factory: pytest.TempPathFactory) -> Drive:
    poses = kidnapped(2.0)
    recording = opened(drive(tmp_path_factory.mktemp("drive") / "bag", poses, 30))
    offsets = dict.fromkeys(range(25, 30), (0.0, 0.6, 0.0))
    localizer = KnownDriver(poses, offsets, frozenset({10, 11}))
    return replay(localizer, recording, truth_of(recording), notes=["a <note>"])


def test_the_page_of_a_drive(kidnapped_drive: Drive, tmp_path: Path) -> None:
    files = write_drive(tmp_path, kidnapped_drive, "a <bag>", "site")
    assert [file.name for file in files] == ["evaluation.json", "evaluation.html",
                                             "trajectory.tum"]
    page = files[1].read_text()
    check_page(page)
    for words in ("a &lt;bag&gt; localized in site", "Timeline", "kidnapped (the truth jumps)",
                  "ATE, unaligned", "ATE, aligned", "RPE over 1 m", "Unaligned is what counts",
                  "3 inliers: 12 are needed", "image 3", "a &lt;note&gt;", "wrong ones",
                  "fixes agree"):
        assert words in page, words
    assert page.count("<img") == 6 and 'aria-label="States' in page


def test_the_table_of_a_drive(kidnapped_drive: Drive) -> None:
    console = Console(record=True, width=140, file=io.StringIO())
    console.print(drive_summary(kidnapped_drive, "bag in site"))
    printed = console.export_text()
    for words in ("images with a published pose", "ATE rmse, unaligned (aligned)",
                  "noticed at image 1, found at image 3, 0 wrong poses", "suspect, in 3 episodes"):
        assert words in printed, words


def test_the_timeline_is_the_same_every_time(kidnapped_drive: Drive) -> None:
    assert timeline(kidnapped_drive) == timeline(kidnapped_drive)


def test_a_long_drive_is_drawn_by_slices(kidnapped_drive: Drive) -> None:
    one = kidnapped_drive.instants[5]
    many = tuple(_moved(one, one.stamp + 0.3 * i) for i in range(4_000))
    assert len(timeline(_of(kidnapped_drive, many))) < 700_000


def test_a_drive_of_one_image_of_which_nothing_is_known(kidnapped_drive: Drive) -> None:
    bare = Instant("1", 1.0, None, 0, "unknown")
    assert timeline(_of(kidnapped_drive, (bare,))).startswith("<svg")


def test_worst_are_half_accepted_and_half_refused(kidnapped_drive: Drive) -> None:
    evaluation: Evaluation = kidnapped_drive.evaluation
    shown = worst(evaluation.queries, 6)
    assert [query.estimate.accepted for query in shown] == [True] * 3 + [False] * 3
    assert shown[0].translation_error == pytest.approx(0.6, abs=0.01)
    assert shown[3].name == kidnapped_drive.instants[0].name
    accepted = [query for query in evaluation.queries if query.estimate.accepted]
    assert len(worst(accepted, 6)) == 6 and len(worst(accepted[:2], 6)) == 2


def _moved(instant: Instant, stamp: float) -> Instant:
    return Instant(str(stamp), stamp, Rigid.identity(), 0, instant.state, "", instant.pose,
                   sigma=instant.sigma, inliers=30, correspondences=50, voxels=5, tiles=2)


def _of(found: Drive, instants: tuple[Instant, ...]) -> Drive:
    return Drive(instants, (), found.evaluation)
