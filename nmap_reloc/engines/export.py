"""The networks as engines see them: named inputs and outputs, and their way to ONNX.

A network NAME is of a family (the first part of its name: "neumap-sift" is of "neumap"); the
family's module graphs.py makes it from its sizes (`make`) and cuts it into graphs (`GRAPHS`:
part -> Exportable). The graph of a part is called NAME-part, that of the part "" NAME.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nmap_reloc.errors import NmapError, one_line
from nmap_reloc.maps.atomic import Writer, writing
from nmap_reloc.weights import find

FAMILIES = {
    "features": "nmap_reloc.features.graphs",
    "maddr": "nmap_reloc.representations.maddr.graphs",
    "neumap": "nmap_reloc.representations.neumap.graphs",
    "squeezer": "nmap_reloc.representations.squeezer.graphs",
}


class Exportable(nn.Module, ABC):
    """A network with the names and shapes (-1: any) of what goes in and comes out; it takes and
    gives as many tensors, in a tuple."""

    input_shapes: dict[str, tuple[int, ...]]
    output_names: tuple[str, ...]

    @abstractmethod
    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        """Inputs to trace with, and the names of each one's dynamic axes."""


def family(name: str) -> Any:
    """The module graphs.py of a network's or graph's family. NmapError: there is none."""
    kind = name.partition("-")[0]
    if kind not in FAMILIES:
        raise NmapError(f"network {name!r}: of no known family; choose one of "
                        f"{', '.join(FAMILIES)}")
    return importlib.import_module(FAMILIES[kind])


def graphs_of(name: str) -> list[str]:
    """What the graphs of a network are called."""
    return [f"{name}-{part}" if part else name for part in family(name).GRAPHS]


def save_network(network: nn.Module, sizes: Mapping[str, Any], path: Path) -> None:
    """NAME.safetensors with the sizes it was made of."""
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    data = save(weights, {"sizes": json.dumps(sizes)})
    with writing(path, len(data)):
        Writer().write(path, data)


def open_network(name: str, weights: Path | None = None) -> nn.Module:
    """The torch network of this name ("features", "neumap", "neumap-sift", ...), ready to run."""
    path = find(f"{name}.safetensors", weights)
    room = family(name)
    try:
        with safe_open(path, "pt") as file:
            sizes = json.loads((file.metadata() or {})["sizes"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network: nn.Module = room.make(sizes)
        network.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        reason = one_line(error, 120)
        raise NmapError(f"network {path}: not weights of {name} ({reason}); train it again, or "
                        "install the package again") from error
    return network.eval()


def load_network(graph: str, weights: Path | None = None) -> Exportable:
    """The graph of this name ("features", "neumap-unfold", "neumap-sift-decode", ...)."""
    graphs: dict[str, Any] = family(graph).GRAPHS
    name, _, part = graph.rpartition("-")
    if part not in graphs:
        name, part = graph, ""
    if part not in graphs:
        raise NmapError(f"network {graph!r}: has the parts {', '.join(graphs)}; name one of them")
    module: Exportable = graphs[part](open_network(name, weights)).eval()
    return module


def export(graph: str, weights: Path) -> Path:
    """Writes GRAPH.onnx beside the weights it is made of."""
    module = load_network(graph, weights)
    inputs, axes = module.examples()
    dynamic = {name: labels for name, labels in zip(module.input_shapes, axes, strict=True)
               if labels}
    path = weights / f"{graph}.onnx"
    graph_bytes = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(module, inputs, graph_bytes, dynamo=False, opset_version=17,
                          input_names=list(module.input_shapes), dynamic_axes=dynamic,
                          output_names=list(module.output_names))
    with writing(path, graph_bytes.tell()):
        Writer().write(path, graph_bytes.getvalue())
    return path
