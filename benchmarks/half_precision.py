"""Networks whose layers round to FP16 as TensorRT's would, for a CPU that has no such layers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

EXACT = {"positions"}  # inputs that must stay as they are; so what is made of them
SUMS = ("Reduce", "LpNormalization")  # these too, and all after a choice of the best (TopK)


def rounding(network: str, weights: Path, folder: Path) -> None:
    """Writes `network` of the weights into a folder, every layer's weights and results rounded to
    FP16 but those that nmap_reloc/engines/tensorrt_build.py keeps in FP32."""
    model = shape_inference.infer_shapes(onnx.load(weights / f"{network}.onnx"))
    floats = {value.name for value in model.graph.value_info
              if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    outputs = {value.name for value in model.graph.output}
    exact, nodes = set(EXACT), []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "TopK" or exact & set(node.input):
            exact.update(node.output)
            continue
        if node.op_type.startswith(SUMS):
            continue
        for name in node.input:
            if name in stored and stored[name].data_type == TensorProto.FLOAT:
                values = numpy_helper.to_array(stored[name]).astype(np.float16)
                stored[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
        for index, name in enumerate(node.output):
            if name in floats and name not in outputs:
                node.output[index] = f"{name}/exact"
                nodes += [helper.make_node("Cast", [f"{name}/exact"], [f"{name}/half"],
                                           to=TensorProto.FLOAT16),
                          helper.make_node("Cast", [f"{name}/half"], [name],
                                           to=TensorProto.FLOAT)]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / f"{network}.onnx")


def rounding_all(networks: tuple[str, ...], families: tuple[str, ...], weights: Path, folder: Path
                 ) -> Path:
    """The folder with all of these networks and their families' weights."""
    for network in networks:
        rounding(network, weights, folder)
    for family in families:
        shutil.copy(weights / f"{family}.safetensors", folder)
    return folder
