"""rclpy.signals: SIGINT and SIGTERM shut the contexts down."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from enum import Enum
from types import FrameType
from typing import Any

from rclpy import context as contexts


class SignalHandlerOptions(Enum):
    """Which signals are handled."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


_SIGNALS = {
    SignalHandlerOptions.NO: (),
    SignalHandlerOptions.SIGINT: (signal.SIGINT,),
    SignalHandlerOptions.SIGTERM: (signal.SIGTERM,),
    SignalHandlerOptions.ALL: (signal.SIGINT, signal.SIGTERM),
}
_previous: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
_invalidated: list[tuple[contexts.Context, ...]] = []
_wake_fd: int | None = None


def _handle(number: int, frame: FrameType | None) -> None:
    """Marks and tells, nothing else: the thread it interrupts may hold any lock."""
    _invalidated.append(contexts.invalidate_all())
    if _wake_fd is not None:
        os.write(_wake_fd, b"\0")
    previous = _previous.get(number)
    if callable(previous):
        previous(number, frame)  # Python's own for SIGINT raises KeyboardInterrupt


def _watch(read_fd: int) -> None:
    """The thread that does what a handler may not: wakes executors and sleepers."""
    while os.read(read_fd, 1):
        while _invalidated:
            contexts.wake_all(_invalidated.pop(0))


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """Handlers chain to those that were there before.

    Python lets only the main thread install them: elsewhere signals keep their meaning.
    """
    global _wake_fd
    if not _SIGNALS[options] or threading.current_thread() is not threading.main_thread():
        return
    if _wake_fd is None:
        read_fd, _wake_fd = os.pipe()
        threading.Thread(target=_watch, args=(read_fd,), name="rclpy signals",
                         daemon=True).start()
    for number in _SIGNALS[options]:
        if number not in _previous:
            _previous[number] = signal.signal(number, _handle)


def get_current_signal_handlers_options() -> SignalHandlerOptions:
    """Which signals are handled now."""
    return next(option for option, numbers in _SIGNALS.items() if set(numbers) == set(_previous))


def uninstall_signal_handlers() -> None:
    """Gives signals the handlers back that they had."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in list(_previous):
        if signal.getsignal(number) is _handle:
            signal.signal(number, _previous[number])
            del _previous[number]
