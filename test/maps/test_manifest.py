"""The manifest: compact, canonical, and strict about every field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.manifest import parse_manifest, tile_entry, unsigned
from nmap_reloc.maps.tile import Tile


def test_it_comes_back_and_has_one_spelling(make_parts: Callable[..., Any]) -> None:
    manifest = make_parts(tiles=3).manifest
    linked = replace(manifest, tiles=(
        replace(manifest.tiles[0], neighbours=("1", "2"), representation="maddr", recall=None),
        *manifest.tiles[1:]))
    for one in (manifest, linked, replace(manifest, verification=None, signature="00ff")):
        data = one.to_bytes()
        assert parse_manifest(data, "m") == one
        shuffled = json.dumps(dict(reversed(json.loads(data).items())), indent=3).encode()
        assert parse_manifest(shuffled, "m").to_bytes() == data


def test_a_map_of_one_tile_needs_about_700_bytes(small: Any) -> None:
    assert len(small.manifest.to_bytes()) <= 700


def test_the_signature_signs_everything_but_itself(small: Any) -> None:
    signed = replace(small.manifest, signature="ab" * 64)
    assert signed.canonical_bytes() == small.manifest.canonical_bytes()
    assert b"signature" not in signed.canonical_bytes()
    assert json.loads(signed.to_bytes())["signature"] == "ab" * 64
    assert json.loads(small.manifest.to_bytes())["signature"] is None
    assert unsigned(signed) == small.manifest
    assert replace(signed, map_version=2).canonical_bytes() != signed.canonical_bytes()


WRONG = {
    "format_version": [None, "1", 1.0, True], "site_id": ["", "../x", "a/b", 5, "x" * 101],
    "map_version": [0, -1, "1", 1.5, 2 ** 60], "frame": ["", "a\nb", None, "\ud800"],
    "unit": ["feet", None], "representation": ["", {}], "features": [None],
    "extractor_hash": [None, "a\n"], "decoder_hash": [3], "built": [None, [], {"a": float("nan")}],
    "tiles": [None, {}, [], [1]], "verification": [[], {}, {"bytes": 0, "sha256": "a" * 64}],
    "signature": [5, ""],
}


@pytest.mark.parametrize("field", WRONG)
def test_a_missing_or_wrong_field_is_named(field: str, small: Any) -> None:
    fields = json.loads(small.manifest.to_bytes())
    for value in WRONG[field]:
        data = json.dumps({**fields, field: value}).encode()
        with pytest.raises(NmapError, match=r"site/manifest\.json") as caught:
            parse_manifest(data, "site/manifest.json")
        assert field in str(caught.value) or "NaN" in data.decode()
        assert "\n" not in str(caught.value)
    if field != "signature":
        del fields[field]
        with pytest.raises(NmapError, match=f"{field} is missing"):
            parse_manifest(json.dumps(fields).encode(), "m")


@pytest.mark.parametrize(("change", "words"), [
    ({"sha256": "A" * 64}, r"tiles\[0\].sha256"), ({"sha256": "../" + "a" * 61}, "sha256"),
    ({"bytes": 0}, r"tiles\[0\].bytes"), ({"bytes": True}, "bytes"), ({"id": ""}, "id"),
    ({"bounds": [[0, 0, 0], [1, 1]]}, "bounds"), ({"bounds": [[0, 0, 2], [1, 1, 1]]}, "bounds"),
    ({"bounds": [[0, 0, 0], [1, 1, 10 ** 400]]}, "bounds"), ({"bounds": {"a": 1}}, "bounds"),
    ({"recall": 1.2}, "recall"), ({"recall": "1"}, "recall"), ({"neighbours": ["7"]}, "'7'"),
    ({"neighbours": "0"}, "neighbours"), ({"file": "../../etc/passwd"}, "no field"),
])
def test_a_wrong_tile_is_named(change: dict[str, Any], words: str, small: Any) -> None:
    fields = json.loads(small.manifest.to_bytes())
    fields["tiles"][0].update(change)
    with pytest.raises(NmapError, match=words):
        parse_manifest(json.dumps(fields).encode(), "m")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000,
                                  b'{"format_version":' + b"9" * 5000 + b"}"])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(NmapError, match="m: "):
        parse_manifest(data, "m")


def test_another_format_and_unknown_fields_are_refused(small: Any) -> None:
    fields = json.loads(small.manifest.to_bytes())
    with pytest.raises(NmapError, match="format_version 2, this program reads 1; install"):
        parse_manifest(json.dumps({**fields, "format_version": 2}).encode(), "m")
    with pytest.raises(NmapError, match="'colour' is no field"):
        parse_manifest(json.dumps({**fields, "colour": 1}).encode(), "m")
    twice = {**fields, "tiles": fields["tiles"] * 2}
    with pytest.raises(NmapError, match="2 entries with 1 different"):
        parse_manifest(json.dumps(twice).encode(), "m")


def test_a_manifest_that_could_not_be_read_back_is_not_written(small: Any) -> None:
    with pytest.raises(NmapError, match="site_id"):
        replace(small.manifest, site_id="my site").to_bytes()


def test_bounds_hold_all_points_and_are_short() -> None:
    random = np.random.default_rng(0)
    for scale in (1e-5, 0.3, 1.0, 40.0, 9e4):
        points = random.normal(size=(50, 3)) * scale + random.normal(size=3) * 10 * scale
        entry = tile_entry(Tile("0", "neumap"), b"x", points)
        extent = float(np.ptp(points, axis=0).max())
        low, high = np.array(entry.low), np.array(entry.high)
        assert np.all(low <= points.min(0)) and np.all(high >= points.max(0))
        assert np.all(points.min(0) - low <= 0.02 * extent)
        assert len(json.dumps([entry.low, entry.high])) < 80
    assert tile_entry(Tile("0", "neumap"), b"x", np.zeros((1, 3))).low == (0.0, 0.0, 0.0)
