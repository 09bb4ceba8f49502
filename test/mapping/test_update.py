"""New images into a map: only the tiles that they change are made anew."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mapping.textured_room import CAMERA, render, room
from typer.testing import CliRunner

from nmap_reloc.cli.main import app
from nmap_reloc.errors import NmapError
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping import update as updating
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmark_store import load_landmarks
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.record import BuildRecord
from nmap_reloc.mapping.sources.base import PosedImage, Source
from nmap_reloc.mapping.squares import Squares
from nmap_reloc.mapping.triangulate import build_landmarks, landmarks_file, landmarks_key
from nmap_reloc.mapping.update import Updated, update_site
from nmap_reloc.maps.manifest import TileEntry
from nmap_reloc.maps.store import Site
from nmap_reloc.maps.verification import verify_site

KEYPOINTS = 400
NEAR = 3.5  # depth of the plane that is painted over, on the right of x = 1.1


@dataclass(frozen=True)
class Built:
    site: Path
    work: Path
    weights: Path

    def update(self, source: Source, **options: Any) -> Updated | None:
        return update_site(self.site, source, SiftExtractor(KEYPOINTS), self.work, self.weights,
                           **options)

    def landmarks(self) -> Landmarks:
        return load_landmarks(self.work / BuildRecord.of(Site.open(self.site),
                                                         self.work).landmarks)

    def files(self) -> dict[str, bytes]:
        return {str(f.relative_to(self.site)): f.read_bytes()
                for f in self.site.rglob("*") if f.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, neumap_weights: Path) -> Built:
    folder = tmp_path_factory.mktemp("update")
    source, extractor = room(16), SiftExtractor(KEYPOINTS)
    built = Built(folder / "site", folder / "site.work", neumap_weights)
    landmarks = build_landmarks(source, extractor, built.work)
    options = BuildOptions(budget=30_000, tile=3.0, weights=neumap_weights)
    file = landmarks_file(built.work, landmarks_key(source, extractor, False, None))
    BuildRecord.made_by(landmarks, options, file.name, KEYPOINTS, source.fingerprint
                        ).save(built.work)
    build_site(landmarks, built.site, budget=30_000, options=options)
    return built


@pytest.fixture
def built(made: Built, tmp_path: Path) -> Built:
    """A copy that a test may change."""
    shutil.copytree(made.site, tmp_path / "site")
    shutil.copytree(made.work, tmp_path / "site.work")
    return replace(made, site=tmp_path / "site", work=tmp_path / "site.work")


def visit(repainted: int | None = 2, count: int = 12, shift: float = 0.0) -> Source:
    """New images that look at the right of the room only; shift: of their poses, map units."""
    images = []
    for i, t in enumerate(np.linspace(0, 1, count)):
        c, s = np.cos(0.45), np.sin(0.45)
        pose = Rigid(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
                     np.array([0.9 + 0.5 * t, 0.2 * np.sin(5 * t), 0.1 * t]))
        given = Rigid(pose.rotation, pose.translation + shift)
        images.append(PosedImage(f"{i:03d}.png", CAMERA, given,
                                 lambda pose=pose: render(pose, repainted)))
    return Source(Path("visit"), "test", tuple(images), "metre", None, (),
                  f"visit {repainted} {shift}")


def test_only_what_changed_is_made_anew(built: Built) -> None:
    before, old = Site.open(built.site), built.landmarks()
    done = built.update(visit(), held_out=2)
    assert done is not None
    after = Site.open(built.site)
    entries = {entry.id: entry for entry in before.manifest.tiles}
    kept = [entry for entry in after.manifest.tiles if entry.id not in done.made]
    assert done.made and len(kept) == done.kept >= 1
    for entry in kept:
        assert entry.sha256 == entries[entry.id].sha256
    assert all(after.manifest.tile(name).sha256 != entries[name].sha256 for name in done.made
               if name in entries)
    assert after.manifest.map_version == before.manifest.map_version + 1
    assert verify_site_ok(built)

    new = built.landmarks()
    assert len(new.held_out) == len(old.held_out) + 2
    assert np.mean(painted_over(new)) < 0.2 * np.mean(painted_over(old)) + 0.01
    left = old.positions[:, 0] < -0.5  # no new image looks there
    known = {tuple(p) for p in new.positions.tolist()}
    assert all(tuple(p) in known for p in old.positions[left].tolist())


def painted_over(landmarks: Landmarks) -> np.ndarray:
    """[L]: on the painted plane, amid what the new images show of it, and seen by an old view."""
    seen_by_old = np.zeros(len(landmarks), bool)
    for view in landmarks.views[:15]:
        seen_by_old[view.landmarks[view.landmarks >= 0]] = True
    x, _, z = landmarks.positions.T
    return (np.abs(z - NEAR) < 0.1) & (x > 1.6) & (x < 2.6) & seen_by_old


def verify_site_ok(built: Built) -> bool:
    return verify_site(built.site, relocalize=False).ok


def test_the_same_place_again_loses_little(built: Built) -> None:
    old = built.landmarks()
    done = built.update(visit(repainted=None))
    assert done is not None and done.gone < 0.05 * len(old) and done.outdated == 0
    assert len(built.landmarks()) >= 0.97 * len(old)


def test_the_same_images_again_do_nothing(built: Built) -> None:
    assert built.update(visit()) is not None
    before = built.files()
    assert built.update(visit()) is None and built.update(room(16)) is None
    assert built.files() == before


def test_a_kill_before_the_save_loses_nothing(built: Built, monkeypatch: pytest.MonkeyPatch
                                              ) -> None:
    before = built.files()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(updating, "save_site", killed)
        with pytest.raises(KeyboardInterrupt):
            built.update(visit())
    assert built.files() == before
    BuildRecord.of(Site.open(built.site), built.work)  # the old version can still be updated
    done = built.update(visit())
    assert done is not None and done.site.manifest.map_version == 2


def test_poses_of_another_frame_are_refused(built: Built) -> None:
    before = built.files()
    with pytest.raises(NmapError, match=r"map units and .* degrees from where map .* sees it"):
        built.update(visit(repainted=None, shift=1.5))
    assert built.files() == before


@pytest.mark.parametrize(("change", "message"), [
    ({"unit": "arbitrary"}, "poses in unit arbitrary where map .* has metre"),
    ({"images": tuple(replace(i, map_from_camera=None) for i in visit().images)},
     "images without poses can't update a map")])
def test_what_can_not_update(built: Built, change: dict[str, Any], message: str) -> None:
    with pytest.raises(NmapError, match=message):
        built.update(replace(visit(), fingerprint="other", **change))


def test_the_work_folder_is_gone(built: Built) -> None:
    for file in built.work.glob("landmarks-*"):
        file.unlink()
    with pytest.raises(NmapError, match=r"landmarks-.*: missing or damaged.*build the map anew"):
        built.update(visit())
    shutil.rmtree(built.work)
    with pytest.raises(NmapError, match=r"no such folder.*--work, or build the map anew"):
        built.update(visit())


def test_squares_are_read_off_the_tiles() -> None:
    def entry(name: str, low: tuple[float, float], high: tuple[float, float]) -> TileEntry:
        return TileEntry(name, (*low, 0.0), (*high, 1.0), (), 1, "0" * 64, "neumap")

    squares = Squares.of([entry("0_0", (1.0, 1.5), (9.0, 9.0)),
                          entry("1_0", (11.5, 2.0), (19.0, 8.0))], 10.0, (0, 1), 64)
    points = np.array([[5.0, 5.0, 0], [12.0, 5.0, 0], [5.0, -3.0, 0],  # the last is a stray
                       *np.tile([-5.0, 5.0, 0], (70, 1))])
    assert squares.owners(points)[:4].tolist() == ["0_0", "1_0", "0_0", "n1_0"]
    assert squares.within("n1_0", points).sum() == 70
    assert squares.neighbours("n1_0", ["0_0", "1_0", "n1_0"]) == ("0_0",)


def test_the_command(place: Source, tmp_path: Path) -> None:
    """Queries of a simulated place as new images, through the command line."""
    new = tmp_path / "new"
    shutil.copytree(place.path, new)
    split = json.loads((new / "split.json").read_text())
    (new / "split.json").write_text(json.dumps({"map": split["query"], "query": []}))

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, ["map", *map(str, arguments)])

    site = tmp_path / "site"
    made = run("build", place.path, "-o", site, "--features", "sift", "--representation",
               "landmarks", "--keypoints", 256)
    assert made.exit_code == 0, made.stderr
    done = run("update", site, new)
    assert done.exit_code == 0, done.stderr
    assert "version 2" in done.stdout and "1 tiles made (0_0)" in done.stdout
    assert "nothing to do" in run("update", site, new).stderr
    shutil.rmtree(tmp_path / "site.work")
    gone = run("update", site, new)
    assert gone.exit_code == 1 and "no such folder" in gone.stderr
