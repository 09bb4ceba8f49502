"""The feature network in 8 bits for CPUs, statically quantised (QDQ), made offline.

In 8 bits are the convolutions from 1/4 of the image's size on, the turning round of their maps for
sampling, and the first layer of the descriptor. What decides where a keypoint lies to a fraction
of a pixel stays in FP32: the finest features and the score head.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.engines.base import Arrays
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.atomic import Writer, writing
from nmap_reloc.weights import content_hash, find

# Operators in 8 bits, by the part of the network that they are of. An activation that is named
# spares its convolution half of the levels: no negative number needs one.
EIGHT_BITS = {"/stage": ("Conv", "Relu"), "/spots/": ("Transpose", "Reshape"),
              "/describe.0/": ("MatMul", "Gemm")}
MADE_OF = "weights"  # metadata: the content hash of the weights it was made of
PAIRS = 12  # of simulated pictures, by world


def quantize(images: Iterable[Arrays], weights: Path | None = None) -> Path:
    """features.onnx -> features.int8.onnx beside it. images: inputs of the network to measure its
    ranges with. NmapError: no images, or the packages for it are not installed."""
    path = find("features.onnx", weights)
    try:
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise NmapError(f"quantize: {error}; pip install 'nmap_reloc[train]'") from error
    reader = _reader(images)
    with tempfile.TemporaryDirectory() as folder:
        plain, made = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(path, plain, skip_symbolic_shape=True)
        chosen = [node.name for node in onnx.load(plain).graph.node if _in_8_bits(node)]
        quantize_static(plain, made, reader, quant_format=QuantFormat.QDQ,
                        op_types_to_quantize=sorted({*chain(*EIGHT_BITS.values())}),
                        nodes_to_quantize=chosen, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        model = onnx.load(made)
    _keep_exact(model.graph)
    onnx.helper.set_model_props(model, {MADE_OF: content_hash("features", weights)})
    target, data = path.with_suffix(".int8.onnx"), model.SerializeToString()
    with writing(target, len(data)):
        Writer().write(target, data)
    return target


def _in_8_bits(node: Any) -> bool:
    return any(part in node.name and node.op_type in operators
               for part, operators in EIGHT_BITS.items())


def _keep_exact(graph: Any) -> None:
    """Where FP32 follows FP32, nothing is rounded in between for a third that takes 8 bits."""
    maker = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        rounded = maker.get(node.input[0]) if node.op_type == "Conv" else None
        if rounded is None or rounded.op_type != "DequantizeLinear" or _in_8_bits(node):
            continue
        exact = maker[rounded.input[0]].input[0]
        if not _in_8_bits(maker[exact]):
            node.input[0] = exact


def simulated_images(seed: int = 0) -> Iterator[Arrays]:
    """Pictures of simulated rooms and lanes, as inputs of the network."""
    from nmap_reloc.simulation.pairs import correspondence_pairs

    for world in ("rooms", "lane"):
        for pair in correspondence_pairs(seed, PAIRS, world):
            for image in pair[:2]:
                yield {"image": (grey(image) / np.float32(255))[None, None],
                       "slots": np.zeros(1024, np.float32)}


def grey(image: Any) -> Any:
    import cv2

    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _reader(images: Iterable[Arrays]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    every = iter(images)
    first = next(every, None)
    if first is None:
        raise NmapError("quantize: no images to measure the network's ranges with; give some")

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        rest = chain([first], every)

        def get_next(self) -> dict[str, Any] | None:
            inputs = next(self.rest, None)
            return None if inputs is None else dict(inputs)
    return Reader()
