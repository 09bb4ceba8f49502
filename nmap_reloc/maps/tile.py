"""One map tile as bytes: a 21-byte header, then zstd-compressed safetensors. Never pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from hashlib import blake2b
from typing import Any, TypeVar

import numpy.typing as npt
import zstandard
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nmap_reloc.errors import NmapError, one_line

Json = Any  # what json.loads returns; checked where it is used
Arrays = dict[str, npt.NDArray[Any]]
Read = TypeVar("Read")

MAGIC = b"NMAP"
VERSION = 2
HEADER = struct.Struct("<4sBII8s")  # magic, version, raw bytes, compressed bytes, checksum
MAX_RAW_BYTES = 512 << 20  # what a reader may be asked to allocate
MAX_JSON_BYTES = 8 << 20
SMALL_BYTES = 1 << 20  # up to here it is worth trying two ways to compress
SLOW_BYTES = 16 << 20  # above this, level 19 takes minutes and gains little on float arrays
REMEDY = "copy the file again or rebuild the map with `nmap-reloc map build`"
# Part of format version 2: what most safetensors headers say, so that a small tile needn't.
DICTIONARY = zstandard.ZstdCompressionDict(
    b'"BOOL","F64","I64","I32","I16","U32","F16","F32","I8","/range":{"dtype":"F32",'
    b'"shape":[2,{"__metadata__":{"t":"{\\"i\\":\\"0\\",\\"r\\":\\"neumap\\",\\"m\\":{\\"}}"},'
    b'"retrieval/d":{"dtype":"U8","data_offsets":[0,"retrieval/v":{"dtype":"U8","shape":[',
    dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@dataclass(frozen=True)
class Tile:
    """A piece of the map: meta is JSON, arrays are what its representation defines; kept: see
    once."""

    id: str
    representation: str
    meta: dict[str, Json] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)


def once(read: Callable[[Tile], Read]) -> Callable[[Tile], Read]:
    """What `read` makes of a tile is kept with it: when tiles are swapped, those that stay are
    not decoded again."""
    @wraps(read)
    def reads(tile: Tile) -> Read:
        if read.__module__ not in tile.kept:
            tile.kept[read.__module__] = read(tile)
        made: Read = tile.kept[read.__module__]
        return made
    return reads


def compact_json(value: Json) -> str:
    """The one JSON spelling of a value: sorted keys, no spaces, no NaN (ValueError)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def encode_tile(tile: Tile) -> bytes:
    """The file's bytes; the same tile gives the same bytes. NmapError when it is too large."""
    text = compact_json({"i": tile.id, "r": tile.representation, "m": tile.meta})
    size = len(text) + sum(array.nbytes for array in tile.arrays.values())
    if size > MAX_RAW_BYTES or len(text) > MAX_JSON_BYTES // 2:
        raise NmapError(f"tile {tile.id}: {size} bytes uncompressed are more than a tile may "
                        f"hold ({MAX_RAW_BYTES}); build with smaller tiles")
    raw = save(tile.arrays, metadata={"t": text})
    body = _compress(raw)
    lengths = struct.pack("<II", len(raw), len(body))
    return HEADER.pack(MAGIC, VERSION, len(raw), len(body), _checksum(lengths, body)) + body


def decode_tile(data: bytes, name: str) -> Tile:
    """The tile in `data`, arrays read-only. name: the file, for messages.

    Every length is checked against what is there before anything of that length is allocated.
    NmapError: not a tile, another version, truncated, damaged, oversize or malformed inside.
    """
    raw = _decompress(_body(data, name), name)
    try:
        text, arrays = _parse(raw)
        tile = Tile(text["i"], text["r"], text["m"], arrays)
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError, RecursionError,
            MemoryError) as error:
        reason = one_line(error, 80)
        raise NmapError(f"{name}: malformed tile contents ({type(error).__name__}: {reason}); "
                        f"{REMEDY}") from error
    if not (isinstance(tile.id, str) and isinstance(tile.representation, str)
            and isinstance(tile.meta, dict)):
        raise NmapError(f"{name}: malformed tile header {str(text)[:80]!r}; {REMEDY}")
    return tile


def compressed_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """What these arrays add to a tile, compressed, their names and shapes included."""
    empty = len(_compress(save({}, metadata={"t": ""})))
    return max(0, len(_compress(save(dict(arrays), metadata={"t": ""}))) - empty)


def _checksum(lengths: bytes, body: bytes) -> bytes:
    return blake2b(lengths + body, digest_size=8).digest()


def _body(data: bytes, name: str) -> tuple[bytes, int]:
    """(compressed body, declared raw bytes) once the outside of the file is known to be whole."""
    if len(data) < HEADER.size:
        raise NmapError(f"{name}: {len(data)} bytes are too few for a map tile; {REMEDY}")
    magic, version, raw_bytes, body_bytes, checksum = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise NmapError(f"{name}: starts with {magic!r}, not {MAGIC!r}, so it is no map tile; "
                        f"{REMEDY}")
    if version != VERSION:
        raise NmapError(f"{name}: tile format version {version}, this program reads {VERSION}; "
                        "install the version of nmap_reloc that built the map, or rebuild it")
    body = data[HEADER.size:]
    if len(body) != body_bytes:
        raise NmapError(f"{name}: {len(body)} bytes of contents where its header says "
                        f"{body_bytes}; {REMEDY}")
    if checksum != _checksum(data[5:13], body):
        raise NmapError(f"{name}: checksum {checksum.hex()} does not match its contents; {REMEDY}")
    if raw_bytes > MAX_RAW_BYTES:
        raise NmapError(f"{name}: {raw_bytes} bytes uncompressed are more than a tile may hold "
                        f"({MAX_RAW_BYTES}); build with smaller tiles")
    return body, raw_bytes


def _decompress(body_and_size: tuple[bytes, int], name: str) -> bytes:
    body, raw_bytes = body_and_size
    try:
        # The decompressor allocates what the frame says, so that must be what we bounded.
        declared = zstandard.get_frame_parameters(body).content_size
        if declared != raw_bytes:
            raise NmapError(f"{name}: the compressed frame holds {declared} bytes where the "
                            f"header says {raw_bytes}; {REMEDY}")
        return zstandard.ZstdDecompressor(dict_data=DICTIONARY).decompress(
            body, max_output_size=raw_bytes, allow_extra_data=False)
    except (zstandard.ZstdError, ValueError, MemoryError) as error:
        raise NmapError(f"{name}: damaged compression ({error}); {REMEDY}") from error


def _parse(raw: bytes) -> tuple[Json, Arrays]:
    """(JSON of the "t" metadata, arrays); raises whatever a malformed file makes it raise."""
    header_bytes = int.from_bytes(raw[:8], "little")
    if header_bytes > min(MAX_JSON_BYTES, len(raw) - 8):
        raise ValueError(f"header of {header_bytes} bytes")
    header = json.loads(raw[8:8 + header_bytes])
    arrays: Arrays = load(raw)
    for array in arrays.values():
        array.setflags(write=False)  # a map must not change when it is read
    return json.loads(header["__metadata__"]["t"]), arrays


def _compress(raw: bytes) -> bytes:
    """The smaller of: one zstd block after another as it comes, or one per array.

    Arrays of different kinds have different statistics, and in a map of a few kilobytes an
    entropy table of one's own saves more than it costs.
    """
    if len(raw) > SLOW_BYTES:
        return _frame(raw, [], 3)
    whole = _frame(raw, [], 19)
    if len(raw) > SMALL_BYTES:
        return whole
    return min(whole, _frame(raw, _array_starts(raw), 19), key=len)


def _array_starts(raw: bytes) -> list[int]:
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    return sorted({start + entry["data_offsets"][0]
                   for name, entry in header.items() if name != "__metadata__"} | {start})


def _frame(raw: bytes, cuts: list[int], level: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=len(raw), write_content_size=1, write_checksum=0, write_dict_id=0)
    compressor = zstandard.ZstdCompressor(
        dict_data=DICTIONARY, compression_params=parameters).compressobj(size=len(raw))
    parts, begin = [], 0
    for end in cuts:
        parts += [compressor.compress(raw[begin:end]),
                  compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
        begin = end
    return b"".join([*parts, compressor.compress(raw[begin:]), compressor.flush()])
