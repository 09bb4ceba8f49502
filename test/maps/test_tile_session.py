"""An opened map and its tiles: damage, refusals, updates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.following import FollowOptions
from nmap_reloc.maps.handover import Handover
from nmap_reloc.maps.store import Site, save_site
from nmap_reloc.maps.tile_session import USUAL_FACTOR, SessionOptions, TileSession

OPTIONS = SessionOptions(FollowOptions(memory=10**12), confirm_timeout=2.0, refused_retry=30.0)


@pytest.fixture
def site(tmp_path: Path, make_parts: Callable[..., Any]) -> Site:
    made = make_parts(tiles=3)
    return save_site(tmp_path / "site", made.manifest, made.tiles, made.verification)


def open_session(site: Site, options: SessionOptions = OPTIONS) -> TileSession:
    return TileSession(site.path, options, Handover(0), 0.0)


def asked(text: str | None) -> list[str]:
    assert text is not None
    return [tile["id"] for tile in json.loads(text)["tiles"]]


def answer(session: TileSession, now: float, tiles: list[str], refused: dict[str, str],
           site: str = "kitchen", size: int = 0) -> None:
    wish = session.handover.wish
    assert wish is not None
    session.saw_loaded(now, json.dumps({
        "generation": -1 if refused else wish.generation, "map_version": wish.map_version,
        "site": site, "tiles": tiles, "bytes": size,
        "failed": wish.generation if refused else None,
        "refused": [{"id": tile, "reason": why} for tile, why in refused.items()]}))


def test_the_whole_map_is_asked_for_where_it_fits(site: Site) -> None:
    session = open_session(site)
    assert asked(session.step(0.0)) == ["0", "1", "2"]
    assert session.step(1.0) is None
    answer(session, 1.5, ["0", "1", "2"], {}, size=5000)
    assert session.step(9.0) is None and session.follower.loaded == {"0", "1", "2"}
    files = sum(tile.bytes for tile in site.manifest.tiles)
    assert session.follower.factor == pytest.approx(5000 / files)


def test_before_anything_is_loaded_the_usual_factor_counts(site: Site) -> None:
    session = open_session(site)
    session.step(0.0)
    files = sum(tile.bytes for tile in site.manifest.tiles)
    assert session.plan.bytes == int(files * USUAL_FACTOR["neumap"])
    given = open_session(site, replace(OPTIONS, factor=3.0))
    given.step(0.0)
    assert given.plan.bytes == files * 3


def test_a_tile_that_is_refused_is_left_out_and_tried_again(site: Site) -> None:
    session = open_session(site)
    session.step(0.0)
    answer(session, 1.0, [], {"1": "SHA-256 differs"})
    assert session.refused == {"1": "SHA-256 differs"}
    assert asked(session.step(1.0)) == ["0", "2"]
    assert session.step(2.0) is None
    answer(session, 2.5, ["0", "2"], {})
    assert session.step(30.9) is None
    assert asked(session.step(31.0)) == ["0", "1", "2"] and session.refused == {}


def test_a_set_that_is_refused_is_sent_again(site: Site) -> None:
    session = open_session(site)
    text = session.step(0.0)
    answer(session, 1.0, [], {"": "out of memory"})
    assert (session.refused, session.refused_set) == ({}, "out of memory")
    assert session.step(1.9) is None and session.step(2.0) == text
    answer(session, 3.0, ["0", "1", "2"], {})
    assert session.refused_set == ""


def test_a_missing_tile_is_found_before_it_is_asked_for(site: Site) -> None:
    (site.path / site.manifest.tile("2").file).unlink()
    session = open_session(site)
    assert asked(session.step(0.0)) == ["0", "1"]
    assert "No such file" in session.refused["2"] or "missing" in session.refused["2"]


def test_damage_of_the_same_size_is_found_where_every_tile_is_read(site: Site) -> None:
    file = site.path / site.manifest.tile("2").file
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert open_session(site).refused == {}
    assert "SHA-256" in open_session(site, replace(OPTIONS, verify=True)).refused["2"]


def test_a_map_without_a_usable_tile_is_no_map(site: Site) -> None:
    for entry in site.manifest.tiles:
        (site.path / entry.file).write_bytes(b"")
    with pytest.raises(NmapError, match="0 bytes where"):
        open_session(site)


def test_an_update_is_asked_for_under_a_new_number(site: Site, make_parts: Callable[..., Any]
                                                   ) -> None:
    session = open_session(site)
    session.step(0.0)
    assert session.reload(1.0) == "map version 1: unchanged" and session.step(1.0) is None
    made = make_parts(seed=1, tiles=4, version=2)
    save_site(site.path, made.manifest, made.tiles, made.verification)
    assert session.reload(2.0) == "map version 1 -> 2: 3 tiles changed, 1 added, 0 removed"
    text = session.step(2.0)
    assert asked(text) == ["0", "1", "2", "3"]
    assert json.loads(text or "")["map_version"] == 2


def test_a_damaged_update_is_refused_and_the_old_map_stays(site: Site) -> None:
    session = open_session(site)
    session.step(0.0)
    manifest = site.path / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-5])
    with pytest.raises(NmapError, match=r"manifest\.json"):
        session.reload(1.0)
    assert session.site.manifest == site.manifest and session.step(1.0) is None
    manifest.write_bytes(whole.replace(b"kitchen", b"cellars"))
    with pytest.raises(NmapError, match="cellars, not kitchen"):
        session.reload(2.0)
    assert session.site.manifest.site_id == "kitchen"


def test_a_reload_tries_refused_tiles_at_once(site: Site) -> None:
    session = open_session(site, replace(OPTIONS, refused_retry=0.0))
    session.step(0.0)
    answer(session, 1.0, [], {"0": "no"})
    assert asked(session.step(1.0)) == ["1", "2"] and session.step(1e9) is not None
    session.reload(2e9)
    assert asked(session.step(2e9)) == ["0", "1", "2"]


def test_what_goes_wrong_is_said_in_one_line(site: Site) -> None:
    session = open_session(site)
    session.step(0.0)
    assert session.complaint(1.0, 0.5) is None
    session.step(2.0)
    assert "no answer to generation 1 for 3 s" in (session.complaint(3.0, 0.5) or "")
    answer(session, 3.5, ["0", "1", "2"], {})
    assert session.complaint(4.0, 0.5) is None
    session.change(replace(OPTIONS, follow=FollowOptions(memory=1)))
    session.saw_pose(5.0, 5.0, (0.0, 0.0, 0.0))
    session.step(5.0)
    assert "3 of 3 wanted tiles do not fit" in (session.complaint(5.0, 0.5) or "")


def test_reports_of_another_map_count_for_nothing(site: Site) -> None:
    session = open_session(site)
    session.step(0.0)
    with pytest.raises(NmapError, match="cellar: tile_manager has kitchen"):
        answer(session, 1.0, ["0", "1", "2"], {}, site="cellar")
    assert not session.handover.confirmed and not session.follower.loaded
