"""Wishes and confirmations between the node that chooses tiles and the one that loads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.handover import Handover, Report, parse_candidates, parse_report
from nmap_reloc.maps.store import Site, save_site


@pytest.fixture
def site(tmp_path: Path, make_parts: Callable[..., Any]) -> Site:
    made = make_parts(tiles=3)
    return save_site(tmp_path / "site", made.manifest, made.tiles, made.verification)


def granted(handover: Handover) -> Report:
    assert handover.wish is not None
    return Report(handover.wish.generation, handover.wish.map_version, "kitchen",
                  tuple(tile for tile, _ in handover.wish.tiles), 1000)


def test_a_wish_names_files_that_are_there(site: Site) -> None:
    text = Handover(100).want(0.0, site, ["1", "0"])
    assert text is not None
    wish = json.loads(text)
    assert (wish["generation"], wish["map_version"], wish["site"]) == (101, 1, "kitchen")
    assert [tile["id"] for tile in wish["tiles"]] == ["1", "0"]
    for tile in wish["tiles"]:
        entry = site.manifest.tile(tile["id"])
        assert tile["sha256"] == entry.sha256
        assert Path(tile["path"]).is_absolute()
        assert Path(tile["path"]).stat().st_size == entry.bytes


def test_only_what_is_new_gets_a_new_number(site: Site) -> None:
    handover = Handover(0)
    assert handover.want(0.0, site, ["0", "1"]) is not None
    assert handover.want(1.0, site, ["1", "0"]) is None  # another order, the same tiles
    assert handover.want(2.0, site, ["1"]) is not None
    handover.forget()
    assert handover.want(3.0, site, ["1"]) is not None
    assert handover.wish is not None and handover.wish.generation == 3


def test_a_wish_is_sent_again_until_it_is_confirmed(site: Site) -> None:
    handover = Handover(0)
    text = handover.want(10.0, site, ["0"])
    assert handover.resend(11.9, 2.0) is None and handover.waiting(11.9) == pytest.approx(1.9)
    assert handover.resend(12.0, 2.0) == text and handover.resend(13.0, 2.0) is None
    assert handover.resend(14.0, 2.0) == text and handover.resent == 2
    handover.hear(Report(0, 1, "kitchen", (), 0))  # an older set
    assert not handover.confirmed and handover.waiting(15.0) == 5.0
    handover.hear(granted(handover))
    assert handover.confirmed and handover.waiting(99.0) == 0.0
    assert handover.resend(99.0, 2.0) is None


def test_a_greater_number_from_before_is_overtaken(site: Site) -> None:
    handover = Handover(5)  # a clock that was set back
    handover.want(0.0, site, ["0"])
    handover.hear(Report(900, 1, "kitchen", ("0",), 10))
    assert not handover.confirmed
    handover.want(1.0, site, ["0"])
    assert handover.wish is not None and handover.wish.generation == 901


def test_reports_are_read_as_they_are_written() -> None:
    text = json.dumps({"generation": 4, "map_version": 2, "site": "kitchen", "tiles": ["a", "b"],
                       "bytes": 10, "refused": [{"id": "c", "reason": "r" * 9999}], "failed": 5})
    report = parse_report(text)
    assert (report.generation, report.tiles, report.failed) == (4, ("a", "b"), 5)
    assert report.refused[0][0] == "c" and len(report.refused[0][1]) == 500
    assert parse_candidates('{"stamp": 1.5, "tiles": ["b", "a"]}') == (1.5, ("b", "a"))


@pytest.mark.parametrize("text", [
    "", "null", "[]", "{}", "\x00", "[" * 100_000, '{"generation": NaN}',
    '{"generation":1,"map_version":1,"site":"k","tiles":[1],"bytes":0,"refused":[]}',
    '{"generation":1e9,"map_version":1,"site":"k","tiles":[],"bytes":0,"refused":[]}',
    '{"generation":1,"map_version":1,"site":"k","tiles":["a","a"],"bytes":0,"refused":[]}',
    '{"generation":1,"map_version":1,"site":"k","tiles":[],"bytes":-1,"refused":[]}',
    '{"generation":1,"map_version":1,"site":"k","tiles":[],"bytes":0,"refused":[{"id":"a"}]}',
    '{"generation":1,"map_version":1,"site":"k","tiles":[],"bytes":0,"refused":[{"id":1,'
    '"reason":[]}]}',
    '{"stamp": "now", "tiles": []}', '{"stamp": Infinity, "tiles": []}',
    '{"stamp": 1, "tiles": {"a": 1}}'])
def test_hostile_messages_are_refused_in_one_line(text: str) -> None:
    for parse, topic in ((parse_report, "loaded_tiles"), (parse_candidates, "tile_candidates")):
        with pytest.raises(NmapError) as caught:
            parse(text)
        assert topic in str(caught.value) and "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


def test_a_message_that_is_too_long_is_not_even_parsed() -> None:
    with pytest.raises(NmapError, match="characters are more than"):
        parse_report(" " * ((64 << 20) + 1))
