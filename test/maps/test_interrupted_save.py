"""Disks that fill up and processes that die in the middle of a save: a whole map stays."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.store import Site, save_site

CALLS = ("fsync", "replace")  # the steps of a save that change what a reader finds
HEAD = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n" + """
import itertools, resource, signal
from pathlib import Path
from conftest import parts
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.store import save_site
def save(path, made):
    return save_site(Path(path), made.manifest, made.tiles, made.verification)
"""


def save(path: Path, made: Any) -> Site:
    return save_site(path, made.manifest, made.tiles, made.verification)


def run(script: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*prefix, sys.executable, "-c", HEAD + script], text=True,
                          capture_output=True, timeout=120, check=False)


def read_whole(path: Path) -> Any:
    """The manifest, after every tile that it names was read and checked."""
    site = Site.open(path)
    for entry in site.manifest.tiles:
        site.tile(entry.id)
    if site.manifest.verification is not None:
        site.read(site.manifest.verification)
    return site.manifest


def files(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes()
            for file in path.rglob("*") if file.is_file()}


def after(calls: int, action: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Run `action` instead of the calls-th of CALLS, counted from 0."""
    count = iter(range(10 ** 9))
    for name in CALLS:
        original = getattr(os, name)

        def instead(*arguments: Any, original: Callable[..., Any] = original) -> Any:
            if next(count) == calls:
                action()
            return original(*arguments)
        patch.setattr(os, name, instead)


def no_space() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("first", [True, False])
def test_an_error_at_any_step_leaves_a_whole_map(
        first: bool, tmp_path: Path, make_parts: Callable[..., Any],
        monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = make_parts(seed=0), make_parts(seed=1)
    path = tmp_path / "site"
    for step in range(1000):
        shutil.rmtree(path, ignore_errors=True)
        if not first:
            save(path, old)
        before = files(path)
        with monkeypatch.context() as patch:
            after(step, no_space, patch)
            try:
                save(path, new)
                break
            except NmapError as error:
                assert "free that much space" in str(error) and str(path) in str(error)
        if files(path) != before:  # the last step of all: the map had been switched
            assert read_whole(path) == new.manifest
        elif first:
            assert not path.exists()
    assert step > 10


def test_kill_at_any_step_leaves_a_whole_map(
        tmp_path: Path, make_parts: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = make_parts(seed=0), make_parts(seed=1)
    save(tmp_path, old)
    found = []
    for step in range(1000):
        save(tmp_path, old)  # clears up, too, what the killed process left
        assert len(files(tmp_path)) == 4
        child = os.fork()
        if child == 0:
            after(step, lambda: os.kill(os.getpid(), signal.SIGKILL), monkeypatch)
            save(tmp_path, new)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found.append(read_whole(tmp_path))
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    switch = found.index(new.manifest)
    assert switch > 5
    assert found == [old.manifest] * switch + [new.manifest] * (len(found) - switch)


def test_kill_at_any_moment_leaves_a_whole_map(tmp_path: Path, make_parts: Callable[..., Any]
                                               ) -> None:
    """For real: another process saves one map after another until it is killed."""
    save(tmp_path, make_parts(seed=0))
    script = HEAD + f"""
made = [parts(seed=seed, version=seed + 1) for seed in range(4)]
print("ready", flush=True)
for one in itertools.cycle(made):
    save({str(tmp_path)!r}, one)
"""
    delays = random.Random(0)
    versions = set()
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # Meanwhile every reader finds a whole manifest, whichever it is.
        until = time.monotonic() + delays.uniform(0.01, 0.15)
        while time.monotonic() < until:
            versions.add(Site.open(tmp_path).manifest.map_version)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        versions.add(read_whole(tmp_path).map_version)
    assert len(versions) > 1
    save(tmp_path, make_parts(seed=3))
    assert len(files(tmp_path)) == 4


@pytest.mark.parametrize(("tiles", "landmarks", "limit"), [
    (2, 300, 0), (2, 300, 2000),  # no tile fits
    (30, 2, 2000),  # every tile fits, the manifest does not
])
def test_a_limit_on_file_size(tiles: int, landmarks: int, limit: int, tmp_path: Path,
                              make_parts: Callable[..., Any]) -> None:
    old = make_parts(seed=0)
    save(tmp_path / "site", old)
    before = files(tmp_path)
    done = run(f"""
made = parts(seed=1, tiles={tiles}, landmarks={landmarks})
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
for name in ("site", "new"):
    try:
        save({str(tmp_path)!r} + "/" + name, made)
        sys.exit(3)
    except NmapError as error:
        print(error)
""")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("site", "new"), strict=True):
        assert line.startswith(f"{tmp_path / name}: can't write ") and "free that much" in line
    assert files(tmp_path) == before and not (tmp_path / "new").exists()
    assert read_whole(tmp_path / "site") == old.manifest


FULL = """
import subprocess
mount = {folder!r}
old, new = parts(seed=0, landmarks=900), parts(seed=1, landmarks=900)
done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + str({size}), "none", mount],
                      capture_output=True)
if done.returncode:
    print("not permitted:", done.stderr.decode().strip())
    sys.exit(77)
save(mount + "/site", old)
before = {{f: f.read_bytes() for f in Path(mount).rglob("*") if f.is_file()}}
if {readonly}:
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
try:
    save(mount + "/site", new)
    sys.exit(3)
except NmapError as error:
    print(error)
assert before == {{f: f.read_bytes() for f in Path(mount).rglob("*") if f.is_file()}}
from nmap_reloc.maps.store import Site
site = Site.open(Path(mount) / "site")
assert site.manifest == old.manifest
for entry in site.manifest.tiles:
    site.tile(entry.id)
"""


@pytest.mark.parametrize(("readonly", "size", "remedy"), [
    (False, 80_000, "free that much space"), (False, 110_000, "free that much space"),
    (True, 1_000_000, "make it writable")])
def test_a_disk_that_is_really_full_or_read_only(readonly: bool, size: int, remedy: str,
                                                 tmp_path: Path) -> None:
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        pytest.skip("unshare and mount are not installed")
    # A mount namespace of its own: nobody else sees the disk, and it goes with the process.
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    script = FULL.format(folder=str(tmp_path), size=size, readonly=readonly)
    done = run(script, *namespace)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"mounting is not permitted here: {(done.stdout + done.stderr).strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/site: can't write ") and remedy in done.stdout
    assert done.stdout.count("\n") == 1
