"""One thread that owns the GPU: its context, its memory and all engines in it.

CUDA contexts are current per thread, and pycuda frees memory only in the thread that took it.
So every engine lives here, and whoever calls one waits for this thread.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from nmap_reloc.errors import NmapError

EXIT_SECONDS = 5.0
Result = TypeVar("Result")
_Job = tuple[Callable[[], Any], Future[Any]]


class DeviceThread:
    """Runs one function after the other. A daemon: it never keeps a program from ending."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        self._owned: dict[weakref.finalize[Any, Any], Callable[[], None]] = {}
        # Daemons still run then: the time to give device memory back.
        atexit.register(self._exit)

    def call(self, function: Callable[[], Result]) -> Result:
        """Its result or error; at once when called from the thread itself."""
        if threading.current_thread() is self._thread:
            return function()
        future: Future[Result] = Future()
        self._jobs.put((function, future))
        return future.result()

    def check(self, what: str) -> None:
        """NmapError: the caller is another thread."""
        if threading.current_thread() is not self._thread:
            raise NmapError(f"{what}: called from thread {threading.current_thread().name}, but "
                            f"its device memory belongs to {self.name}; call the engine, or use "
                            "DeviceThread.call")

    def own(self, owner: object, release: Callable[[], None]) -> Callable[[], object]:
        """Calls release in this thread once: when what it gives is called there, when nothing
        refers to owner any more, or when the program ends. release must not refer to owner."""
        def later() -> None:
            if threading.current_thread() is self._thread:
                release()
            else:  # whoever lost the last reference may hold locks: nobody waits
                self._jobs.put((release, Future()))
        finalizer = weakref.finalize(owner, later)
        finalizer.atexit = False  # _exit does it, and waits
        self._owned = {f: r for f, r in self._owned.items() if f.alive} | {finalizer: release}
        return finalizer

    def _exit(self) -> None:
        for finalizer, release in self._owned.items():
            if finalizer.alive:
                self._jobs.put((release, Future()))
        self._jobs.put(None)
        self._thread.join(EXIT_SECONDS)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, future = job
            try:
                result = function()
            except BaseException as error:  # belongs to who waits
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, function, future  # an idle thread holds nothing


_lock = threading.Lock()
_thread: DeviceThread | None = None


def device_thread() -> DeviceThread:
    """The one of this process."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = DeviceThread("nmap_reloc-device")
        return _thread
