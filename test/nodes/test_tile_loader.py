"""Tiles swapped beside a localizer that goes on localizing."""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from synthetic_landmarks import features_of, world

from nmap_reloc.errors import NmapError
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping import retrieval
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.site_index import SiteIndex
from nmap_reloc.maps.store import Site
from nmap_reloc.nodes.tile_loader import Loaded, TileLoader, Wanted


@pytest.fixture(scope="module")
def scene() -> Landmarks:
    return replace(world(5, dimensions=128), extractor_hash=SiftExtractor().content_hash)


@pytest.fixture(scope="module")
def built(scene: Landmarks, neumap_weights: Path, tmp_path_factory: pytest.TempPathFactory
          ) -> Path:
    path = tmp_path_factory.mktemp("tiled") / "site"
    build_site(scene, path, options=BuildOptions(weights=neumap_weights, tile=1.0))
    return path


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "site"))


class Loading:
    """A loader, its localizer and what it reported."""

    def __init__(self, site: Path, weights: Path):
        self.localizer = Localizer.open(site, weights=weights, tiles=())
        self.reports: queue.Queue[Loaded] = queue.Queue()
        self.loader = TileLoader(site, self.localizer, self.reports.put)
        self.manifest = Site.open(site).manifest

    def wish(self, generation: int, tiles: list[str]) -> Loaded:
        hashes = {entry.id: entry.sha256 for entry in self.loader.site.manifest.tiles}
        self.loader.request(wish(self.manifest.site_id, generation,
                                 [(name, hashes.get(name, "0" * 64)) for name in tiles]))
        return self.reports.get(timeout=20)


def wish(site: str, generation: int, tiles: list[tuple[str, str]], version: int = 1) -> str:
    return json.dumps({"generation": generation, "map_version": version, "site": site, "tiles": [
        {"id": name, "sha256": sha256, "path": "/nowhere"} for name, sha256 in tiles]})


@pytest.fixture
def loading(site: Path, neumap_weights: Path):
    made = Loading(site, neumap_weights)
    yield made
    made.loader.close()


def test_wanted_tiles_are_loaded_and_confirmed(loading: Loading) -> None:
    assert loading.localizer.active is None and loading.loader.loaded.tiles == ()
    ids = [entry.id for entry in loading.manifest.tiles]
    assert len(ids) >= 4
    first = loading.wish(7, ids[:3])
    assert (first.generation, first.tiles, first.refused) == (7, tuple(ids[:3]), ())
    assert first.bytes > 0 and loading.localizer.active.tiles == tuple(ids[:3])
    assert loading.wish(8, ids[1:4]).tiles == tuple(ids[1:4])
    assert loading.wish(9, []).bytes == 0 and loading.localizer.active is None
    assert json.loads(first.to_json())["tiles"] == ids[:3]


def test_a_corrupt_tile_is_named_and_the_old_set_stays(loading: Loading, site: Path) -> None:
    ids = [entry.id for entry in loading.manifest.tiles]
    loading.wish(1, ids[:2])
    before = loading.localizer.active
    file = site / loading.manifest.tiles[3].file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    report = loading.wish(2, ids[:4])
    assert loading.localizer.active is before
    assert (report.generation, report.failed, report.tiles) == (1, 2, tuple(ids[:2]))
    assert [name for name, _ in report.refused] == [ids[3]]
    assert file.name in report.refused[0][1]
    assert loading.wish(3, ids[:3]).generation == 3


def test_a_tile_that_the_manifest_does_not_know_is_refused(loading: Loading) -> None:
    ids = [entry.id for entry in loading.manifest.tiles]
    loading.wish(1, ids[:1])
    report = loading.wish(2, [ids[0], "elsewhere"])
    assert report.refused[0][0] == "elsewhere" and report.tiles == (ids[0],)


def test_an_updated_map_is_read_again(loading: Loading, site: Path, scene: Landmarks,
                                      neumap_weights: Path) -> None:
    loading.wish(1, [loading.manifest.tiles[0].id])
    build_site(scene, site, budget=20_000,
               options=BuildOptions(weights=neumap_weights, tile=1.0, site_id="site"))
    new = Site.open(site).manifest
    loading.loader.request(wish("site", 2, [(new.tiles[0].id, new.tiles[0].sha256)],
                                new.map_version))
    report = loading.reports.get(timeout=20)
    assert (report.generation, report.map_version) == (2, new.map_version)
    assert new.map_version > loading.manifest.map_version


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", "1", "{}", '{"generation": 1}', '{"tiles": 5, "generation": 1}',
    '{"generation": "x", "site": "site", "map_version": 1, "tiles": []}',
    '{"generation": -1, "site": "site", "map_version": 1, "tiles": []}',
    '{"generation": 1e400, "site": "site", "map_version": 1, "tiles": []}',
    '{"generation": 1, "site": "site", "map_version": 1, "tiles": [{"id": "a"}]}',
    "[" * 100_000,
    wish("site", 1, [("a", "0"), ("a", "0")]), wish("other", 1, [])])
def test_hostile_active_tiles_are_refused_in_one_line(loading: Loading, text: str) -> None:
    with pytest.raises(NmapError, match="active_tiles") as caught:
        loading.loader.request(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_of_many_wishes_the_newest_wins(loading: Loading) -> None:
    entries = loading.manifest.tiles
    for generation in range(50):
        chosen = [entries[(generation + k) % len(entries)] for k in range(3)]
        loading.loader.request(wish("site", generation, [(e.id, e.sha256) for e in chosen]))
    deadline = time.monotonic() + 20
    while loading.loader.loaded.generation != 49 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert loading.loader.loaded.tiles == tuple(entry.id for entry in chosen)


def test_images_go_on_while_tiles_are_swapped(loading: Loading, scene: Landmarks) -> None:
    ids = [entry.id for entry in loading.manifest.tiles]
    loading.wish(0, ids)
    stop, failures, answers = threading.Event(), [], []

    def localize() -> None:
        while not stop.is_set():
            view = scene.views[len(answers) % len(scene.views)]
            try:
                answers.append(loading.localizer.localize_features(features_of(view), view.camera))
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=localize)
    thread.start()
    for generation in range(1, 41):
        loading.wish(generation, ids if generation % 2 else ids[:len(ids) // 2])
    stop.set()
    thread.join()
    assert not failures and len(answers) > 3
    assert all(answer.milliseconds for answer in answers)


def test_close_ends_the_thread(site: Path, neumap_weights: Path) -> None:
    made = Loading(site, neumap_weights)
    made.loader.close()
    assert not made.loader._thread.is_alive()


def test_the_site_index_knows_tiles_that_are_not_loaded(
        scene: Landmarks, neumap_weights: Path, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    # A map of so few voxels has no retrieval index unless fewer are decoded at once.
    monkeypatch.setattr(retrieval, "LocalizerOptions", lambda: LocalizerOptions(most_voxels=4))
    built = tmp_path / "site"
    build_site(scene, built, options=BuildOptions(weights=neumap_weights, tile=1.0))
    index = SiteIndex.read(Site.open(built))
    view = scene.views[0]
    found = index.candidates(view.global_descriptor, 3)
    assert 0 < len(found) <= 3 and len(set(found)) == len(found)
    assert set(index.candidates(view.global_descriptor, 1000)) <= set(index.tiles)
    # The tile found first holds landmarks that the view sees.
    entry = Site.open(built).manifest.tile(found[0])
    seen = scene.positions[view.landmarks[view.landmarks >= 0]]
    assert ((seen >= entry.low) & (seen <= entry.high)).all(1).any()
    with pytest.raises(NmapError, match="global descriptor of 3 values"):
        index.candidates(view.global_descriptor[:3], 1)


def test_a_wish_is_read_as_it_was_written() -> None:
    assert Wanted.parse(wish("site", 3, [("a", "f" * 64)])) == Wanted(3, "site", 1,
                                                                      (("a", "f" * 64),))
