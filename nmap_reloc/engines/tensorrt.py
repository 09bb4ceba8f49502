"""Networks by TensorRT 10 with pycuda: the only file that knows either.

Written to the Python API of TensorRT 10.3 (JetPack 6.1) and pycuda 2022.1 or newer. CUDA graphs:
pycuda wraps no stream capture (none up to 2026.1), so every frame is enqueued anew; at about
twenty calls for a network that is tens of microseconds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.base import Arrays, EngineFailed
from nmap_reloc.engines.device import DeviceThread
from nmap_reloc.engines.shapes import Profile, check_range

OLDEST = (10, 3)
log = logging.getLogger(__name__)


def libraries() -> tuple[Any, Any]:
    """tensorrt and pycuda.driver, initialised. EngineFailed: not here, or of another version."""
    try:
        import pycuda.driver as cuda
        import tensorrt as trt
    except ImportError as error:
        raise EngineFailed(f"backend tensorrt: {error}; install TensorRT 10 (JetPack 6.1 has it) "
                           "and pycuda, or choose the onnx backend") from error
    version = tuple(int(part) for part in trt.__version__.split(".")[:2])
    if not OLDEST <= version < (11, 0):
        raise EngineFailed(f"backend tensorrt: TensorRT {trt.__version__} is installed, 10.3 or a "
                           "later 10 is needed; install it, or choose the onnx backend")
    try:
        cuda.init()
    except cuda.Error as error:
        raise EngineFailed(f"backend tensorrt: no CUDA device ({error}); choose the onnx backend"
                           ) from error
    return trt, cuda


def device_facts() -> dict[str, str]:
    """What a plan is bound to besides its network. EngineFailed: see libraries."""
    trt, cuda = libraries()
    device = cuda.Device(0)
    return {"tensorrt": trt.__version__, "device": device.name(),
            "capability": ".".join(str(part) for part in device.compute_capability())}


@contextmanager
def active(context: Any) -> Iterator[None]:
    """Current in this thread only inside: pycuda aborts a program whose thread ends with one."""
    context.push()
    try:
        yield
    finally:
        context.pop()


def logger_of(trt: Any, errors: list[str]) -> Any:
    """Sends TensorRT's messages to logging; errors: collects those that say why it failed."""
    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            bad = severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR)
            if bad:
                errors.append(one_line(msg))
            log.log(logging.WARNING if bad else logging.DEBUG, "TensorRT: %s", msg)
    return Log()


def one_line(problem: object) -> str:
    return " ".join(str(problem).split())[:160]


class _Tensor:
    """An input or output: pinned host memory and device memory that only ever grow."""

    def __init__(self, name: str, dtype: Any, is_input: bool) -> None:
        self.name, self.dtype, self.is_input = name, np.dtype(dtype), is_input
        self.shape: tuple[int, ...] = ()
        self.sent: npt.NDArray[Any] | None = None  # the read-only array that lies on the device
        self.host: Any = None
        self.device: Any = None

    def fit(self, cuda: Any, shape: tuple[int, ...]) -> None:
        """Room for this shape; called only when it changes."""
        self.shape, self.sent = shape, None
        needed = max(1, int(np.prod(shape))) * self.dtype.itemsize
        if self.host is None or self.host.nbytes < needed:
            self.free()
            room = needed + needed // 4
            self.host = cuda.pagelocked_empty(room, np.uint8)
            self.device = cuda.mem_alloc(room)

    def view(self) -> npt.NDArray[Any]:
        """The pinned memory as this tensor."""
        count = int(np.prod(self.shape)) * self.dtype.itemsize
        viewed: npt.NDArray[Any] = self.host[:count].view(self.dtype).reshape(self.shape)
        return viewed

    def free(self) -> None:
        if self.device is not None:
            self.device.free()
        self.host = self.device = None


class TensorrtEngine:
    """A deserialised plan in the device thread; any thread may call it."""

    backend = "tensorrt"

    def __init__(self, network: str, plan: bytes, ranges: Profile, thread: DeviceThread):
        """EngineFailed: TensorRT does not take the plan, or there is no memory."""
        self._network, self._ranges, self._thread = network, ranges, thread
        self._errors: list[str] = []
        self._tensors: dict[str, _Tensor] = {}
        self._engine: Any = None
        self._scratch: Any = None  # what TensorRT works in, sized for the shapes at hand
        self._scratch_bytes = 0
        self._bound = False
        self.reason = ""
        thread.call(lambda: self._guarded(lambda: self._open(plan)))
        thread.at_exit(self.close)

    @property
    def dtypes(self) -> dict[str, npt.DTypeLike]:
        return {t.name: t.dtype for t in self._tensors.values() if t.is_input}

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        return self._thread.call(lambda: self.run(inputs))

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The same for callers that are in the device thread. NmapError: they are not."""
        self._thread.check(f"engine {self._network}")
        if self._engine is None:
            raise EngineFailed(f"engine {self._network}: it was closed; open it again")
        given = {t.name: np.ascontiguousarray(inputs[t.name], t.dtype)
                 for t in self._tensors.values() if t.is_input}
        for name, array in given.items():
            check_range(self._network, name, array.shape, self._ranges[name])
        return self._guarded(lambda: self._run(given))

    def close(self) -> None:
        self._thread.forget(self.close)
        self._thread.call(self._close)

    def _guarded(self, work: Callable[[], Result]) -> Result:
        """In the context; what TensorRT and CUDA report becomes EngineFailed."""
        trt, cuda = self._trt, self._cuda = libraries()
        self._errors.clear()
        if self._engine is None:
            self._context = cuda.Device(0).retain_primary_context()
        try:
            with active(self._context):
                return work()
        except cuda.MemoryError as error:
            raise self._failed("the GPU has no memory left; close what else uses it, or load "
                               "fewer tiles", error) from error
        except (cuda.Error, RuntimeError) as error:
            raise self._failed("the GPU reports an error; restart the program", error) from error
