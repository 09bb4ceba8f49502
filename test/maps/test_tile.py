"""Tiles: what goes in comes out, and whatever is wrong with a file is said, never suffered."""

from __future__ import annotations

import json
import struct
import tracemalloc
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest
import zstandard
from safetensors.numpy import save

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import tile as module
from nmap_reloc.maps.tile import (
    HEADER,
    VERSION,
    Tile,
    compressed_bytes,
    decode_tile,
    encode_tile,
    once,
)


def example(seed: int = 0, rows: int = 120) -> Tile:
    random = np.random.default_rng(seed)
    return Tile("3_-2", "neumap", {"voxel": 1.25, "levels": [1, 2], "näme": None}, {
        "codes": random.integers(0, 256, (rows, 32)).astype(np.uint8),
        "points": random.normal(size=(rows, 3)).astype(np.float32),
        "offsets": np.arange(7, dtype=np.int32), "flags": random.random(9) > 0.5,
        "scalar": np.array(2.5), "none": np.zeros((0, 3), np.float16)})


def frame(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor(dict_data=module.DICTIONARY).compress(raw)


def wrap(body: bytes, raw_bytes: int, version: int = VERSION) -> bytes:
    """A file whose checksum is right, whatever its contents."""
    lengths = struct.pack("<II", raw_bytes, len(body))
    checksum = blake2b(lengths + body, digest_size=8).digest()
    return HEADER.pack(b"NMAP", version, raw_bytes, len(body), checksum) + body


def same(a: Tile, b: Tile) -> bool:
    return ((a.id, a.representation, a.meta, sorted(a.arrays))
            == (b.id, b.representation, b.meta, sorted(b.arrays))
            and all(np.array_equal(a.arrays[name], b.arrays[name])
                    and a.arrays[name].dtype == b.arrays[name].dtype for name in a.arrays))


def test_what_goes_in_comes_out_and_cannot_be_changed() -> None:
    tile = example()
    read = decode_tile(encode_tile(tile), "x.nmap")
    assert same(read, tile)
    with pytest.raises(ValueError, match="read-only"):
        read.arrays["codes"][0, 0] = 1


def test_the_same_tile_gives_the_same_bytes() -> None:
    tile = example()
    shuffled = Tile(tile.id, tile.representation, dict(reversed(tile.meta.items())),
                    dict(reversed(tile.arrays.items())))
    assert encode_tile(tile) == encode_tile(shuffled) == encode_tile(example())


def test_a_small_tile_has_little_overhead() -> None:
    """Nine arrays of noise, 8 KB in all: names, shapes and header cost under 300 bytes."""
    random = np.random.default_rng(0)
    names = ["codes", "scale", "points", "offsets", "voxels", "levels",
             "retrieval/n", "retrieval/d", "retrieval/v"]
    arrays = {name: random.integers(0, 256, (300, 3)).astype(np.uint8) for name in names}
    payload = sum(array.nbytes for array in arrays.values())
    size = len(encode_tile(Tile("0", "neumap", {"voxel": 1.25, "blocks": 4}, arrays)))
    assert size < payload + 300
    assert abs(compressed_bytes(arrays) - size) < 100


@pytest.mark.parametrize(("data", "words"), [
    (b"", "too few"), (b"NMAP", "too few"), (b"PK\3\4" + bytes(40), "no map tile"),
    (encode_tile(example())[:-1], "header says"), (encode_tile(example()) + b"x", "header says"),
    (encode_tile(example())[:200] + b"~" + encode_tile(example())[201:], "checksum"),
    (wrap(b"", 0, version=9), "version 9"), (wrap(b"rubbish", 100), "damaged compression"),
    (wrap(frame(b"x" * 50), 49), "holds 50 bytes where the header says 49"),
    (wrap(frame(b"x" * 50), 2 ** 32 - 1), "more than a tile may hold"),
    (wrap(frame(b"x" * 50), 50), "malformed"), (wrap(frame(bytes(50)), 50), "malformed"),
    (wrap(frame(save({})), len(save({}))), "malformed"),
])
def test_a_bad_file_is_named_with_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(NmapError) as caught:
        decode_tile(data, "site/tiles/ab.nmap")
    message = str(caught.value)
    assert message.startswith("site/tiles/ab.nmap: ") and words in message and ";" in message
    assert "\n" not in message


@pytest.mark.parametrize("meta", [
    "[]", "{}", '{"i":1,"r":"neumap","m":{}}', '{"i":"1","r":"neumap","m":[]}', "NaN",
    "[" * 100_000, '{"i":"1","r":"neumap","m":' + "9" * 5000 + "}"])
def test_a_bad_header_inside_is_refused(meta: str) -> None:
    raw = save({"a": np.zeros(2)}, metadata={"t": meta})
    with pytest.raises(NmapError, match="malformed"):
        decode_tile(wrap(frame(raw), len(raw)), "x.nmap")


@pytest.mark.parametrize("entry", [
    {"dtype": "F32", "shape": [2 ** 60, 2 ** 60], "data_offsets": [0, 8]},
    {"dtype": "F32", "shape": [0, 2 ** 62], "data_offsets": [0, 0]},
    {"dtype": "F32", "shape": [2], "data_offsets": [0, 2 ** 63]},
    {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
    {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
    {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]},
    {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}])
def test_impossible_arrays_are_refused(entry: dict[str, object]) -> None:
    header = json.dumps({"__metadata__": {"t": '{"i":"0","r":"n","m":{}}'}, "a": entry}).encode()
    raw = struct.pack("<Q", len(header)) + header + bytes(8)
    with pytest.raises(NmapError, match="malformed"):
        decode_tile(wrap(frame(raw), len(raw)), "x.nmap")


def test_a_compression_bomb_is_not_unpacked() -> None:
    bomb = frame(bytes(400 << 20))
    tracemalloc.start()
    with pytest.raises(NmapError, match="header says 1000"):
        decode_tile(wrap(bomb, 1000), "x.nmap")
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_too_large_a_tile_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RAW_BYTES", 1000)
    with pytest.raises(NmapError, match=r"tile 3_-2: .*smaller tiles"):
        encode_tile(example())


def damaged(random: np.random.Generator, data: bytes) -> bytes:
    """Some bytes replaced, or the end cut off, or bytes added or taken out in between."""
    changed = bytearray(data)
    kind = random.integers(4)
    if kind == 0:
        return data[:random.integers(len(data))]
    for position in random.integers(0, len(data), random.integers(1, 6)):
        if kind == 1:
            changed[position % len(changed)] ^= int(random.integers(1, 256))
        elif kind == 2:
            changed.insert(position, int(random.integers(256)))
        else:
            del changed[position % len(changed)]
    return bytes(changed)


def decode_under_watch(data: bytes) -> Tile | None:
    """None where it was refused; any other exception, or a large allocation, fails the test."""
    tracemalloc.start()
    try:
        return decode_tile(data, "x.nmap")
    except NmapError as error:
        assert "\n" not in str(error)
        return None
    finally:
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.stop()


def test_two_thousand_damaged_files_are_all_refused() -> None:
    random = np.random.default_rng(1)
    tile = example(rows=30)
    whole = encode_tile(tile)
    for _ in range(2000):
        data = damaged(random, whole)
        read = decode_under_watch(data)
        assert read is None or (data == whole and same(read, tile))


def test_two_thousand_forged_files_harm_nobody() -> None:
    """Damage under a right checksum: before and after compression, mostly in the JSON."""
    random = np.random.default_rng(2)
    raw = save(example(rows=4).arrays, metadata={"t": '{"i":"0","r":"neumap","m":{"a":[1]}}'})
    header = 8 + int.from_bytes(raw[:8], "little")
    body = frame(raw)
    for attempt in range(2000):
        if attempt % 4 == 0:
            decode_under_watch(wrap(damaged(random, body), len(raw)))
        else:
            forged = damaged(random, raw[:header]) + raw[header:]
            decode_under_watch(wrap(frame(forged), len(forged)))


def test_a_tile_that_stays_is_decoded_once() -> None:
    reads = []

    @once
    def read(tile: Tile) -> int:
        reads.append(tile.id)
        return len(tile.arrays)

    tile = example()
    assert read(tile) == read(tile) == len(tile.arrays) and len(reads) == 1
    assert read(replace(tile, arrays={})) == 0 and len(reads) == 2
