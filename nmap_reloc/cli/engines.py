"""``nmap-reloc engines``: what runs the networks here, and the TensorRT plans of this device."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmap_reloc.engines.base import Precision

if TYPE_CHECKING:
    from nmap_reloc.engines.cache import Entry

Weights = Annotated[Path | None, typer.Option(help="Folder of the networks; the shipped ones "
                                                   "without it.", show_default=False)]


def build(
    networks: Annotated[list[str] | None, typer.Argument(
        help="Which (features, neumap-unfold, ...); all without it.", show_default=False)] = None,
    precision: Annotated[Precision, typer.Option(
        help="int8: of the feature network; needs --images.")] = Precision.FP16,
    images: Annotated[Path | None, typer.Option(
        help="Folder of images of the place, to calibrate int8.", show_default=False)] = None,
    most_images: Annotated[int, typer.Option(min=1, help="Of those, so many.")] = 100,
    weights: Weights = None,
    force: Annotated[bool, typer.Option("--force", help="Build what is there already.")] = False,
) -> None:
    """Build the TensorRT plans of this device. Takes minutes; nodes then start with them."""
    from nmap_reloc.engines.base import EngineOptions
    from nmap_reloc.engines.calibration import calibration
    from nmap_reloc.engines.plans import Plans
    from nmap_reloc.weights import find

    for network in networks or _shipped(weights):
        plans = Plans(network, find(f"{network}.onnx", weights), EngineOptions(precision))
        made = None if force else plans.cached()
        if made is None:
            fed = calibration(images, most_images) if images is not None else None
            started = time.monotonic()
            with _progress(network) as progress:
                made = plans.build(progress, fed)
            print(f"{network}: built in {time.monotonic() - started:.0f} s ({made.reason})")
        else:
            print(f"{network}: there already ({made.reason})")
        made.close()


def check(
    backend: Annotated[str, typer.Option(help="Which is checked.")] = "tensorrt",
    weights: Weights = None,
) -> None:
    """Compare a backend with onnxruntime on the CPU: the same answers, and how fast."""
    from nmap_reloc.engines import open_engine
    from nmap_reloc.engines.base import Device, EngineOptions
    from nmap_reloc.engines.check import agreement

    for network in _shipped(weights):
        engine = open_engine(network, backend, weights)
        reference = open_engine(network, "onnx", weights,
                                options=EngineOptions(device=Device.CPU))
        print(f"{network}: {engine.backend} ({engine.reason})")
        for found in agreement(network, engine, reference):
            print(f"  {found.sizes}: {found.agree:.1%} agree within {found.tolerance}; "
                  f"{found.milliseconds:.2f} ms, onnxruntime on the CPU "
                  f"{found.reference_milliseconds:.2f} ms")
        engine.close()
        reference.close()


def export(
    weights: Weights = None,
) -> None:
    """Make the ONNX files of a folder of networks again, from their weights. Needs torch."""
    from nmap_reloc.engines.export import export as write
    from nmap_reloc.engines.export import graphs_of
    from nmap_reloc.errors import NmapError
    from nmap_reloc.weights import SHIPPED

    folder = weights or SHIPPED
    networks = sorted(path.stem for path in folder.glob("*.safetensors"))
    if not networks:
        raise NmapError(f"--weights {folder}: no *.safetensors there; train networks with "
                        "`nmap-reloc train`, or leave the option out")
    for network in networks:
        for graph in graphs_of(network):
            print(write(graph, folder))


def quantize(
    images: Annotated[Path | None, typer.Option(
        help="Folder of images to measure the network's ranges with; simulated ones without it.",
        show_default=False)] = None,
    most_images: Annotated[int, typer.Option(min=1, help="Of those, so many.")] = 100,
    weights: Weights = None,
) -> None:
    """Make the feature network in 8 bits, for onnxruntime on a CPU."""
    from nmap_reloc.engines import quantize as eight
    from nmap_reloc.engines.calibration import calibration

    print(eight.quantize(eight.simulated_images() if images is None
                         else calibration(images, most_images), weights))


def list_plans(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what runs networks here, and list the TensorRT plans in the cache."""
    from nmap_reloc.engines.cache import EngineCache

    cache, backends = EngineCache(), _backends()
    entries = cache.entries()
    facts = backends["tensorrt"].get("facts", {})
    if json:
        from dataclasses import asdict
        from json import dumps

        plans = [{"file": str(e.path), "bytes": e.bytes, "state": _state(e, facts),
                  **(asdict(e.key) if e.key else {})} for e in entries]
        print(dumps({"backends": backends, "folder": str(cache.folder), "plans": plans}, indent=2))
        return
    for name, found in backends.items():
        print(f"{name}: {found['says']}")
    print(f"plans in {cache.folder}: {len(entries) or 'none'}")
    for entry in entries:
        what = f"{entry.key.network} {entry.key.precision}, TensorRT {entry.key.tensorrt}, " \
               f"{entry.key.device}" if entry.key else entry.path.name
        print(f"  {what}, {entry.bytes / 1e6:.1f} MB: {_state(entry, facts)}")


def clear() -> None:
    """Remove the TensorRT plans in the cache; they are built again when they are needed."""
    from nmap_reloc.engines.cache import EngineCache

    cache = EngineCache()
    gone = cache.clear()
    print(f"{len(gone)} plans removed from {cache.folder} "
          f"({sum(entry.bytes for entry in gone) / 1e6:.1f} MB)")


def _shipped(weights: Path | None) -> list[str]:
    from nmap_reloc.errors import NmapError
    from nmap_reloc.weights import SHIPPED

    names = sorted(path.stem for path in (weights or SHIPPED).glob("*.onnx")
                   if "." not in path.stem)  # not what `quantize` makes of them
    if not names:
        raise NmapError(f"--weights {weights}: no *.onnx there; train networks with `nmap-reloc "
                        "train`, or leave the option out")
    return names


def _backends() -> dict[str, dict[str, Any]]:
    """What each backend says of this machine."""
    from importlib.metadata import PackageNotFoundError, version

    from nmap_reloc.engines.base import EngineError
    from nmap_reloc.engines.processor import eight_bit_products
    from nmap_reloc.engines.tensorrt import device_facts

    found: dict[str, dict[str, Any]] = {}
    try:
        facts = device_facts()
        found["tensorrt"] = {"says": f"TensorRT {facts['tensorrt']} on {facts['device']}, compute "
                                     f"capability {facts['capability']}", "facts": facts}
    except EngineError as problem:
        found["tensorrt"] = {"says": f"no ({str(problem).removeprefix('backend tensorrt: ')})"}
    try:
        import onnxruntime
        providers = ", ".join(name.removesuffix("ExecutionProvider")
                              for name in onnxruntime.get_available_providers())
        found["onnx"] = {"says": f"onnxruntime {onnxruntime.__version__} with {providers}; in 8 "
                                 f"bits: {eight_bit_products() or 'not faster here'}"}
    except ImportError as problem:
        found["onnx"] = {"says": f"no ({problem})"}
    try:
        found["torch"] = {"says": f"torch {version('torch')}"}
    except PackageNotFoundError:
        found["torch"] = {"says": "no (not installed)"}
    return found


def _state(entry: Entry, facts: dict[str, str]) -> str:
    if entry.key is None:
        return f"not used: {entry.damage}"
    if not facts:
        return "not of use here"
    here = all(getattr(entry.key, name) == value for name, value in facts.items())
    return "ready" if here else "of another device or version"


@contextmanager
def _progress(network: str) -> Iterator[Callable[[str, int, int], bool]]:
    """On a terminal a bar per phase of TensorRT's builder, else nothing."""
    if not sys.stderr.isatty():
        yield lambda phase, step, steps: True
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(phase: str, step: int, steps: int) -> bool:
            if phase not in tasks:
                tasks[phase] = bars.add_task(f"{network}: {phase}", total=steps or None)
            bars.update(tasks[phase], completed=step)
            return True
        yield show
