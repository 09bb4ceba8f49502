"""One thread that owns what is not thread-safe: the localizer, and with it the GPU context.

Callbacks of the executor only put things here. Of frames the newest waits, older ones give way;
control jobs (swap the map, forget the pose) come before the next frame, in order.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Worker(Generic[Item]):
    """process: what is done with each frame. on_error: gets what process raises, in this thread.

    offered, processed, failed, dropped: frames so far; offered is the sum of the other three but
    for the one that waits and the one in process.
    """

    def __init__(self, process: Callable[[Item], None], name: str,
                 on_error: Callable[[BaseException], None]) -> None:
        self._process, self._on_error = process, on_error
        self._changed = threading.Condition()
        self._slot: list[Item] = []  # one at most; a list, so that an item may be anything
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._closed = False
        self.name = name
        self.offered = self.processed = self.failed = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def offer(self, item: Item) -> Item | None:
        """Puts a frame in the slot; returns the one that had waited there and is now dropped.

        After close() it is the item itself that is dropped.
        """
        with self._changed:
            out = [item] if self._closed else self._slot
            self.offered += 1
            self.dropped += len(out)
            if not self._closed:
                self._slot = [item]
                self._changed.notify()
            return out[0] if out else None

    def call(self, function: Callable[[], Result]) -> Future[Result]:
        """Runs function in the thread, before the next frame; its result or error is the Future's.

        Called from the thread itself it runs at once. RuntimeError after close().
        """
        future: Future[Result] = Future()
        if threading.current_thread() is self._thread:
            _run_job(function, future)
            return future
        with self._changed:
            if self._closed:
                raise RuntimeError(f"worker {self.name} is closed")
            self._jobs.append((function, future))
            self._changed.notify()
        return future

    def close(self, timeout: float | None = None) -> bool:
        """Lets the current frame or job end, cancels what waits, joins; False when timeout (in
        seconds) was too short for that. May be called again, and from the thread itself."""
        with self._changed:
            self._closed = True
            self.dropped += len(self._slot)
            self._slot.clear()
            jobs, self._jobs = self._jobs, deque()
            self._changed.notify_all()
        for _, future in jobs:
            future.cancel()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._jobs or self._slot)
                if self._closed:
                    return
                job = self._jobs.popleft() if self._jobs else None
                item = [] if job else [self._slot.pop()]
            if job:
                _run_job(*job)
            else:
                self._process_one(item.pop())
            del job  # an idle thread holds no image and no map

    def _process_one(self, item: Item) -> None:
        try:
            self._process(item)
        except BaseException as error:  # whatever a frame does, the next one is looked at
            with self._changed:
                self.failed += 1
            self._report(error)
        else:
            with self._changed:
                self.processed += 1

    def _report(self, error: BaseException) -> None:
        try:
            self._on_error(error)
        except BaseException:
            logging.getLogger(__name__).exception("worker %s: on_error failed itself", self.name)


def _run_job(function: Callable[[], Result], future: Future[Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # belongs to who waits for the Future
        future.set_exception(error)
    else:
        future.set_result(result)
