"""The feature network in 8 bits for CPUs: statically quantised convolutions (QDQ), made offline.

What decides where a keypoint lies to a fraction of a pixel (the score head) stays in FP32, and so
does all that is no convolution.
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

EXACT = ("score", "lateral")  # parts of the network that keep FP32
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
        kept = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv"
                and any(part in node.name for part in EXACT)]
        quantize_static(plain, made, reader, quant_format=QuantFormat.QDQ,
                        op_types_to_quantize=["Conv"], nodes_to_exclude=kept, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        model = onnx.load(made)
    onnx.helper.set_model_props(model, {MADE_OF: content_hash("features", weights)})
    target, data = path.with_suffix(".int8.onnx"), model.SerializeToString()
    with writing(target, len(data)):
        Writer().write(target, data)
    return target


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
