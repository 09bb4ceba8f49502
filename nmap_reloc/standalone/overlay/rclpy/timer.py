"""rclpy.timer: callbacks at a fixed period of a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._entity import Entity, Work
from rclpy.clock import SOURCE_CHANGES, Clock, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.exceptions import InvalidHandle, ROSInterruptException

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.context import Context
    from rclpy.executors import Executor


class Timer(Entity):
    """A periodic callback; missed periods are skipped, the phase stays."""

    def __init__(self, callback: Callable[[], Any] | None, callback_group: CallbackGroup | None,
                 timer_period_ns: int, clock: Clock, *, context: Context | None = None,
                 autostart: bool = True) -> None:
        super().__init__(callback_group)
        self.callback = callback
        self._clock = clock
        self._period = int(timer_period_ns)
        self._last_call = clock._now()
        self._next_call = self._last_call + self._period
        self._credit: int | None = None  # ns to the next call while the clock's source changes
        self._canceled = not autostart
        any_jump = JumpThreshold(min_forward=Duration(nanoseconds=1),
                                 min_backward=Duration(nanoseconds=-1))
        self._jumps = clock.create_jump_callback(
            any_jump, pre_callback=self._before_jump, post_callback=self._after_jump)

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """Nanoseconds; a new one counts from the next call on."""
        return self._period

    @timer_period_ns.setter
    def timer_period_ns(self, value: int) -> None:
        self._check()
        self._period = int(value)

    def is_ready(self) -> bool:
        """Says whether the callback is due."""
        self._check()
        return self._is_ready()

    def is_canceled(self) -> bool:
        """Says whether the timer rests."""
        self._check()
        return self._canceled

    def cancel(self) -> None:
        """No more calls until reset."""
        self._check()
        self._canceled = True
        self._wake()

    def reset(self) -> None:
        """The next call comes one period from now, of a canceled timer too."""
        self._check()
        with self._lock:
            self._restart()
            self._canceled = False
        self._wake()

    def time_since_last_call(self) -> int:
        """Nanoseconds."""
        self._check()
        return self._clock._now() - self._last_call

    def time_until_next_call(self) -> int | None:
        """Nanoseconds, negative for one that is late; None for a canceled timer."""
        self._check()
        return None if self._canceled else self._next_call - self._clock._now()

    def _restart(self) -> None:
        self._last_call = self._clock._now()
        self._next_call = self._last_call + self._period

    def _is_ready(self) -> bool:
        return not self._canceled and self._clock._now() >= self._next_call

    def _deadline(self) -> float | None:
        """Seconds of wall time until the call is due; None: no waiting will make it so."""
        return None if self._canceled else self._clock._wall_time_until(self._next_call)

    def _take(self, executor: Executor) -> Work | None:
        with self._lock:
            if self._destroyed or not self._is_ready() or self.callback is None:
                return None
            now = self._last_call = self._clock._now()
            self._next_call += self._period
            if self._next_call <= now:
                missed = (now - self._next_call) // self._period + 1 if self._period else 0
                self._next_call += missed * self._period
            return Work(self.callback, ())

    def _before_jump(self) -> None:
        with self._lock:
            now = self._clock._now()
            self._credit = self._next_call - now if now else None

    def _after_jump(self, jump: TimeJump) -> None:
        with self._lock:
            credit, self._credit = self._credit, None
            now = self._clock._now()
            if jump.clock_change in SOURCE_CHANGES:
                if now and credit is not None:  # a clock at zero is not set yet
                    self._next_call = now + credit
                    self._last_call = self._next_call - self._period
            elif now < self._last_call:
                self._restart()
        self._wake()

    def _close(self) -> None:
        self._jumps.unregister()


class Rate:
    """Sleeps that end with each call of a timer; an executor must spin in another thread."""

    def __init__(self, timer: Timer, *, context: Context) -> None:
        self._timer = timer
        self._context = context
        self._event = threading.Event()
        self._destroyed = False
        self._lock = threading.Lock()
        self._sleepers = 0
        timer.callback = self._event.set
        context._wake_at_shutdown(self._shut_down)

    def _shut_down(self) -> None:
        self._event.set()

    def destroy(self) -> None:
        """Wakes who sleeps; nobody can sleep any more."""
        self._destroyed = True
        self._event.set()

    def sleep(self) -> None:
        """Until the timer's next call; ROSInterruptException at a shutdown, RuntimeError or
        InvalidHandle for what is destroyed."""
        if not self._context.ok():
            raise ROSInterruptException()
        if self._destroyed:
            raise RuntimeError("Rate cannot sleep because it has been destroyed")
        if self._timer._destroyed:
            raise InvalidHandle("Rate cannot sleep because the timer has been destroyed")
        with self._lock:
            self._sleepers += 1
        self._event.wait()
        with self._lock:
            self._sleepers -= 1
            if not self._sleepers and not self._destroyed:
                self._event.clear()
        if not self._context.ok():
            raise ROSInterruptException()
