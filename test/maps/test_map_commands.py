"""``nmap-reloc map info`` and ``map verify``: what they print and how they exit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nmap_reloc.cli.main import app
from nmap_reloc.maps.store import Site, save_site


@pytest.fixture
def site(tmp_path: Path, small: Any) -> Path:
    save_site(tmp_path / "site", small.manifest, small.tiles, small.verification)
    return tmp_path / "site"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["map", *map(str, arguments)], env={"COLUMNS": "120"})


def error_line(result: Result) -> str:
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_info_shows_what_is_there(site: Path) -> None:
    result = run("info", site)
    assert result.exit_code == 0
    for words in ("kitchen, version 1", "neumap", "retrieval", "manifest", "97 %", "metres",
                  "aaaaaaaaaaaa", "not part of the size"):
        assert words in result.stdout


def test_info_as_json(site: Path) -> None:
    facts = json.loads(run("info", site, "--json").stdout)
    assert facts["bytes"] == Site.open(site).bytes() == sum(facts["bytes_by_part"].values())
    assert facts["site_id"] == "kitchen" and facts["tiles"][0]["recall"] == 0.97


def test_no_map_is_one_line(tmp_path: Path) -> None:
    for command in ("info", "verify"):
        assert "no map there" in error_line(run(command, tmp_path))


def test_verify_a_damaged_tile(site: Path) -> None:
    file, = (site / "tiles").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    result = run("verify", site)
    assert str(file) in error_line(result) and "where the manifest says" in result.stderr
    assert "damaged" in result.stdout
    report = run("verify", site, "--json")
    assert report.exit_code == 1
    assert json.loads(report.stdout)["ok"] is False


def test_verify_files_only(site: Path, small: Any) -> None:
    # What this site keeps for verification is no set of views: named, not suffered.
    assert "malformed held-out views" in error_line(run("verify", site))
    save_site(site, replace(small.manifest, verification=None), [])
    result = run("verify", site, "--files-only")
    assert result.exit_code == 0 and "good" in result.stdout
    report = json.loads(run("verify", site, "--json").stdout)
    assert report["ok"] is True and report["files"][0]["problem"] is None
