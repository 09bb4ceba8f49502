"""The command line: lazy commands, one-line errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from nmap_reloc.cli import main
from nmap_reloc.errors import NmapError

RUNNER = CliRunner()


@pytest.fixture
def info(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces ``map info`` by a command whose behaviour the argument chooses."""
    def command(site: Path, again: Annotated[int, typer.Option(help="How often.")] = 1) -> None:
        """Tells of a site."""
        problems = {"bad": NmapError("map.nmap 3: too short;\n copy it again"),
                    "stop": KeyboardInterrupt(), "full": OSError(28, "No space left", "x.nmap"),
                    "robot": ModuleNotFoundError("No module", name="torch.nn"),
                    "defect": ValueError("a defect")}
        if site.name in problems:
            raise problems[site.name]
        print(f"{site} x{again}")

    module = types.ModuleType("nmap_reloc.cli.map_info")
    module.info = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nmap_reloc.cli.map_info", module)


@pytest.mark.usefixtures("info")
def test_a_command_runs_with_its_own_options_and_help() -> None:
    assert RUNNER.invoke(main.app, ["map", "info", "site", "--again", "2"]).output == "site x2\n"
    shown = RUNNER.invoke(main.app, ["map", "info", "--help"])
    assert "Tells of a site." in shown.output and "--again" in shown.output


@pytest.mark.usefixtures("info")
@pytest.mark.parametrize(("site", "code", "line"), [
    ("bad", 1, "error: map.nmap 3: too short; copy it again\n"),
    ("full", 1, "error: x.nmap: no space left; free some space and rerun\n"),
    ("robot", 1, "error: torch.nn: not installed; pip install 'nmap_reloc[train]'\n"),
    ("stop", 130, "interrupted; a rerun with the same arguments resumes\n"),
])
def test_problems_are_one_line_and_an_exit_code(site: str, code: int, line: str) -> None:
    result = RUNNER.invoke(main.app, ["map", "info", site])
    assert (result.exit_code, result.stderr) == (code, line)


@pytest.mark.usefixtures("info")
def test_defects_are_not_hidden() -> None:
    assert isinstance(RUNNER.invoke(main.app, ["map", "info", "defect"]).exception, ValueError)


def test_every_command_is_listed() -> None:
    for group in ("", "map", "train"):
        shown = RUNNER.invoke(main.app, [*filter(None, [group]), "--help"])
        assert shown.exit_code == 0
        for owner, name in main.COMMANDS:
            assert owner != group or name in shown.output
    assert RUNNER.invoke(main.app, ["map", "biuld"]).exit_code == 2


def test_help_imports_nothing_heavy() -> None:
    check = ("import sys; from nmap_reloc.cli import main; "
             "print([m for m in ('numpy', 'torch', 'cv2', 'pycolmap') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", check],
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
