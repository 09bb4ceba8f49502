"""rclpy.executors: who runs the callbacks of nodes, and in which threads."""

# ruff: noqa: N818 (exceptions with the names that the real ones have)

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rclpy._work_queue import WorkQueue
from rclpy.context import Context
from rclpy.task import Future, Task
from rclpy.utilities import get_default_context

if TYPE_CHECKING:
    from rclpy.node import Node


class TimeoutException(Exception):
    """Nothing to do within the time."""


class ShutdownException(Exception):
    """The executor is shut down."""


class ExternalShutdownException(Exception):
    """The context is shut down: by a signal or by another thread."""


class ConditionReachedException(Exception):
    """What was waited for has come."""


class Executor:
    """What executors share."""

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = get_default_context() if context is None else context
        self._nodes: set[Node] = set()
        self._nodes_lock = threading.RLock()
        self._queue = WorkQueue()
        self._is_shutdown = False
        self._working: list[int] = []  # identities of the threads that run a callback now
        self._work_ended = threading.Condition()
        self._context._wake_at_shutdown(self.wake)

    @property
    def context(self) -> Context:
        return self._context

    def create_task(self, callback: Callable[..., Any] | Any, *args: Any, **kwargs: Any) -> Task:
        """A function, coroutine function or coroutine to run while spinning."""
        task = Task(callback, args, kwargs, executor=self)
        self._queue.add(task)
        return task

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """No more callbacks; False where those that run do not end in time (None: however long).

        A callback that calls this is not waited for.
        """
        self._is_shutdown = True
        self.wake()
        own = threading.get_ident()
        timeout = None if timeout_sec is None or timeout_sec < 0 else timeout_sec
        with self._work_ended:
            if not self._work_ended.wait_for(
                    lambda: all(ident == own for ident in self._working), timeout):
                return False
        with self._nodes_lock:
            self._nodes.clear()
        self._queue.clear()
        return True

    def add_node(self, node: Node) -> bool:
        """Takes over the node's callbacks; False where they are already here."""
        with self._nodes_lock:
            if node in self._nodes:
                return False
            self._nodes.add(node)
        node.executor = self
        self.wake()
        return True

    def remove_node(self, node: Node) -> None:
        """The end of it; a node that is not here is ignored."""
        with self._nodes_lock:
            self._nodes.discard(node)
        self.wake()

    def get_nodes(self) -> list[Node]:
        """The nodes whose callbacks run here."""
        with self._nodes_lock:
            return list(self._nodes)

    def wake(self) -> None:
        """Looks for work again: something has changed."""
        self._queue.news.set()

    def spin(self) -> None:
        """Runs callbacks until the executor or its context is shut down."""
        while self._context.ok() and not self._is_shutdown:
            self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Waits for one callback (None, negative: however long) and runs it."""
        self._spin_once(timeout_sec, lambda: False)

    def spin_until_future_complete(self, future: Future,
                                   timeout_sec: float | None = None) -> None:
        """Runs callbacks until the future is done or cancelled, or the time is over."""
        self._wake_when_done(future)
        end = _end(timeout_sec)
        while self._context.ok() and not self._is_shutdown and not _over(future):
            left = None if end is None else max(0.0, end - time.monotonic())
            self._spin_once(left, lambda: _over(future))
            if end is not None and time.monotonic() >= end:
                return

    def _wake_when_done(self, future: Future) -> None:
        if isinstance(future, Future):
            future._add_waker(self.wake)
        else:
            future.add_done_callback(lambda _: self.wake())

    def _spin_once(self, timeout_sec: float | None, condition: Callable[[], bool]) -> None:
        raise NotImplementedError()

    def _has_capacity(self) -> bool:
        """Says whether a thread is free to run a callback."""
        return True

    def _wait_for_task(self, timeout_sec: float | None, condition: Callable[[], bool]) -> Task:
        """The next task; raises one of this module's exceptions where else comes first."""
        end = _end(timeout_sec)
        while True:
            self._queue.news.clear()  # before looking: what comes meanwhile ends the wait
            if self._is_shutdown:
                raise ShutdownException()
            if not self._context.ok():
                raise ExternalShutdownException()
            if condition():
                raise ConditionReachedException()
            task, patience = self._queue.next(self, self.get_nodes) if self._has_capacity() \
                else (None, None)
            if task is not None:
                return task
            if end is not None:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutException()
                patience = left if patience is None else min(left, patience)
            self._queue.news.wait(patience)

    def _execute(self, task: Task) -> None:
        """Runs a task, or a coroutine up to its next await."""
        with self._work_ended:
            self._working.append(threading.get_ident())
        try:
            task()
        finally:
            with self._work_ended:
                self._working.remove(threading.get_ident())
                self._work_ended.notify_all()
        if not task.done():
            self._queue.suspend(task)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


class SingleThreadedExecutor(Executor):
    """Runs callbacks in the thread that spins."""

    def _spin_once(self, timeout_sec: float | None, condition: Callable[[], bool]) -> None:
        try:
            task = self._wait_for_task(timeout_sec, condition)
        except (ShutdownException, TimeoutException, ConditionReachedException):
            return
        self._execute(task)
        if task.done():
            task.result()  # raises what the callback raised


class MultiThreadedExecutor(Executor):
    """Runs callbacks in a pool of threads; work is taken only when a thread is free for it."""

    def __init__(self, num_threads: int | None = None, *, context: Context | None = None) -> None:
        """num_threads: as many as the process has CPUs unless given."""
        super().__init__(context=context)
        if num_threads is None:
            num_threads = len(os.sched_getaffinity(0))
        if num_threads == 1:
            warnings.warn("MultiThreadedExecutor is used with a single thread.\n"
                          "Use the SingleThreadedExecutor instead.", stacklevel=2)
        self._num_threads = num_threads
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="rclpy")
        self._running = 0
        self._running_lock = threading.Lock()
        self._failed: deque[Task] = deque()

    def _has_capacity(self) -> bool:
        return self._running < self._num_threads

    def _spin_once(self, timeout_sec: float | None, condition: Callable[[], bool]) -> None:
        try:
            task = self._wait_for_task(timeout_sec, lambda: bool(self._failed) or condition())
        except ConditionReachedException:
            if self._failed:
                self._failed.popleft().result()  # raises what the callback raised
        except (ExternalShutdownException, ShutdownException, TimeoutException):
            return
        else:
            self._count(1)
            self._pool.submit(self._execute_in_pool, task)

    def _execute_in_pool(self, task: Task) -> None:
        try:
            self._execute(task)
            if task.done() and task._exception is not None:
                self._failed.append(task)
        finally:
            self._count(-1)
            self.wake()

    def _count(self, change: int) -> None:
        with self._running_lock:
            self._running += change

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """See Executor.shutdown."""
        finished = super().shutdown(timeout_sec)
        self._pool.shutdown(wait=False)
        return finished


def _over(future: Future) -> bool:
    return future.done() or future.cancelled()


def _end(timeout_sec: float | None) -> float | None:
    """When a wait ends, on time.monotonic(); None: never."""
    return None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
