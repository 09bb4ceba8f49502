"""The command itself with what people really give it: one line that helps, and nothing lost."""

from __future__ import annotations

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("embreex")
pytest.importorskip("trimesh")
pytest.importorskip("pycolmap")

from nmap_reloc.maps.held_out import decode_held_out
from nmap_reloc.maps.store import Site
from nmap_reloc.simulation.dataset import simulate

Done = subprocess.CompletedProcess[str]
COMMAND = [sys.executable, "-m", "nmap_reloc.cli.main"]
PLAIN = ["--features", "sift", "--representation", "landmarks"]


def run(*words: str | Path, largest_file: int | None = None) -> Done:
    """largest_file: bytes; writing more fails as on a full disk."""
    def limit() -> None:
        assert largest_file is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True,
                          timeout=300, preexec_fn=None if largest_file is None else limit)


def refused(done: Done, *words: str) -> str:
    """The one line of the error, which holds these words."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and done.stderr.splitlines()[-1] == lines[0], done.stderr
    for word in words:
        assert word in lines[0], lines[0]
    return lines[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("rooms") / "scene", seed=3, map_views=8, query_views=2,
                    size=(320, 240), detail=0.3, extent=1)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stages of the untouched scene, so that it is extracted once."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def finished(rooms: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("finished") / "site"
    done = run("map", "build", rooms, "-o", site, "--work", work, *PLAIN)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def scene(rooms: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(rooms, tmp_path / "scene"))


@pytest.fixture
def site(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished map to spoil."""
    return Path(shutil.copytree(finished, tmp_path / "site"))


def build(scene: Path, site: Path, *more: str | Path) -> Done:
    return run("map", "build", scene, "-o", site, *PLAIN, *more)


def edit(file: Path, change: Callable[[str], str]) -> None:
    text = file.read_text()
    changed = change(text)
    assert changed != text
    file.write_text(changed)


def test_one_unreadable_image_among_many_is_a_warning_and_a_count(scene: Path, tmp_path: Path
                                                                  ) -> None:
    (scene / "images" / "map_0003.jpg").write_bytes(b"this is no photograph")
    done = build(scene, tmp_path / "site")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert any("map_0003.jpg" in line for line in warnings), done.stderr
    assert any("1 of 8 images" in line for line in warnings), done.stderr
    built = json.loads((tmp_path / "site" / "manifest.json").read_text())["built"]
    assert built["views"] == 6  # and one is held out


def test_intrinsics_of_another_size(scene: Path, site: Path, tmp_path: Path) -> None:
    before = contents(site)
    edit(scene / "sparse" / "cameras.txt", lambda text: text.replace(" 320 240 ", " 640 480 "))
    refused(build(scene, site), "320 x 240", "640 x 480", "map_0000.jpg", "give the calibration")
    assert contents(site) == before


def test_images_without_a_pose_are_left_out_with_a_count(scene: Path, tmp_path: Path) -> None:
    edit(scene / "sparse" / "images.txt", lambda text: "\n".join(
        line for line in text.split("\n") if not line.endswith(("map_0005.jpg", "map_0006.jpg"))))
    done = build(scene, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^warning: .*2 of 10 .*map_0005\.jpg, map_0006\.jpg.*left out",
                     done.stderr, re.M), done.stderr


def test_a_map_in_which_nothing_is_found_is_a_warning(scene: Path, site: Path, tmp_path: Path
                                                      ) -> None:
    """The view that is held out has a wrong pose: it may as well be the others."""
    opened = Site.open(site)
    assert opened.manifest.verification is not None
    (view,), _ = decode_held_out(opened.read(opened.manifest.verification), "views")

    def away(line: str) -> str:
        """IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME"""
        words = line.split(" ")
        if words[-1] == view.name:
            words[5] = str(float(words[5]) + 3.0)
        return " ".join(words)

    edit(scene / "sparse" / "images.txt", lambda text: "\n".join(map(away, text.split("\n"))))
    done = build(scene, tmp_path / "new")
    assert done.returncode == 0 and "found again: 0%" in done.stdout, done.stderr
    assert re.search(r"^warning: .*new: so few are found again .* check whose poses",
                     done.stderr, re.M), done.stderr


def test_two_images_under_one_name(scene: Path, site: Path) -> None:
    before = contents(site)
    edit(scene / "sparse" / "images.txt", lambda text: text.replace("map_0005.jpg",
                                                                     "map_0004.jpg"))
    refused(build(scene, site), str(scene), "map_0004.jpg", "rename or remove")
    assert contents(site) == before


def test_too_little_overlap(scene: Path, site: Path) -> None:
    before = contents(site)
    rng = np.random.default_rng(0)
    for file in (scene / "images").iterdir():
        coarse = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(file), cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC))
    refused(build(scene, site), "7 images", "too little overlap", "landmarks in",
            "give more images")
    assert contents(site) == before


def test_no_poses_that_fit(scene: Path, tmp_path: Path) -> None:
    (scene / "sparse" / "images.txt").write_text("# nothing\n")
    refused(build(scene, tmp_path / "site"), "none of its 10 names has a pose")
    assert not (tmp_path / "site").exists()


def tile_of(site: Path) -> Path:
    return next((site / "tiles").glob("*.nmap"))


def test_a_truncated_tile(site: Path, rooms: Path, tmp_path: Path) -> None:
    tile = tile_of(site)
    tile.write_bytes(tile.read_bytes()[:-100])
    for command in (("map", "verify", site), ("evaluate", site, rooms, "-o", tmp_path / "out")):
        refused(run(*command), str(tile), "bytes where the manifest says",
                "rebuild it with `nmap-reloc map build`")
    assert not (tmp_path / "out").exists()


def test_a_tampered_tile(site: Path) -> None:
    tile = tile_of(site)
    data = bytearray(tile.read_bytes())
    data[len(data) // 2] ^= 1
    tile.write_bytes(data)
    refused(run("map", "verify", site), str(tile), "SHA-256", "copy the map again")


def test_a_damaged_map_is_built_anew(site: Path, rooms: Path, work: Path) -> None:
    good = contents(site)
    tile = tile_of(site)
    tile.write_bytes(tile.read_bytes()[:1000])
    done = build(rooms, site, "--work", work)
    assert done.returncode == 0 and "nothing to do" not in done.stderr
    assert tile.read_bytes() == good[f"tiles/{tile.name}"]


def test_a_map_built_with_other_weights(site: Path, rooms: Path, tmp_path: Path) -> None:
    manifest = site / "manifest.json"
    built = json.loads(manifest.read_text())
    key = next(name for name, value in built.items() if name.startswith("extractor")
               and isinstance(value, str))
    edit(manifest, lambda text: text.replace(built[key], "0123456789ab" + built[key][12:]))
    for command in (("evaluate", site, rooms, "-o", tmp_path / "out"), ("map", "verify", site)):
        refused(run(*command), "was built with extractor weights 0123456789ab",
                "rebuild the map with `nmap-reloc map build`")


def test_a_full_disk_keeps_the_old_map(site: Path, rooms: Path, work: Path) -> None:
    before = contents(site)
    words = ("map", "build", rooms, "--work", work, *PLAIN, "--frame", "site", "-o")
    line = refused(run(*words, site, largest_file=400), str(site), "can't write", "free that much")
    assert "unchanged" in line and contents(site) == before
    new = site.with_name("new")  # here the tile itself doesn't fit
    refused(run(*words, new, largest_file=50_000), str(new), "can't write", "free that much space")
    assert not new.exists()


def test_a_full_disk_in_an_early_stage(rooms: Path, tmp_path: Path) -> None:
    done = run("map", "build", rooms, "-o", tmp_path / "site", *PLAIN, largest_file=5_000)
    refused(done, str(tmp_path / "site.work"), "free space there")
    assert not (tmp_path / "site").exists()
    assert not list((tmp_path / "site.work").rglob("*.tmp"))


def hear_interrupts() -> None:
    """A test run in the background ignores SIGINT, and its children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def interrupted(rooms: Path, site: Path, tmp_path: Path
                ) -> Iterator[Callable[[signal.Signals], tuple[int, str]]]:
    """Starts a build over the old map and stops it when the first image's features are stored."""
    started: list[subprocess.Popen[str]] = []

    def stop(how: signal.Signals) -> tuple[int, str]:
        folder = tmp_path / "stages" / "features"
        process = subprocess.Popen([*COMMAND, "map", "build", str(rooms), "-o", str(site),
                                    "--work", str(tmp_path / "stages"), *PLAIN, "--frame", "new"],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                   preexec_fn=hear_interrupts)
        started.append(process)
        deadline = time.monotonic() + 120
        while not list(folder.glob("*.safetensors")) and time.monotonic() < deadline:
            assert process.poll() is None, "the build ended before it could be stopped"
            time.sleep(0.005)
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    yield stop
    for process in started:
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_resumes(interrupted: Callable[[signal.Signals], tuple[int, str]],
                                      rooms: Path, site: Path, tmp_path: Path,
                                      how: signal.Signals) -> None:
    before = contents(site)
    code, errors = interrupted(how)
    assert code in (130, -how) and "Traceback" not in errors
    if how == signal.SIGINT:
        assert errors.splitlines()[-1].startswith("interrupted") and "resumes" in errors
    assert contents(site) == before
    kept = {file: file.stat().st_mtime_ns
            for file in (tmp_path / "stages" / "features").glob("*.safetensors")}
    assert kept
    done = build(rooms, site, "--work", tmp_path / "stages", "--frame", "new")
    assert done.returncode == 0, done.stderr
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in kept.items())
    assert json.loads((site / "manifest.json").read_text())["frame"] == "new"


def test_an_unchanged_rerun_does_nothing(site: Path, rooms: Path, work: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in site.rglob("*")}
    done = build(rooms, site, "--work", work)
    assert done.returncode == 0 and "nothing to do" in done.stderr
    assert {file: file.stat().st_mtime_ns for file in site.rglob("*")} == before


def test_a_budget_that_is_too_small_names_the_smallest(site: Path, rooms: Path, work: Path
                                                       ) -> None:
    before = contents(site)
    line = refused(build(rooms, site, "--work", work, "--budget", "2KB"), "--budget 2000 bytes",
                   "can't be met", "use --representation neumap")
    assert contents(site) == before
    least = re.findall(r"takes (\d+) bytes", line)[0]
    assert build(rooms, site, "--work", work, "--budget", f"{least}B").returncode == 0


def test_neumap_with_a_budget_too_small(neumap_weights: Path, rooms: Path, work: Path,
                                        tmp_path: Path) -> None:
    words = ("map", "build", rooms, "-o", tmp_path / "site", "--work", work, "--features", "sift",
             "--decoder", neumap_weights)
    line = refused(run(*words, "--budget", "300B"), "--budget 300 bytes", "can't be met")
    assert not (tmp_path / "site").exists()
    least = int(re.findall(r"takes (\d+) bytes", line)[0])
    done = run(*words, "--budget", f"{least}B")
    assert done.returncode == 0, done.stderr
    assert sum(f.stat().st_size for f in (tmp_path / "site").rglob("*")
               if f.is_file() and "verification" not in f.parts) <= least


@pytest.mark.parametrize(("words", "said"), [
    (("--budget", "many"), "many"), (("--features", "orb"), "features 'orb'"),
    (("--representation", "nerf"), "representation 'nerf'"), (("--kind", "film"), "kind 'film'"),
    (("--option", "stride"), "--option stride"),
    (("--features", "sift", "--representation", "neumap", "--decoder", "/nowhere"),
     "neumap-sift.safetensors: not there")])
def test_wrong_words_are_refused_before_any_work(rooms: Path, tmp_path: Path,
                                                 words: tuple[str, ...], said: str) -> None:
    done = run("map", "build", rooms, "-o", tmp_path / "site", *PLAIN, *words)
    refused(done, said)
    assert list(tmp_path.iterdir()) == []


def test_nothing_there(tmp_path: Path) -> None:
    refused(build(tmp_path / "gone", tmp_path / "site"), str(tmp_path / "gone"), "no such file")
    refused(run("map", "verify", tmp_path / "gone"), str(tmp_path / "gone"), "build one with")
