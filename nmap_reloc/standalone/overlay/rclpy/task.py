"""rclpy.task: results to come, and the functions and coroutines that make them."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.executors import Executor


class Future:
    """A result to come: of a task, or of a request to a service."""

    def __init__(self, *, executor: Executor | None = None) -> None:
        self._done = False
        self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._exception_fetched = False
        self._callbacks: list[Callable[[Future], Any]] = []
        self._wakers: list[Callable[[], None]] = []  # of tasks that await this, and executors
        self._lock = threading.Lock()
        self._executor: weakref.ref[Executor] | None = None
        self._set_executor(executor)

    def __del__(self) -> None:
        if self._exception is not None and not self._exception_fetched:
            print(f"The following exception was never retrieved: {self._exception}",
                  file=sys.stderr)

    def __await__(self) -> Generator[Future, None, Any]:
        # The task that awaits learns what it waits for, so that nobody has to poll.
        while not self._done:
            yield self
        return self.result()

    def cancel(self) -> None:
        """Asks for an end without a result; a future that is done stays so."""
        with self._lock:
            if not self._done:
                self._cancelled = True
        self._schedule_or_invoke_done_callbacks()

    def cancelled(self) -> bool:
        return self._cancelled

    def done(self) -> bool:
        """Says whether there is a result or an exception."""
        return self._done

    def result(self) -> Any:
        """The result, None before there is one; raises the exception where one was set."""
        exception = self.exception()
        if exception is not None:
            raise exception
        return self._result

    def exception(self) -> BaseException | None:
        """The exception, where one was set."""
        self._exception_fetched = True
        return self._exception

    def set_result(self, result: Any) -> None:
        """Done: callbacks run, in the executor where there is one."""
        with self._lock:
            self._result = result
            self._done = True
            self._cancelled = False
        self._schedule_or_invoke_done_callbacks()

    def set_exception(self, exception: BaseException) -> None:
        """Done with a failure."""
        with self._lock:
            self._exception = exception
            self._exception_fetched = False
            self._done = True
            self._cancelled = False
        self._schedule_or_invoke_done_callbacks()

    def _schedule_or_invoke_done_callbacks(self) -> None:
        with self._lock:
            executor = self._executor() if self._executor is not None else None
            callbacks, self._callbacks = self._callbacks, []
            wakers, self._wakers = self._wakers, []
        for callback in callbacks:
            if executor is not None:
                executor.create_task(callback, self)
                continue
            try:
                callback(self)
            except Exception as error:  # the callbacks after it have a right to run
                warnings.warn(f"Unhandled exception in done callback: {error}", stacklevel=2)
        for wake in wakers:
            wake()

    def _set_executor(self, executor: Executor | None) -> None:
        with self._lock:
            self._executor = None if executor is None else weakref.ref(executor)

    def _add_waker(self, wake: Callable[[], None]) -> None:
        """wake() is called directly when this gets done or cancelled, at once where it is done."""
        with self._lock:
            if not self._done:
                self._wakers.append(wake)
                return
        wake()

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """callback(future) runs when done: in the executor, else in the thread that ends it."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
            executor = self._executor() if self._executor is not None else None
        if executor is not None:
            executor.create_task(callback, self)
        else:
            callback(self)


class Task(Future):
    """A function or coroutine that an executor runs; its outcome is the future's."""

    def __init__(self, handler: Callable[..., Any] | Any, args: Any = None, kwargs: Any = None,
                 executor: Executor | None = None) -> None:
        super().__init__(executor=executor)
        self._handler: Any = handler
        self._args = args or ()
        self._kwargs = kwargs or {}
        if inspect.iscoroutinefunction(handler):
            self._handler = handler(*self._args, **self._kwargs)
        self._executing = False
        self._task_lock = threading.Lock()
        self._awaits: Future | None = None  # what a suspended coroutine waits for

    def __call__(self) -> None:
        """Runs the function, or the coroutine up to its next suspension."""
        if self._done or not self._task_lock.acquire(blocking=False):
            return
        try:
            if self._done:
                return
            self._executing = True
            if inspect.iscoroutine(self._handler):
                self._step()
            else:
                self._run()
            self._executing = False
        finally:
            self._task_lock.release()

    def _run(self) -> None:
        try:
            self.set_result(self._handler(*self._args, **self._kwargs))
        except Exception as error:
            self.set_exception(error)
        self._forget()

    def _step(self) -> None:
        try:
            awaited = self._handler.send(None)
            self._awaits = awaited if isinstance(awaited, Future) else None
        except StopIteration as stop:
            self.set_result(stop.value)
            self._forget()
        except Exception as error:
            self.set_exception(error)
            self._forget()

    def _forget(self) -> None:
        """Frees what the arguments hold."""
        self._handler, self._args, self._kwargs = None, (), {}

    def executing(self) -> bool:
        """Says whether the task runs at this moment."""
        return self._executing
