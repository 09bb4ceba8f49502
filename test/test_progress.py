"""Progress where stderr is not a terminal."""

from __future__ import annotations

import pytest

from nmap_reloc.progress import track


def test_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "matching")) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("matching: 3 in ") and err.count("\n") == 1


def test_an_abandoned_stage_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stage = track(range(3), "matching")
    next(iter(stage))
    del stage
    assert capsys.readouterr().err == ""
