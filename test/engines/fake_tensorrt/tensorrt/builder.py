"""From an ONNX file to a plan."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import documented as signatures
import onnx
from fake_gpu import gpu

CLASSES: dict[str, Any] = {}
documented = signatures.documented(CLASSES)
enum = signatures.enum
BuilderFlag, MemoryPoolType = enum("BuilderFlag"), enum("MemoryPoolType")
LayerType, DataType = enum("LayerType"), enum("DataType")
CLASSES.update(BuilderFlag=BuilderFlag, MemoryPoolType=MemoryPoolType, DataType=DataType)
KINDS = {onnx.TensorProto.FLOAT: DataType.FLOAT, onnx.TensorProto.FLOAT16: DataType.HALF,
         onnx.TensorProto.INT64: DataType.INT64,
         onnx.TensorProto.BOOL: DataType.BOOL, onnx.TensorProto.INT32: DataType.INT32}
OPERATORS = {line.split()[0]: set(line.split()[1:]) for line in
             (Path(__file__).parent.parent / "operators.txt").read_text("utf-8").splitlines()
             if line and not line.startswith("#")}
LAYERS = {"TopK": "TOPK", "Conv": "CONVOLUTION", "MatMul": "MATRIX_MULTIPLY", "Gemm":
          "MATRIX_MULTIPLY", "LayerNormalization": "NORMALIZATION", "Gather": "GATHER",
          "Cast": "CAST"}
MAGIC = b"a plan of the double\n"


def _made(cls: type) -> Any:
    return object.__new__(cls)


@documented
class ILogger:
    Severity = enum("ILogger.Severity")
    INTERNAL_ERROR, ERROR = Severity.INTERNAL_ERROR, Severity.ERROR
    WARNING, INFO, VERBOSE = Severity.WARNING, Severity.INFO, Severity.VERBOSE

    def __init__(self) -> None:
        self._made = True


_first: list[ILogger] = []


def tell(logger: ILogger, severity: Any, message: str) -> None:
    """To the first logger of the process, as TensorRT does."""
    _first[:] = _first or [logger]
    logger = _first[0]
    if not getattr(logger, "_made", False):
        raise TypeError("ILogger.__init__() must be called when overriding __init__")
    logger.log(severity, message)


@documented
class Dims:
    def __init__(self, shape: list[int] = ()) -> None:
        self._sizes = tuple(shape)

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, arg0: Any) -> Any:
        return self._sizes[arg0]


@documented
class ITensor:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def shape(self) -> Dims:
        return Dims(self._shape)

    @shape.setter
    def shape(self, value: Any) -> None:
        self._shape = list(value)

    @property
    def dtype(self) -> Any:
        return self._dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        self._dtype = value


@documented
class ILayer:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def type(self) -> Any:
        return self._type

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_input(self, index: int) -> ITensor | None:
        return self._inputs[index] if index < len(self._inputs) else None

    def get_output(self, index: int) -> ITensor | None:
        return self._outputs[index] if index < len(self._outputs) else None

    @property
    def precision(self) -> Any:
        return self._precision

    @precision.setter
    def precision(self, value: Any) -> None:
        if not isinstance(value, DataType):
            raise TypeError("(): incompatible function arguments")
        self._precision = value

    def set_output_type(self, index: int, dtype: Any) -> None:
        if self._type is LayerType.CAST:
            raise RuntimeError("a cast has the type that it casts to")
        if self._type is LayerType.TOPK and index == 1:
            raise RuntimeError("the indices of a TopK layer have a type of their own")
        self._exact.add(self._outputs[index]._name)


@documented
class INetworkDefinition:
    _model: onnx.ModelProto | None = None

    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_layer(self, index: int) -> ILayer:
        return self._layers[index]


@documented
class ParserError:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def desc(self) -> str:
        return self._text


@documented
class OnnxParser:
    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        self._network, self._logger, self._errors = network, logger, []

    def parse(self, model: bytes, path: str | None = None) -> bool:
        try:
            proto = onnx.shape_inference.infer_shapes(onnx.load(io.BytesIO(model)))
        except Exception:
            return self._fail("ModelImporter: the model could not be parsed")
        kinds = {v.name: v.type.tensor_type.elem_type for v in
                 [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]}
        kinds |= {i.name: i.data_type for i in proto.graph.initializer}
        for node in proto.graph.node:
            kind = onnx.TensorProto.DataType.Name(kinds[node.output[0]])
            if "parse" in gpu.faults or node.op_type not in OPERATORS or (
                    node.op_type not in ("Shape", "Equal", "Greater", "LessOrEqual", "ArgMax")
                    and kind not in OPERATORS[node.op_type]):
                return self._fail(f"In node {node.name} ({node.op_type}): UNSUPPORTED_NODE: "
                                  f"{kind} is not supported")
        _fill(self._network, proto, kinds)
        return True

    def _fail(self, text: str) -> bool:
        error = _made(ParserError)
        error._text = text
        self._errors.append(error)
        tell(self._logger, ILogger.ERROR, text)
        return False

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]


def _fill(network: INetworkDefinition, proto: onnx.ModelProto, kinds: dict[str, int]) -> None:
    tensors: dict[str, ITensor] = {}

    def tensor(name: str) -> ITensor:
        if name not in tensors:
            tensors[name] = _made(ITensor)
            tensors[name]._name, tensors[name]._dtype = name, KINDS[kinds[name]]
        return tensors[name]
    for value in proto.graph.input:
        given = tensor(value.name)
        given._shape = [d.dim_value if d.HasField("dim_value") else -1
                        for d in value.type.tensor_type.shape.dim]
        network._inputs.append(given)
    for node in proto.graph.node:
        layer = _made(ILayer)
        kind = "REDUCE" if node.op_type.startswith("Reduce") else LAYERS.get(
            node.op_type, "ELEMENTWISE")
        layer._name, layer._type, layer._exact = node.name, LayerType[kind], network._exact
        layer._inputs = [tensor(name) if name else None for name in node.input]
        layer._outputs = [tensor(name) for name in node.output]
        network._layers.append(layer)
    network._model = proto


@documented
class IOptimizationProfile:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        if not len(min) == len(opt) == len(max) or any(
                not 0 <= a <= b <= c for a, b, c in zip(min, opt, max, strict=True)):
            raise RuntimeError("Shape provided for min is inconsistent with other shapes.")
        self._shapes[input] = [list(min), list(opt), list(max)]


@documented
class IProgressMonitor:
    def __init__(self) -> None:
        self._made = True


@documented
class IInt8EntropyCalibrator2:
    def __init__(self) -> None:
        self._made = True


@documented
class IBuilderConfig:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pools[pool] = pool_size

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def set_flag(self, flag: Any) -> None:
        self._flags.add(flag)

    def set_calibration_profile(self, profile: IOptimizationProfile) -> bool:
        self._calibration = profile
        return True

    @property
    def progress_monitor(self) -> Any:
        return self._monitor

    @progress_monitor.setter
    def progress_monitor(self, value: Any) -> None:
        if not (isinstance(value, IProgressMonitor) and getattr(value, "_made", False)):
            raise TypeError("(): incompatible function arguments")
        self._monitor = value

    @property
    def int8_calibrator(self) -> Any:
        return self._calibrator

    @int8_calibrator.setter
    def int8_calibrator(self, value: Any) -> None:
        if not (isinstance(value, IInt8EntropyCalibrator2) and getattr(value, "_made", False)):
            raise TypeError("(): incompatible function arguments")
        self._calibrator = value


@documented
class IHostMemory:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def __buffer__(self, flags: int) -> memoryview:
        return memoryview(self._data)

    def __bytes__(self) -> bytes:  # Python < 3.12 knows no __buffer__
        return self._data

    @property
    def nbytes(self) -> int:
        return len(self._data)


@documented
class Builder:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger
        tell(logger, ILogger.INFO, "the double builds")

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        made = _made(INetworkDefinition)
        made._inputs, made._layers, made._exact = [], [], set()
        return made

    def create_builder_config(self) -> IBuilderConfig:
        made = _made(IBuilderConfig)
        made._pools, made._profiles, made._flags = {}, [], set()
        made._monitor = made._calibrator = made._calibration = None
        return made

    def create_optimization_profile(self) -> IOptimizationProfile:
        made = _made(IOptimizationProfile)
        made._shapes = {}
        return made

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig
                                 ) -> IHostMemory | None:
        gpu.builds += 1
        shapes = config._profiles[0]._shapes if config._profiles else {}
        missing = [t._name for t in network._inputs if -1 in t._shape and t._name not in shapes]
        if network._model is None or missing:
            tell(self._logger, ILogger.ERROR, f"{missing}: dynamic, but no profile")
            return None
        if not self._phases(config) or "build" in gpu.faults:
            tell(self._logger, ILogger.ERROR, "Error Code 10: Could not find any implementation")
            return None
        if BuilderFlag.INT8 in config._flags and not self._calibrate(network, config):
            return None
        gpu.exact[network._inputs[0]._name] = set(network._exact)
        made = _made(IHostMemory)
        head = {"version": gpu.version, "device": gpu.name, "shapes": shapes,
                "flags": sorted(flag.name for flag in config._flags)}
        made._data = MAGIC + json.dumps(head).encode() + b"\n" + network._model.SerializeToString()
        return made

    def _phases(self, config: IBuilderConfig) -> bool:
        if config._monitor is None:
            return True
        config._monitor.phase_start("Building", None, 2)
        going = all(config._monitor.step_complete("Building", step) for step in range(2))
        config._monitor.phase_finish("Building")
        return going

    def _calibrate(self, network: INetworkDefinition, config: IBuilderConfig) -> bool:
        calibrator, names = config._calibrator, [t._name for t in network._inputs]
        if calibrator is None or config._calibration is None:
            tell(self._logger, ILogger.ERROR, "INT8 without calibrator or calibration profile")
            return False
        assert calibrator.get_batch_size() == 1
        calibrator.read_calibration_cache()
        while (pointers := calibrator.get_batch(names)) is not None:
            for name, pointer in zip(names, pointers, strict=True):
                size = 4
                for length in config._calibration._shapes[name][1]:
                    size *= length
                if gpu.span(pointer, size) is None:
                    tell(self._logger, ILogger.ERROR, f"calibration of {name}: illegal address")
                    return False
            gpu.calibrated += 1
        calibrator.write_calibration_cache(b"scales")
        return gpu.calibrated > 0
