"""One run of a child process in an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

STDOUT, STDERR = 1, 2
DRAIN = 1.0  # s; a grandchild may hold the pipes open for ever


class Child(asyncio.SubprocessProtocol):
    """Its exit code and what it writes. on_data: (1: stdout or 2: stderr, bytes)."""

    def __init__(self, on_data: Callable[[int, bytes], None]) -> None:
        self._on_data = on_data
        self._transport: Any = None
        self._open = {STDOUT, STDERR}
        self._closed = asyncio.Event()
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, on_data: Callable[[int, bytes], None], cmd: list[str], *, shell: bool,
                    terminal: bool, **kwargs: Any) -> Child:
        """Start it. OSError: it can't be executed."""
        loop = asyncio.get_running_loop()
        child = cls(on_data)
        slave = await child._terminal() if terminal else None
        if slave is not None:
            kwargs.update(stdout=slave, stderr=slave)
        try:
            if shell:
                await loop.subprocess_shell(lambda: child, " ".join(cmd), **kwargs)
            else:
                await loop.subprocess_exec(lambda: child, *cmd, **kwargs)
        finally:
            if slave is not None:
                os.close(slave)
        return child

    async def _terminal(self) -> int:
        """A pseudo terminal: what the child writes to the returned end comes as its stdout."""
        master, slave = os.openpty()
        child = self

        class Reader(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                child._on_data(STDOUT, data.replace(b"\r\n", b"\n"))

            def connection_lost(self, exc: Exception | None) -> None:
                child._closed.set()

        await asyncio.get_running_loop().connect_read_pipe(
            Reader, os.fdopen(master, "rb", buffering=0))
        return slave

    @property
    def pid(self) -> int:
        return int(self._transport.get_pid())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._on_data(fd, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            self._closed.set()

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(self._transport.get_returncode())

    def send_signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it ended in the meantime, as it was to do
            self._transport.send_signal(number)

    async def wait(self) -> int:
        """Its exit code (-N: signal N ended it), when it has ended and its output was read."""
        code = await self.exited
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed.wait(), DRAIN)
        self._transport.close()
        return code


class Lines:
    """Bytes in, whole lines out."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._on_line(line.decode(errors="replace"))

    def flush(self) -> None:
        """What came without an end of line."""
        if self._rest:
            self._on_line(self._rest.decode(errors="replace"))
        self._rest = b""
