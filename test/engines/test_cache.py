"""Plans are whole and of this device, this TensorRT and this network, or they are not used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.cache import EngineCache, PlanKey, default_folder
from nmap_reloc.engines.shapes import RANGES, Range
from nmap_reloc.errors import NmapError

FACTS = {"tensorrt": "10.3.0", "device": "Orin", "capability": "8.7"}
KEY = PlanKey.of("features", b"model", "fp16", FACTS, RANGES["features"])


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "a" / "b")
    assert cache.load(KEY) is None and cache.entries() == []
    cache.store(KEY, b"plan")
    assert cache.load(KEY) == b"plan"
    cache.store(KEY, b"another")
    assert cache.load(KEY) == b"another"
    entry, = cache.entries()
    assert entry.key == KEY and entry.bytes == entry.path.stat().st_size


@pytest.mark.parametrize("other", [
    replace(KEY, network="other"), replace(KEY, precision="fp32"),
    replace(KEY, tensorrt="10.4.0"), replace(KEY, device="Thor"), replace(KEY, capability="9.0"),
    PlanKey.of("features", b"model 2", "fp16", FACTS, RANGES["features"]),
    PlanKey.of("features", b"model", "fp16", FACTS,
               {**RANGES["features"], "height": Range(32, 480, 1632)})])
def test_a_plan_of_anything_else_is_another(tmp_path: Path, other: PlanKey) -> None:
    cache = EngineCache(tmp_path)
    stored = cache.store(KEY, b"plan")
    assert cache.load(other) is None
    stored.rename(tmp_path / other.file)  # a file that bears a wrong name
    assert cache.load(other) is None


def test_no_part_of_a_file_is_taken_for_the_whole(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    path = cache.store(KEY, bytes(range(256)))
    whole = path.read_bytes()
    for size in range(0, len(whole), 3):
        path.write_bytes(whole[:size])
        assert cache.load(KEY) is None
    path.write_bytes(whole + b"x")
    assert cache.load(KEY) is None
    path.write_bytes(whole)
    assert cache.load(KEY) is not None


def test_no_changed_byte_goes_unnoticed(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    path = cache.store(KEY, b"plan")
    whole = path.read_bytes()
    for k in range(0, len(whole), 3):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x15]) + whole[k + 1:])
        assert cache.load(KEY) is None, k
        entry, = cache.entries()
        assert entry.key is None or entry.key != KEY


@pytest.mark.parametrize("text", [b"[]", b"{}", b"null", b'{"key": 1, "bytes": 1, "sha256": 1}',
                                  b'{"key": {}, "bytes": 0, "sha256": ""}', b"\xff"])
def test_a_strange_header_is_damage(tmp_path: Path, text: bytes) -> None:
    (tmp_path / KEY.file).write_bytes(b"NMAPPLN1" + len(text).to_bytes(4, "little") + text)
    cache = EngineCache(tmp_path)
    assert cache.load(KEY) is None
    entry, = cache.entries()
    assert entry.key is None and "damaged" in entry.damage


def test_clear_takes_plans_and_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.store(KEY, b"plan")
    (tmp_path / f".{KEY.file}.99.tmp").write_bytes(b"half")
    (tmp_path / "damaged.plan").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert len(cache.clear()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert EngineCache(tmp_path / "none").clear() == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NmapError, match=r"file/.*: can't write 4 bytes"):
        EngineCache(tmp_path / "file" / "cache").store(KEY, b"plan")


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NMAP_ENGINE_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("NMAP_ENGINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_folder() == Path("/x/nmap_reloc/engines")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert default_folder() == Path("/h/.cache/nmap_reloc/engines")


def _opened(weights: Path) -> None:
    engine = open_engine("features", "tensorrt", weights)
    engine({"image": np.zeros((1, 1, 64, 64), np.float32), "slots": np.zeros(9, np.float32)})
    engine.close()


def test_a_plan_is_built_once_per_device_and_version(gpu: Any, feature_weights: Path) -> None:
    for expected in (1, 1):
        _opened(feature_weights)
        assert gpu.builds == expected
    gpu.name = "Double of a Thor"
    _opened(feature_weights)
    assert gpu.builds == 2
    _opened(feature_weights)
    assert gpu.builds == 2 and len(EngineCache().entries()) == 2


@pytest.mark.parametrize("damage", ["half", "other device", "garbage"])
def test_a_damaged_or_foreign_plan_is_built_again(gpu: Any, feature_weights: Path, damage: str,
                                                  caplog: Any) -> None:
    _opened(feature_weights)
    cache = EngineCache()
    entry, = cache.entries()
    if damage == "half":
        entry.path.write_bytes(entry.path.read_bytes()[:500])
    else:  # the file is whole, what is in it is not for TensorRT here
        assert entry.key is not None
        plan = cache.load(entry.key) or b""
        cache.store(entry.key, b"?" if damage == "garbage" else plan.replace(b"Double", b"Doable"))
    _opened(feature_weights)
    assert gpu.builds == 2 and "built again" in caplog.text
    _opened(feature_weights)
    assert gpu.builds == 2


def test_a_cache_that_cannot_be_written_does_not_stop_the_engine(
        gpu: Any, feature_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        caplog: Any) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("NMAP_ENGINE_CACHE", str(tmp_path / "file" / "cache"))
    _opened(feature_weights)
    assert "built, but not kept" in caplog.text
