"""From a plan to outputs."""

from __future__ import annotations

import json
from typing import Any

import documented as signatures
import numpy as np
import onnx
import onnxruntime
from fake_gpu import gpu
from pycuda import driver

from tensorrt.builder import CLASSES, KINDS, MAGIC, DataType, Dims, ILogger, documented, tell

ExecutionContextAllocationStrategy = signatures.enum("ExecutionContextAllocationStrategy")
TensorIOMode = signatures.enum("TensorIOMode")
CLASSES.update(ExecutionContextAllocationStrategy=ExecutionContextAllocationStrategy,
               TensorIOMode=TensorIOMode)
NUMPY = {DataType.FLOAT: np.float32, DataType.HALF: np.float16,
         DataType.INT64: np.int64, DataType.BOOL: np.bool_}


@documented
class Runtime:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        data = bytes(serialized_engine)
        head, _, model = data[len(MAGIC):].partition(b"\n")
        try:
            known = json.loads(head)
            fits = (known["version"], known["device"]) == (gpu.version, gpu.name)
            assert data.startswith(MAGIC) and fits and "deserialise" not in gpu.faults
            proto = onnx.load_from_string(model)
        except Exception:
            tell(self._logger, ILogger.ERROR, "Serialization assertion failed: version or device")
            return None
        engine = object.__new__(ICudaEngine)
        engine._logger, engine._shapes = self._logger, known["shapes"]
        engine._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        engine._tensors = {v.name: v for v in [*proto.graph.input, *proto.graph.output]}
        engine._known = {}  # shapes of the inputs -> of the outputs
        engine._inputs = [v.name for v in proto.graph.input]
        return engine


@documented
class ICudaEngine:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self._tensors)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> Any:
        return KINDS[self._tensors[name].type.tensor_type.elem_type]

    def get_tensor_shape(self, name: str) -> Dims:
        return Dims([d.dim_value if d.HasField("dim_value") else -1
                     for d in self._tensors[name].type.tensor_type.shape.dim])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        return [Dims(shape) for shape in self._shapes[name]]

    def create_execution_context(self, strategy: Any = None) -> IExecutionContext | None:
        if "execution context" in gpu.faults:
            tell(self._logger, ILogger.ERROR, "Error Code 2: OutOfMemory")
            return None
        context = object.__new__(IExecutionContext)
        context._engine, context._given, context._addresses = self, {}, {}
        context._own = strategy is ExecutionContextAllocationStrategy.USER_MANAGED
        context._scratch, context._outputs = (0, 0), {}
        return context


@documented
class IExecutionContext:
    def __init__(self) -> None:
        raise TypeError("No constructor defined!")

    def _complain(self, text: str) -> bool:
        tell(self._engine._logger, ILogger.ERROR, text)
        return False

    def set_input_shape(self, name: str, shape: Any) -> bool:
        least, _, most = self._engine._shapes[name]
        if len(shape) != len(least) or any(not low <= size <= high for low, size, high
                                           in zip(least, shape, most, strict=True)):
            return self._complain(f"{name}: {shape} is not in the profile")
        self._given[name], self._outputs = tuple(shape), {}
        return True

    def infer_shapes(self) -> list[str]:
        missing = [name for name in self._engine._inputs if name not in self._given]
        if not missing:
            self._outputs = self._infer()
        return missing

    def _infer(self) -> dict[str, tuple[int, ...]]:
        """Our networks' outputs are sized by their inputs alone: one run with zeros tells.

        Axes of one name must be of one size.
        """
        sizes: dict[str, int] = {}
        for name, shape in self._given.items():
            dims = self._engine._tensors[name].type.tensor_type.shape.dim
            for dim, size in zip(dims, shape, strict=True):
                if dim.dim_param and sizes.setdefault(dim.dim_param, size) != size:
                    raise RuntimeError(f"shape inference failed: {dim.dim_param} is {size} in "
                                       f"{name}, {sizes[dim.dim_param]} before")
        asked = tuple(self._given.items())
        if asked not in self._engine._known:
            self._engine._known[asked] = self._run_zeros()
        return self._engine._known[asked]

    def _run_zeros(self) -> dict[str, tuple[int, ...]]:
        zeros = {name: np.zeros(shape, self._type(name)) for name, shape in self._given.items()}
        try:
            made = self._engine._session.run(None, zeros)
        except Exception as problem:
            raise RuntimeError(f"shape inference failed: {problem}") from problem
        names = [o.name for o in self._engine._session.get_outputs()]
        return {name: value.shape for name, value in zip(names, made, strict=True)}

    def _type(self, name: str) -> Any:
        return NUMPY[self._engine.get_tensor_dtype(name)]

    def get_tensor_shape(self, name: str) -> Dims:
        shape = self._given.get(name) or self._outputs.get(name)
        return self._engine.get_tensor_shape(name) if shape is None else Dims(list(shape))

    def update_device_memory_size_for_shapes(self) -> int:
        return 4096 + sum(4 * int(np.prod(shape)) for shape in self._given.values())

    def set_device_memory(self, memory: int, size: int) -> None:
        self._scratch = (memory, size)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if name not in self._engine._tensors:
            return self._complain(f"{name}: no such tensor")
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if gpu.real is not None:
            return gpu.real({name: (self._given.get(name) or self._outputs[name],
                                    self._type(name), self._addresses[name])
                             for name in self._engine._tensors}, stream_handle)
        driver._context("enqueue")
        if "execute" in gpu.faults:
            return self._complain("Error Code 1: Cuda Runtime (an illegal memory access)")
        needed = self.update_device_memory_size_for_shapes()
        if self._own and (self._scratch[1] < needed or gpu.span(*self._scratch) is None):
            return self._complain("no device memory was given")
        spans = {}
        for name in self._engine._tensors:
            shape = self._given.get(name, self._outputs.get(name))
            if shape is None or name not in self._addresses:
                return self._complain(f"{name}: no shape or no address")
            size = int(np.prod(shape)) * np.dtype(self._type(name)).itemsize
            spans[name] = gpu.span(self._addresses[name], size)
            if spans[name] is None:
                return self._complain(f"{name}: {size} bytes at its address are nobody's")
        gpu.streams[stream_handle].append(lambda: self._execute(spans))
        return True

    def _execute(self, spans: dict[str, np.ndarray]) -> None:
        if "context lost" in gpu.faults:
            gpu.lost = True
            raise driver.LaunchError("cuStreamSynchronize failed: unspecified launch failure")
        gpu.runs += 1
        given = {name: spans[name].view(self._type(name)).reshape(shape)
                 for name, shape in self._given.items()}
        names = [o.name for o in self._engine._session.get_outputs()]
        for name, value in zip(names, self._engine._session.run(names, given), strict=True):
            spans[name][:] = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
