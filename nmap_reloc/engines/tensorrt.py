"""Networks by TensorRT 10 with pycuda: the only file that imports either.

Written to the Python API of TensorRT 10.3 (JetPack 6.1) and pycuda 2022.1 or newer. CUDA graphs
come from the driver itself (cuda_graphs.py): pycuda wraps no stream capture.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.base import Arrays, EngineError
from nmap_reloc.engines.buffers import Holdings, Tensor, active, on_device, primary_context
from nmap_reloc.engines.cuda_graphs import recorded
from nmap_reloc.engines.device import DeviceThread
from nmap_reloc.engines.shapes import Profile, check_range
from nmap_reloc.errors import one_line

OLDEST, NEXT = (10, 3), (11, 0)
Result = TypeVar("Result")
log = logging.getLogger(__name__)


def libraries() -> tuple[Any, Any]:
    """tensorrt and pycuda.driver, initialised. EngineError: not here, or of another version."""
    try:
        import pycuda.driver as cuda
        import tensorrt as trt
    except (ImportError, OSError) as error:
        raise EngineError(f"backend tensorrt: {one_line(error)}; install TensorRT 10.3 or newer "
                           "and pycuda, or choose the onnx backend") from error
    version = tuple(int(part) for part in trt.__version__.split(".")[:2])
    if not OLDEST <= version < NEXT:
        raise EngineError(f"backend tensorrt: TensorRT {trt.__version__} is installed, 10.3 or a "
                           "later 10 is needed; install it, or choose the onnx backend")
    try:
        cuda.init()
    except cuda.Error as error:
        raise EngineError(f"backend tensorrt: no CUDA device ({one_line(error)}); choose the "
                           "onnx backend") from error
    return trt, cuda


def device_facts() -> dict[str, str]:
    """What a plan is bound to besides its network. EngineError: see libraries."""
    trt, cuda = libraries()
    device = cuda.Device(0)
    return {"tensorrt": trt.__version__, "device": device.name(),
            "capability": ".".join(str(part) for part in device.compute_capability())}


@cache
def logger_of(trt: Any) -> Any:
    """Sends TensorRT's messages to logging and remembers the last error of each thread.

    One for the process: TensorRT goes on using the first that it was given.
    """
    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: dict[int, str] = {}

        def log(self, severity: Any, msg: str) -> None:
            bad = severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR)
            if bad:
                self.errors[threading.get_ident()] = one_line(msg)
            log.log(logging.WARNING if bad else logging.DEBUG, "TensorRT: %s", msg)

        def start(self) -> None:
            self.errors.pop(threading.get_ident(), None)

        def said(self) -> str:
            error = self.errors.get(threading.get_ident())
            return f" [TensorRT: {error}]" if error else ""
    return Log()


class TensorrtEngine:
    """A deserialised plan in the device thread; any thread may call it."""

    backend = "tensorrt"

    def __init__(self, network: str, plan: bytes, thread: DeviceThread, reason: str = "") -> None:
        """EngineError: TensorRT does not take the plan, or there is no memory."""
        self._network, self._thread, self.reason = network, thread, reason
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._ranges: Profile = {}
        self._bound, self._plain_runs = False, 0
        thread.call(lambda: self._start(plan))
        self.dtypes: dict[str, npt.DTypeLike] = {
            t.name: t.dtype for t in self._held.tensors.values() if t.is_input}
        self._close = thread.own(self, self._held.release)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        return self._thread.call(lambda: self.run(inputs))

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The same for who is in the device thread already. NmapError: who is not."""
        self._thread.check(f"engine {self._network}")
        if self._held.plan is None:
            raise EngineError(f"engine {self._network}: it was closed; open it again")
        given = {name: np.ascontiguousarray(inputs[name], dtype)
                 for name, dtype in self.dtypes.items()}
        for name, array in given.items():
            check_range(self._network, name, array.shape, self._ranges[name])
        return self._guarded(lambda: self._run(given))

    def close(self) -> None:
        self._thread.call(self._close)

    def _start(self, plan: bytes) -> None:
        self._trt, self._cuda = libraries()
        self._logger = logger_of(self._trt)
        self._held = Holdings(self._cuda, primary_context(self._cuda))
        try:
            self._guarded(lambda: self._open(plan))
        except BaseException:
            self._held.release()
            raise

    def _open(self, plan: bytes) -> None:
        trt, held = self._trt, self._held
        runtime = trt.Runtime(self._logger)
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise self._failed("TensorRT does not take the plan; build it again")
        context = engine.create_execution_context(
            trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        if context is None:
            raise self._failed("TensorRT can't prepare to run the plan; free device memory")
        held.plan, held.stream = (runtime, engine, context), self._cuda.Stream()
        for i in range(engine.num_io_tensors):
            name = engine.get_tensor_name(i)
            is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            held.tensors[name] = Tensor(name, trt.nptype(engine.get_tensor_dtype(name)), is_input)
            if is_input:
                self._shapes[name] = tuple(engine.get_tensor_shape(name))
                least, usual, most = engine.get_tensor_profile_shape(name, 0)
                self._ranges[name] = (tuple(least), tuple(usual), tuple(most))

    def _run(self, given: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        cuda, stream, tensors = self._cuda, self._held.stream, self._held.tensors
        if not self._bound or any(tensors[n].shape != a.shape for n, a in given.items()):
            self._bind(given)
        for name, array in given.items():
            tensor = tensors[name]
            if tensor.sent is not None and tensor.sent is array:
                continue
            source = on_device(array)
            if source is not None:  # what another engine gave need not come from the host
                cuda.memcpy_dtod_async(tensor.device, source.device, array.nbytes, stream)
            else:
                np.copyto(tensor.array, array)
                cuda.memcpy_htod_async(tensor.device, tensor.bytes, stream)
            tensor.sent = None if array.flags.writeable else array
        made = [tensor for tensor in tensors.values() if not tensor.is_input]
        for tensor in made:
            tensor.forget()
        self._enqueue()
        for tensor in made:
            cuda.memcpy_dtoh_async(tensor.bytes, tensor.device, stream)
        stream.synchronize()
        return {tensor.name: tensor.give() for tensor in made}

    def _enqueue(self) -> None:
        """By a graph from the second run of the same shapes on: in the first one TensorRT does
        what it has put off until then, as its guide says, and that must not be recorded."""
        held, stream = self._held, self._held.stream.handle

        def plain() -> bool:
            return bool(held.plan[2].execute_async_v3(stream))
        self._plain_runs += 1
        if self._plain_runs == 2:
            held.graph = recorded(stream, plain, self._network)
        if held.graph is not None:
            held.graph.launch(stream)
        elif not plain():
            raise self._failed("TensorRT could not run it; restart the program")

    def _bind(self, given: dict[str, npt.NDArray[Any]]) -> None:
        """Shapes, memory and addresses: once, until a shape changes."""
        held, context = self._held, self._held.plan[2]
        self._bound, self._plain_runs = False, 0
        held.drop_graph()
        for name, array in given.items():
            if not context.set_input_shape(name, array.shape):
                raise self._failed(f"TensorRT refuses {name} of shape {array.shape}; build the "
                                   "plan again")
            held.tensors[name].fit(self._cuda, array.shape)
        missing = context.infer_shapes()
        if missing:
            raise self._failed(f"shapes of {', '.join(missing)} can't be told; build it again")
        held.fit_scratch(context.update_device_memory_size_for_shapes())
        if held.scratch is not None:
            context.set_device_memory(int(held.scratch), held.scratch_bytes)
        for tensor in held.tensors.values():
            if not tensor.is_input:
                tensor.fit(self._cuda, tuple(context.get_tensor_shape(tensor.name)))
            if not context.set_tensor_address(tensor.name, int(tensor.device)):
                raise self._failed(f"TensorRT refuses the memory of {tensor.name}; report it")
        self._bound = True

    def _guarded(self, work: Callable[[], Result]) -> Result:
        """In the context; whatever TensorRT and CUDA report becomes EngineError."""
        self._logger.start()
        try:
            with active(self._held.context):
                return work()
        except self._cuda.MemoryError as error:
            raise self._failed(f"the GPU has no memory left ({one_line(error)}); close what else "
                               "uses it, or load fewer tiles") from error
        except (self._cuda.Error, RuntimeError, TypeError, AttributeError) as error:
            raise self._failed(f"{type(error).__name__}: {one_line(error)}; restart the program, "
                               "or choose the onnx backend") from error

    def _failed(self, what: str) -> EngineError:
        self._bound = False
        return EngineError(f"engine {self._network}: {what}{self._logger.said()}")
