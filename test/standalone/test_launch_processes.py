"""Processes that a launch starts: their output, their end, and what happens then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from launch import LaunchContext
from launch.actions import (
    EmitEvent,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit, OnProcessIO, OnProcessStart, OnShutdown
from launch.events import Shutdown as ShutdownEvent
from launch.events import matches_action
from launch.events.process import ShutdownProcess, SignalProcess
from launch_support import run

from nmap_reloc import standalone

pytestmark = pytest.mark.usefixtures("launch_output")

# How a process takes being asked to end: (what it ignores, the signal that ends it).
STUBBORN = [((), signal.SIGINT), ((signal.SIGINT,), signal.SIGTERM),
            ((signal.SIGINT, signal.SIGTERM), signal.SIGKILL)]


def python(script: str, **kwargs: Any) -> ExecuteProcess:
    kwargs.setdefault("output", "screen")
    return ExecuteProcess(cmd=[sys.executable, "-u", "-c", script], name="child", **kwargs)


def test_output_has_the_name_of_its_process(capfd: pytest.CaptureFixture[str]) -> None:
    script = "import sys; print('one\\ntwo'); sys.stderr.write('bad'); sys.exit(3)"
    codes: list[int] = []
    child = python(script)
    watch = OnProcessExit(target_action=child,
                          on_exit=lambda event, context: codes.append(event.returncode))
    assert run(RegisterEventHandler(watch), child) == 0  # a dead process does not end the launch
    said = "".join(capfd.readouterr())
    name = child.process_details["name"]
    for line in (f"[{name}] one\n", f"[{name}] two\n", f"[{name}] bad\n",
                 f"[INFO] [{name}]: process started with pid ["):
        assert line in said
    assert f"[ERROR] [{name}]: process has died" in said and "exit code 3" in said
    assert codes == [3] and child.return_code == 3


def test_what_is_not_for_the_screen_is_not_on_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(python("import sys; print('quiet'); print('loud', file=sys.stderr)",
                      output="log")) == 0
    said = "".join(capfd.readouterr())
    assert "loud" in said and "quiet" not in said


def test_processes_get_environment_folder_and_terminal(tmp_path: Path,
                                                       capfd: pytest.CaptureFixture[str]) -> None:
    script = "import os, sys; print(os.environ['A'] + os.environ['B'], os.getcwd(), " \
             "sys.stdout.isatty())"
    before = os.environ.get("A")
    assert run(SetEnvironmentVariable("A", "1"), python(
        script, additional_env={"B": "2"}, cwd=str(tmp_path), emulate_tty=True)) == 0
    os.environ.pop("A") if before is None else os.environ.update(A=before)
    assert f"] 12 {tmp_path} True" in "".join(capfd.readouterr())


@pytest.mark.parametrize(("ignored", "expected"), STUBBORN)
def test_a_process_ends_by_the_mildest_signal_that_works(
        ignored: tuple[signal.Signals, ...], expected: signal.Signals,
        capfd: pytest.CaptureFixture[str]) -> None:
    ignore = "".join(f"signal.signal(signal.{one.name}, signal.SIG_IGN); " for one in ignored)
    child = python(f"import signal, time; {ignore}print('up')\nwhile True: time.sleep(0.1)",
                   sigterm_timeout="0.3", sigkill_timeout="0.3")

    def end_when_up(event: Any) -> Any:
        return [EmitEvent(event=ShutdownEvent(reason="enough"))] if b"up" in event.text else None

    assert run(RegisterEventHandler(OnProcessIO(target_action=child, on_stdout=end_when_up)),
               child) == 0
    assert child.return_code in (-expected, 1)  # Python turns SIGINT into an exception
    said = "".join(capfd.readouterr())
    sent = [name for name in ("SIGINT", "SIGTERM", "SIGKILL")
            if f"sending signal '{name}'" in said]
    assert sent == ["SIGINT", "SIGTERM", "SIGKILL"][:len(ignored) + 1]
    assert said.count("failed to terminate") == len(ignored)


def test_a_required_process_takes_the_others_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    other = python("import time; time.sleep(60)")
    required = python("pass", on_exit=[Shutdown(reason="it was needed")])
    started = time.monotonic()
    assert run(other, required) == 0
    assert time.monotonic() - started < 30
    assert other.return_code not in (None, 0)
    assert "was required: shutting down launched system" in "".join(capfd.readouterr())


def test_events_come_in_their_order() -> None:
    seen: list[str] = []

    def note(what: str) -> Any:
        return lambda *_: seen.append(what)

    child = python("pass")
    after = python("import time; time.sleep(60)")
    stop = EmitEvent(event=ShutdownProcess(process_matcher=matches_action(after)))
    assert run(
        RegisterEventHandler(OnProcessStart(target_action=child, on_start=note("started"))),
        RegisterEventHandler(OnProcessExit(target_action=child, on_exit=[
            OpaqueFunction(function=note("exited")), after, TimerAction(period=0.2, actions=[
                OpaqueFunction(function=note("timer")), stop])])),
        RegisterEventHandler(OnProcessExit(target_action=after, on_exit=note("stopped"))),
        RegisterEventHandler(OnShutdown(on_shutdown=note("shutdown"))), child) == 0
    assert seen == ["started", "exited", "timer", "stopped", "shutdown"]


def test_a_signal_goes_to_the_process_it_is_for(capfd: pytest.CaptureFixture[str]) -> None:
    script = "import os, signal, sys, time\n" \
             "signal.signal(signal.SIGUSR1, lambda *_: (print('got it'), sys.exit(0)))\n" \
             "os.write(1, b'up\\n')\nwhile True: time.sleep(0.05)"
    child = python(script)
    poke = EmitEvent(event=SignalProcess(signal_number=signal.SIGUSR1,
                                         process_matcher=matches_action(child)))
    assert run(RegisterEventHandler(OnProcessIO(
        target_action=child, on_stdout=lambda event: [poke] if b"up" in event.text else None)),
        child) == 0
    assert child.return_code == 0
    assert "] got it" in "".join(capfd.readouterr())


def test_a_process_is_started_again_until_the_end(tmp_path: Path) -> None:
    child = python(f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); raise SystemExit(1)",
                   respawn=True, respawn_delay=0.05)
    codes: list[int] = []

    def count(event: Any, context: LaunchContext) -> Any:
        codes.append(event.returncode)
        return [Shutdown(reason="often enough")] if len(codes) == 3 else None

    assert run(RegisterEventHandler(OnProcessExit(target_action=child, on_exit=count)), child) == 0
    assert codes == [1, 1, 1] and (tmp_path / "runs").read_text() == "xxx"


def test_what_cannot_be_executed_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(ExecuteProcess(cmd=["/no/such/program"]), LogInfo(msg="going on")) == 0
    said = "".join(capfd.readouterr())
    assert "/no/such/program" in said and "going on" in said


def test_an_error_in_a_launch_file_ends_all_processes(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(context: LaunchContext) -> None:
        raise RuntimeError("a mistake in the launch file")

    child = python("import time; time.sleep(60)")
    assert run(RegisterEventHandler(OnProcessStart(
        target_action=child, on_start=[OpaqueFunction(function=fail)])), child) == 1
    assert child.return_code not in (None, 0)
    assert "a mistake in the launch file" in "".join(capfd.readouterr())


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(
    signal.SIGTERM, marks=pytest.mark.skipif(not standalone.enable(), reason="the launch of "
                                             "Humble and Jazzy leaves its processes behind"))])
def test_asked_to_stop_the_launch_stops_its_processes(number: signal.Signals, tmp_path: Path
                                                      ) -> None:
    path = tmp_path / "two.launch.py"
    path.write_text("""
import sys
from launch import LaunchDescription
from launch.actions import ExecuteProcess
def generate_launch_description():
    return LaunchDescription([ExecuteProcess(name=name, output="screen", cmd=[
        sys.executable, "-u", "-c",
        "import time\\ntry:\\n  print('up'); time.sleep(60)\\n"
        "except KeyboardInterrupt: print('bye')"]) for name in ("a", "b")])
""")
    launch = subprocess.Popen(
        [sys.executable, "-u", "-m", "nmap_reloc.cli.main", "launch", str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert launch.stdout is not None
        said: list[str] = []
        while sum("] up" in line for line in said) < 2:
            line = launch.stdout.readline()
            assert line, said
            said.append(line)
        launch.send_signal(number)
        rest, _ = launch.communicate(timeout=30)
    finally:
        launch.kill()
    assert rest.count("] bye") == 2
    assert launch.returncode == 0
