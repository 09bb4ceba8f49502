"""A site: what is saved is what is opened, and damage is found before it is decoded."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.manifest import tile_entry
from nmap_reloc.maps.store import Site, next_version, save_site
from nmap_reloc.maps.tile import Tile, decode_tile, encode_tile


def save(path: Path, made: Any) -> Site:
    return save_site(path, made.manifest, made.tiles, made.verification)


def files(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes()
            for file in path.rglob("*") if file.is_file()}


def test_what_is_saved_is_opened(tmp_path: Path, make_parts: Callable[..., Any]) -> None:
    made = make_parts(tiles=3)
    saved = save(tmp_path / "new" / "site", made)
    opened = Site.open(tmp_path / "new" / "site")
    assert opened == saved and opened.manifest == made.manifest
    for entry, data in zip(made.manifest.tiles, made.tiles, strict=True):
        assert np.array_equal(opened.tile(entry.id).arrays["codes"],
                              decode_tile(data, "").arrays["codes"])
    on_disk = files(tmp_path / "new" / "site")
    assert len(on_disk) == 5
    without = sum(len(data) for name, data in on_disk.items() if "verification" not in name)
    assert opened.bytes() == without
    by_part = opened.bytes_by_part()
    assert sum(by_part.values()) == without
    assert list(by_part) == ["manifest", "retrieval", "neumap"]
    assert by_part["neumap"] > by_part["retrieval"] > 0


def test_a_new_map_leaves_nothing_of_the_old(tmp_path: Path, make_parts: Callable[..., Any]
                                             ) -> None:
    save(tmp_path / "site", make_parts(seed=0))
    (tmp_path / "site" / "tiles" / ".ab.nmap.77.tmp").write_bytes(b"of a killed process")
    (tmp_path / "site" / "README").write_text("the user's own")
    made = make_parts(seed=1, version=next_version(tmp_path / "site"))
    save(tmp_path / "site", made)
    assert set(files(tmp_path / "site")) == {
        "manifest.json", "README", made.manifest.verification.file,
        *(tile.file for tile in made.manifest.tiles)}
    assert Site.open(tmp_path / "site").manifest.map_version == 2
    assert next_version(tmp_path / "nothing") == 1


def test_equal_tiles_are_kept_and_need_not_be_given(tmp_path: Path, small: Any) -> None:
    save(tmp_path, small)
    file = tmp_path / small.manifest.tiles[0].file
    before = file.stat().st_ino
    save(tmp_path, small)
    newer = replace(small.manifest, map_version=5)
    assert save_site(tmp_path, newer, []).manifest.map_version == 5
    assert file.stat().st_ino == before
    file.write_bytes(b"damaged")
    with pytest.raises(NmapError, match="7 bytes where the manifest says"):
        save_site(tmp_path, newer, [])
    save(tmp_path, small)  # heals it
    Site.open(tmp_path).tile("0")


def test_parts_that_do_not_fit_are_refused(tmp_path: Path, make_parts: Callable[..., Any]) -> None:
    one, other = make_parts(seed=0), make_parts(seed=1)
    with pytest.raises(NmapError, match="is not in the manifest"):
        save_site(tmp_path / "s", one.manifest, other.tiles, one.verification)
    with pytest.raises(NmapError, match="verification file is not the one"):
        save_site(tmp_path / "s", one.manifest, one.tiles, other.verification)
    with pytest.raises(NmapError, match="missing"):
        save_site(tmp_path / "s" / "t", one.manifest, one.tiles[:1], one.verification)
    assert not (tmp_path / "s").exists()


def test_damage_is_found(tmp_path: Path, small: Any) -> None:
    site = save(tmp_path, small)
    file = tmp_path / small.manifest.tiles[0].file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(NmapError, match=r"SHA-256 .* where the manifest says"):
        site.tile("0")
    file.write_bytes(data + bytes(100))
    with pytest.raises(NmapError, match="bytes where the manifest says"):
        site.tile("0")
    file.unlink()
    with pytest.raises(NmapError, match="missing; copy the map again"):
        site.tile("0")
    os.mkfifo(file)
    with pytest.raises(NmapError, match="not a regular file"):
        site.tile("0")
    with pytest.raises(NmapError, match="tile 9: not in map kitchen, which has 0"):
        site.tile("9")


def test_a_tile_under_another_name_is_refused(tmp_path: Path, small: Any) -> None:
    encoded = encode_tile(Tile("other", "neumap"))
    entry = tile_entry(Tile("0", "neumap"), encoded, np.zeros((1, 3)))
    site = save_site(tmp_path, replace(small.manifest, tiles=(entry,), verification=None),
                     [encoded])
    with pytest.raises(NmapError, match=r"holds tile 'other' .* where the manifest says '0'"):
        site.tile("0")


def test_no_map_there(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match="no such folder"):
        Site.open(tmp_path / "nowhere")
    with pytest.raises(NmapError, match="no map there"):
        Site.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(NmapError, match="format_version is missing"):
        Site.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NmapError, match="no such folder"):
        Site.open(tmp_path / "file")


def test_a_file_where_the_site_should_go(tmp_path: Path, small: Any) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "site"):
        with pytest.raises(NmapError, match=r"can't write \d+ bytes .*choose another folder"):
            save(path, small)
    assert (tmp_path / "file").read_text() == "mine"


def test_two_writers_do_not_mix(tmp_path: Path, small: Any) -> None:
    save(tmp_path, small)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(NmapError, match="another process is writing this map"):
        save(tmp_path, small)
    os.close(handle)
    save(tmp_path, small)


def test_a_copied_site_is_a_site(tmp_path: Path, small: Any) -> None:
    save(tmp_path / "a", small)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "b" / "verification")  # a robot needs it not
    assert Site.open(tmp_path / "b").tile("0").id == "0"
