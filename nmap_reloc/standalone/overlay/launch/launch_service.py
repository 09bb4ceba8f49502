"""Runs launch descriptions."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from launch.event import Event
from launch.event_handler import as_list
from launch.event_handlers import OnIncludeLaunchDescription, OnShutdown
from launch.events import IncludeLaunchDescription, Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.logging import get_logger, launch_config
from launch.utilities import visit_all_entities_and_collect_futures


class LaunchService:
    """Handles events one by one in the main thread until nothing is left to wait for.

    noninteractive: no terminal sends Ctrl-C to the processes, so the service does.
    """

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False,
                 debug: bool = False) -> None:
        launch_config.level = logging.DEBUG if debug else logging.INFO
        self._logger = get_logger("launch")
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self.context.register_event_handler(OnIncludeLaunchDescription())
        self.context.register_event_handler(OnShutdown(on_shutdown=self._on_shutdown))
        self.task: asyncio.Task[Any] | None = None
        self._futures: list[asyncio.Future[Any]] = []
        self._shutting_down = False
        self._return_code = 0
        self._lock = threading.RLock()

    @property
    def event_loop(self) -> asyncio.AbstractEventLoop | None:
        return self.context.asyncio_loop

    def emit_event(self, event: Event) -> None:
        """From any thread; before run() it waits until then."""
        with self._lock:
            loop = self.context.asyncio_loop
            if loop is not None and threading.current_thread() is not threading.main_thread():
                loop.call_soon_threadsafe(self.context.emit_event_sync, event)
            else:
                self.context.emit_event_sync(event)

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        self.emit_event(IncludeLaunchDescription(launch_description))

    def shutdown(self, force_sync: bool = False) -> None:
        """End all that was launched, then run(). From any thread."""
        loop = self.context.asyncio_loop
        if loop is not None:
            loop.call_soon_threadsafe(self._shutdown, "LaunchService.shutdown() called")

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Only in the main thread. 0, or 1 where an entity raised an exception."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("LaunchService can only be run in the main thread.")
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        with self._lock:
            if self.context.asyncio_loop is not None:
                raise RuntimeError("LaunchService cannot be run multiple times concurrently.")
            self.context.asyncio_loop = asyncio.get_running_loop()
        self.task = asyncio.current_task()
        self._logger.info(f"All log files can be found below {_log_dir()}")
        try:
            with self._signals(self.context.asyncio_loop):
                while await self._step(shutdown_when_idle):
                    pass
        finally:
            with self._lock:
                self.context.asyncio_loop = None
                self._shutting_down = False
        return self._return_code

    async def _step(self, shutdown_when_idle: bool) -> bool:
        """Handle what has happened, then wait for more; False when all is done."""
        self.context._wake.clear()
        try:
            while self.context._event_queue:
                self._process(self.context._event_queue.popleft())
            idle = self._idle()
        except Exception as problem:  # whatever an entity raised ends the launch, in order
            self._logger.debug(traceback.format_exc())
            self._logger.error("Caught exception in launch (see debug for traceback): "
                               f"{problem}")
            self._return_code = 1
            self._shutdown(f"Caught exception in launch: {problem}")
            return True
        if idle and self._shutting_down:
            return False
        if idle and shutdown_when_idle:
            self._shutdown("idle")
            return True
        await self.context._wake.wait()
        return True

    def _idle(self) -> bool:
        done = [future for future in self._all_futures() if future.done()]
        self._futures = [future for future in self._futures if future not in done]
        self.context._completion_futures = [
            future for future in self.context._completion_futures if future not in done]
        for future in done:
            future.result()  # raises what the entity's future raised
        return not self._all_futures() and not self.context._event_queue

    def _all_futures(self) -> list[asyncio.Future[Any]]:
        return [*self._futures, *self.context._completion_futures]

    def _process(self, event: Event) -> None:
        self._logger.debug(f"processing event: '{event.name}'")
        for handler in tuple(self.context._event_handlers):
            if not handler.matches(event):
                continue
            self.context._push_locals()
            try:
                for entity in as_list(handler.handle(event, self.context)):
                    self._visit(entity)
            finally:
                self.context._pop_locals()

    def _visit(self, entity: Any) -> None:
        for _, future in visit_all_entities_and_collect_futures(entity, self.context):
            future.add_done_callback(lambda _: self.context._wake.set())
            self._futures.append(future)

    def _on_shutdown(self, event: Event, context: LaunchContext) -> None:
        self._shutting_down = context.is_shutdown = True

    def _shutdown(self, reason: str, due_to_sigint: bool = False) -> None:
        if not self._shutting_down:
            self.context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))
        self._shutting_down = self.context.is_shutdown = True

    def _interrupted(self) -> None:
        if self._shutting_down:
            self._logger.warning("user interrupted with ctrl-c (SIGINT) again, ignoring...")
            return
        self._logger.warning("user interrupted with ctrl-c (SIGINT)")
        self._shutdown("ctrl-c (SIGINT)", due_to_sigint=True)

    def _terminated(self) -> None:
        # Only this process got the signal: the processes are sent SIGINT.
        self._logger.warning("terminated (SIGTERM or SIGQUIT)")
        self._shutdown("SIGTERM or SIGQUIT")

    @contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        handlers = {signal.SIGINT: self._interrupted, signal.SIGTERM: self._terminated,
                    signal.SIGQUIT: self._terminated}
        before = {number: signal.getsignal(number) for number in handlers}
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number, previous in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, previous)


def _log_dir() -> str:
    try:
        return launch_config.log_dir
    except OSError as problem:
        return f"no folder ({problem})"
