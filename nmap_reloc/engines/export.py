"""The networks as engines see them: named inputs and outputs, and their way to ONNX."""

from __future__ import annotations

import io
import json
import logging
import warnings
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nmap_reloc.errors import NmapError
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.maps.atomic import Writer, writing
from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape
from nmap_reloc.weights import find


class Exportable(nn.Module, ABC):
    """A network with the names and shapes (-1: any) of what goes in and comes out."""

    input_shapes: dict[str, tuple[int, ...]]
    output_names: tuple[str, ...]

    @abstractmethod
    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        """Inputs to trace with, and the names of each one's dynamic axes."""


class FeatureGraph(Exportable):
    """image [1 x 1 x H x W] in 0..1, slots [K]: how many keypoints (its values don't matter)."""

    output_names = ("keypoints", "scores", "descriptors", "global_descriptor")

    def __init__(self, network: FeatureNetwork):
        super().__init__()
        self.network = network
        self.input_shapes = {"image": (1, 1, -1, -1), "slots": (-1,)}

    def forward(self, image: Tensor, slots: Tensor) -> tuple[Tensor, ...]:
        return self.network(image, slots.shape[0])

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        return (torch.rand(1, 1, 224, 256), torch.zeros(100)), \
            ({2: "height", 3: "width"}, {0: "keypoints"})


class UnfoldGraph(Exportable):
    """codes [M x C], factors [M x T] -> keys, values [T x M x W]."""

    output_names = ("keys", "values")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = network
        self.input_shapes = {"codes": (-1, network.shape.code_width),
                             "factors": (-1, network.shape.blocks)}

    def forward(self, codes: Tensor, factors: Tensor) -> tuple[Tensor, ...]:
        return self.network.unfold(codes, factors)

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        shape = self.network.shape
        return (torch.rand(50, shape.code_width), torch.rand(50, shape.blocks)), \
            ({0: "codes"}, {0: "codes"})


class DecodeGraph(Exportable):
    """NeumapNetwork.decode; the number of keypoints and of codes may vary."""

    output_names = ("coordinates", "confidence", "voxel")

    def __init__(self, network: NeumapNetwork):
        super().__init__()
        self.network = network
        s = network.shape
        self.input_shapes = {
            "descriptors": (-1, s.descriptor), "codes": (-1, s.code_width),
            "keys": (s.blocks, -1, s.width), "values": (s.blocks, -1, s.width),
            "positions": (-1, 3), "voxels": (-1,), "side": (1,)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.network.decode(*inputs)[:3]

    def examples(self) -> tuple[tuple[Tensor, ...], tuple[dict[int, str], ...]]:
        s, n, m = self.network.shape, 40, 50
        return (torch.rand(n, s.descriptor), torch.rand(m, s.code_width),
                torch.rand(s.blocks, m, s.width), torch.rand(s.blocks, m, s.width),
                torch.rand(m, 3), torch.arange(m) // 10, torch.ones(1)), \
            ({0: "keypoints"}, {0: "codes"}, {1: "codes"}, {1: "codes"}, {0: "codes"},
             {0: "codes"}, {})


def save_network(network: FeatureNetwork | NeumapNetwork, sizes: dict[str, int],
                 path: Path) -> None:
    """NAME.safetensors with the sizes it was made of."""
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    data = save(weights, {"sizes": json.dumps(sizes)})
    with writing(path, len(data)):
        Writer().write(path, data)


def open_network(name: str, weights: Path | None = None) -> FeatureNetwork | NeumapNetwork:
    """The torch network called "features", "neumap" or "neumap-sift", ready to run."""
    path = find(f"{name}.safetensors", weights)
    try:
        with safe_open(path, "pt") as file:
            sizes = json.loads((file.metadata() or {})["sizes"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network = (FeatureNetwork(**sizes) if name.startswith("features")
                   else NeumapNetwork(NeumapShape(**sizes)))
        network.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:120]
        raise NmapError(f"network {path}: not weights of {name} ({reason}); train it again, or "
                        "install the package again") from error
    return network.eval()


def load_network(graph: str, weights: Path | None = None) -> Exportable:
    """The graph "features", "NAME-unfold" or "NAME-decode"."""
    if graph.endswith(("-unfold", "-decode")):
        network = open_network(graph.rsplit("-", 1)[0], weights)
        assert isinstance(network, NeumapNetwork)
        return (UnfoldGraph if graph.endswith("-unfold") else DecodeGraph)(network).eval()
    network = open_network(graph, weights)
    assert isinstance(network, FeatureNetwork)
    return FeatureGraph(network).eval()


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
