"""Processes: started, their output shown, ended in steps, started again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any

from launch.action import Action
from launch.actions._process import STDERR, STDOUT, Child, Lines
from launch.conditions import evaluate_condition_expression
from launch.descriptions import Executable
from launch.event_handler import OnEventCall, as_list
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import (
    ProcessExited,
    ProcessStarted,
    ProcessStderr,
    ProcessStdout,
    ShutdownProcess,
    SignalProcess,
)
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger, get_output_loggers
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import LaunchConfiguration
from launch.utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
    perform_typed_substitution,
)


class ExecuteLocal(Action):
    """A process on this machine.

    output: screen, log (stderr on the screen), both. It ends by SIGINT, after sigterm_timeout
    seconds by SIGTERM, after sigkill_timeout more by SIGKILL.
    """

    def __init__(self, *, process_description: Executable, shell: bool = False,
                 sigterm_timeout: SomeSubstitutionsType = LaunchConfiguration(
                     "sigterm_timeout", default=5),
                 sigkill_timeout: SomeSubstitutionsType = LaunchConfiguration(
                     "sigkill_timeout", default=5),
                 emulate_tty: bool = False, output: SomeSubstitutionsType | dict[str, Any] = "log",
                 output_format: str = "[{this.process_description.final_name}] {line}",
                 cached_output: bool = False, log_cmd: bool = False, on_exit: Any = None,
                 respawn: bool | SomeSubstitutionsType = False,
                 respawn_delay: float | None = None, respawn_max_retries: int = -1,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.process_description = process_description
        self.shell, self.emulate_tty, self.log_cmd = shell, emulate_tty, log_cmd
        self.sigterm_timeout, self.sigkill_timeout = sigterm_timeout, sigkill_timeout
        self.output = os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output)
        self._format, self._cached = output_format, cached_output
        self._on_exit, self._respawn = on_exit, respawn
        self._respawn_delay, self._respawns_left = respawn_delay or 0.0, respawn_max_retries
        self.process_details: dict[str, Any] | None = None
        self.return_code: int | None = None
        self._child: Child | None = None
        self._completed: asyncio.Future[None] | None = None
        self._stopping: asyncio.Event | None = None
        self._sigint = False  # whether stopping includes sending SIGINT
        self._lines: dict[int, Lines] = {}
        self._cache: dict[int, list[bytes]] = {STDOUT: [], STDERR: []}

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return [] if callable(self._on_exit) else as_list(self._on_exit)

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        return self._completed

    def get_stdout(self) -> str:
        return self._cached_text(STDOUT)

    def get_stderr(self) -> str:
        return self._cached_text(STDERR)

    def _cached_text(self, stream: int) -> str:
        if not self._cached:
            raise RuntimeError("cached output must be true to be able to get it, proc "
                               f"'{self.process_description.final_name}'")
        return b"".join(self._cache[stream]).decode(errors="replace")

    def execute(self, context: LaunchContext) -> None:
        if self._completed is not None:
            raise RuntimeError("ExecuteLocal action "
                               f"'{self.process_description.final_name}': executed more than once")
        self.process_description.prepare(context, self)
        if context.is_shutdown or context.asyncio_loop is None:
            return
        what = self.process_description
        self.process_details = {"action": self, "name": what.final_name, "cmd": what.final_cmd,
                                "cwd": what.final_cwd, "env": what.final_env}
        self._logger = get_logger(what.final_name)
        self._open_output(context)
        for kind, function in ((Shutdown, self._on_shutdown), (SignalProcess, self._on_signal),
                               (ShutdownProcess, self._on_shutdown_process)):
            context.register_event_handler(OnEventCall(kind, function))
        if self._on_exit is not None:
            context.register_event_handler(OnProcessExit(target_action=self,
                                                         on_exit=self._on_exit))
        self._stopping = asyncio.Event()
        self._completed = context.asyncio_loop.create_future()
        self._task = context.asyncio_loop.create_task(self._run(context, self._completed))

    def _open_output(self, context: LaunchContext) -> None:
        output = self.output
        if not isinstance(output, dict):
            output = perform_substitutions(context, normalize_to_list_of_substitutions(output))
        name = self.process_description.final_name
        for stream, logger in zip((STDOUT, STDERR), get_output_loggers(name, output)):
            def show(line: str, logger: Any = logger) -> None:
                logger.info(self._format.format(line=line, this=self))
            self._lines[stream] = Lines(show)

    async def _run(self, context: LaunchContext, completed: asyncio.Future[None]) -> None:
        try:
            while await self._run_once(context) and await self._should_respawn(context):
                self._respawns_left -= 1
            completed.set_result(None)
        except Exception as problem:  # a defect or a wrong setting: the launch ends with it
            completed.set_exception(problem)

    async def _run_once(self, context: LaunchContext) -> bool:
        """Whether it could be started."""
        assert self.process_details is not None and self._stopping is not None
        cmd = self.process_details["cmd"]
        if self.log_cmd:
            self._logger.info(f"process details: cmd='{' '.join(cmd)}', "
                              f"cwd='{self.process_details['cwd']}'")
        try:
            child = await Child.start(
                lambda stream, data: self._received(context, stream, data), cmd, shell=self.shell,
                terminal=self._wants_terminal(context), cwd=self.process_details["cwd"],
                env=self.process_details["env"])
        except OSError as problem:
            self._logger.error(f"exception occurred while executing process '{cmd[0]}': {problem}")
            return False
        self._child = child
        self.process_details["pid"] = child.pid
        self._logger.info(f"process started with pid [{child.pid}]")
        context.emit_event_sync(ProcessStarted(**self.process_details))
        ending = asyncio.ensure_future(self._end(context, child))
        self.return_code = await child.wait()
        ending.cancel()
        for lines in self._lines.values():
            lines.flush()
        if self.return_code == 0:
            self._logger.info(f"process has finished cleanly [pid {child.pid}]")
        else:
            self._logger.error(f"process has died [pid {child.pid}, exit code {self.return_code}, "
                               f"cmd '{' '.join(cmd)}'].")
        context.emit_event_sync(ProcessExited(returncode=self.return_code,
                                              **self.process_details))
        return True

    def _wants_terminal(self, context: LaunchContext) -> bool:
        configured = context.launch_configurations.get("emulate_tty")
        if configured is None:
            return self.emulate_tty
        return evaluate_condition_expression(
            context, normalize_to_list_of_substitutions(configured))

    async def _should_respawn(self, context: LaunchContext) -> bool:
        assert self._stopping is not None
        if not perform_typed_substitution(context, self._respawn, bool) \
                or self._respawns_left == 0 or self._stopping.is_set():
            return False
        try:
            await asyncio.wait_for(self._stopping.wait(), self._respawn_delay)
        except asyncio.TimeoutError:
            return not context.is_shutdown
        return False

    def _received(self, context: LaunchContext, stream: int, data: bytes) -> None:
        assert self.process_details is not None
        if self._cached:
            self._cache[stream].append(data)
        self._lines[stream].feed(data)
        event = {STDOUT: ProcessStdout, STDERR: ProcessStderr}[stream](
            text=data, **{"pid": 0, **self.process_details})
        if context.would_handle_event(event):
            context.emit_event_sync(event)

    async def _end(self, context: LaunchContext, child: Child) -> None:
        """When it is to stop: SIGINT, and while it does not end, SIGTERM and SIGKILL."""
        assert self._stopping is not None
        await self._stopping.wait()
        name = self.process_description.final_name
        if self._sigint:
            self._send(child, signal.SIGINT)
        for last, then, timeout in ((signal.SIGINT, signal.SIGTERM, self.sigterm_timeout),
                                    (signal.SIGTERM, signal.SIGKILL, self.sigkill_timeout)):
            seconds = perform_typed_substitution(context, timeout, float)
            await asyncio.sleep(seconds)  # cancelled when the process ends
            self._logger.error(f"process[{name}] failed to terminate '{seconds:g}' seconds after "
                               f"receiving '{last.name}', escalating to '{then.name}'")
            self._send(child, then)

    def _send(self, child: Child, number: signal.Signals) -> None:
        name = self.process_description.final_name
        self._logger.info(f"sending signal '{number.name}' to process[{name}]")
        child.send_signal(number)

    def _stop(self, *, send_sigint: bool) -> None:
        if self._stopping is not None and not self._stopping.is_set():
            self._sigint = send_sigint
            self._stopping.set()

    def _on_shutdown(self, event: Shutdown, context: LaunchContext) -> None:
        self._stop(send_sigint=not event.due_to_sigint or context.noninteractive)

    def _on_shutdown_process(self, event: ShutdownProcess, context: LaunchContext) -> None:
        if event.process_matcher(self):
            self._stop(send_sigint=True)

    def _on_signal(self, event: SignalProcess, context: LaunchContext) -> None:
        if event.process_matcher(self) and self._child is not None \
                and not self._child.exited.done():
            self._send(self._child, event.signal)


class ExecuteProcess(ExecuteLocal):
    """A process given by its command."""

    def __init__(self, *, cmd: Iterable[SomeSubstitutionsType],
                 prefix: SomeSubstitutionsType | None = None,
                 name: SomeSubstitutionsType | None = None,
                 cwd: SomeSubstitutionsType | None = None,
                 env: dict[Any, SomeSubstitutionsType] | None = None,
                 additional_env: dict[Any, SomeSubstitutionsType] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(process_description=Executable(
            cmd=cmd, prefix=prefix, name=name, cwd=cwd, env=env, additional_env=additional_env),
            **kwargs)

    @property
    def name(self) -> str:
        return self.process_description.final_name

    @property
    def cmd(self) -> list[Any]:
        return self.process_description.cmd
