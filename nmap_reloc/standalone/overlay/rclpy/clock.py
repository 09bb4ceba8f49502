"""rclpy.clock: system, steady and ROS time, and what happens when a clock jumps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import IntEnum

from rclpy.clock_type import ClockType
from rclpy.constants import S_TO_NS
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.exceptions import NotInitializedException
from rclpy.time import Time
from rclpy.utilities import get_default_context


class ClockChange(IntEnum):
    """What happened to the source of a ROS clock."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


_handles_lock = threading.Lock()
SOURCE_CHANGES = (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)


class JumpThreshold:
    """Which jumps matter: by how much, in which direction, and a change of the source."""

    def __init__(self, *, min_forward: Duration | None, min_backward: Duration | None,
                 on_clock_change: bool = True) -> None:
        """min_forward is positive, min_backward negative, else ValueError."""
        if min_forward is not None and min_forward.nanoseconds <= 0:
            raise ValueError("min_forward must be a positive non-zero duration")
        if min_backward is not None and min_backward.nanoseconds >= 0:
            raise ValueError("min_backward must be a negative non-zero duration")
        if min_forward is None and min_backward is None and not on_clock_change:
            raise ValueError("At least one jump threshold must be enabled")
        self.min_forward = min_forward
        self.min_backward = min_backward
        self.on_clock_change = on_clock_change

    def _exceeded(self, change: ClockChange, delta: int) -> bool:
        if change in SOURCE_CHANGES and self.on_clock_change:
            return True
        if self.min_backward is not None and delta <= self.min_backward.nanoseconds:
            return True
        return self.min_forward is not None and delta >= self.min_forward.nanoseconds


class TimeJump:
    """What a callback learns of a jump."""

    def __init__(self, clock_change: ClockChange, delta: Duration) -> None:
        if not isinstance(clock_change, ClockChange):
            raise TypeError("clock_change must be an instance of rclpy.clock.ClockChange")
        self._clock_change = clock_change
        self._delta = delta

    @property
    def clock_change(self) -> ClockChange:
        return self._clock_change

    @property
    def delta(self) -> Duration:
        return self._delta


class JumpHandle:
    """A registered callback; it stays so until unregister, or the end of the with block."""

    def __init__(self, *, clock: Clock, threshold: JumpThreshold,
                 pre_callback: Callable[[], None] | None,
                 post_callback: Callable[[TimeJump], None] | None) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError("One of pre_callback or post_callback must be callable")
        if pre_callback is not None and not callable(pre_callback):
            raise ValueError("pre_callback must be callable if given")
        if post_callback is not None and not callable(post_callback):
            raise ValueError("post_callback must be callable if given")
        self._clock: Clock | None = clock
        self._threshold = threshold
        self._pre_callback = pre_callback
        self._post_callback = post_callback
        with _handles_lock:
            clock._jump_handles = (*clock._jump_handles, self)

    def unregister(self) -> None:
        """No more calls; a second time does nothing."""
        with _handles_lock:
            if self._clock is not None:
                self._clock._jump_handles = tuple(
                    handle for handle in self._clock._jump_handles if handle is not self)
                self._clock = None

    def __enter__(self) -> JumpHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()


class Clock:
    """A clock; Clock(clock_type=ClockType.ROS_TIME) gives a ROSClock."""

    _clock_type: ClockType
    _jump_handles: tuple[JumpHandle, ...]  # replaced, never changed: no lock to read it

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        self = super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)
        self._clock_type = clock_type
        self._jump_handles = ()
        return self

    @property
    def clock_type(self) -> ClockType:
        return self._clock_type

    def __repr__(self) -> str:
        return f"Clock(clock_type={self._clock_type.name})"

    def _now(self) -> int:
        """Nanoseconds."""
        return time.monotonic_ns() if self._clock_type is ClockType.STEADY_TIME \
            else time.time_ns()

    def now(self) -> Time:
        """The time of this clock."""
        return Time(nanoseconds=self._now(), clock_type=self._clock_type)

    def create_jump_callback(self, threshold: JumpThreshold, *,
                             pre_callback: Callable[[], None] | None = None,
                             post_callback: Callable[[TimeJump], None] | None = None
                             ) -> JumpHandle:
        """Calls back before and after jumps beyond the threshold, in the thread that sets the
        time; the callbacks must not block."""
        return JumpHandle(clock=self, threshold=threshold, pre_callback=pre_callback,
                          post_callback=post_callback)

    def sleep_until(self, until: Time, context: Context | None = None) -> bool:
        """True when the time is reached; False after a shutdown or a change of the source.

        ValueError for a time of another clock, NotInitializedException without a valid context.
        """
        context = get_default_context() if context is None else context
        if not context.ok():
            raise NotInitializedException()
        if until.clock_type != self._clock_type:
            raise ValueError("until's clock type does not match this clock's type")
        event = threading.Event()
        source_changed = False

        def jumped(jump: TimeJump) -> None:
            nonlocal source_changed
            source_changed = source_changed or jump.clock_change in SOURCE_CHANGES
            if source_changed or self._now() >= until.nanoseconds:
                event.set()

        threshold = JumpThreshold(min_forward=Duration(nanoseconds=1), min_backward=None)
        with self.create_jump_callback(threshold, post_callback=jumped), \
                context._waking(event.set):
            while context.ok() and not event.is_set():
                remaining = self._wall_time_until(until.nanoseconds)
                if remaining is not None and remaining <= 0:
                    break
                event.wait(remaining)
        return context.ok() and not source_changed and self._now() >= until.nanoseconds

    def sleep_for(self, rel_time: Duration, context: Context | None = None) -> bool:
        """See sleep_until."""
        return self.sleep_until(self.now() + rel_time, context)

    def _wall_time_until(self, nanoseconds: int) -> float | None:
        """Seconds to wait until this clock shows the time; None: only a jump gets it there."""
        return (nanoseconds - self._now()) / S_TO_NS


class ROSClock(Clock):
    """System time, or what /clock says where ROS time is active."""

    _active = False
    _override = 0  # ns

    def __new__(cls) -> ROSClock:
        self = super().__new__(cls, clock_type=ClockType.ROS_TIME)
        assert isinstance(self, ROSClock)
        return self

    @property
    def ros_time_is_active(self) -> bool:
        return self._active

    def _now(self) -> int:
        return self._override if self._active else time.time_ns()

    def _wall_time_until(self, nanoseconds: int) -> float | None:
        if not self._active:
            return super()._wall_time_until(nanoseconds)
        return 0.0 if self._override >= nanoseconds else None

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        if enabled == self._active:
            return
        change = ClockChange.ROS_TIME_ACTIVATED if enabled else ClockChange.ROS_TIME_DEACTIVATED

        def switch() -> None:
            self._active = enabled

        self._jump(change, 0, switch)

    def set_ros_time_override(self, time: Time) -> None:
        """Sets what the clock shows while ROS time is active."""
        if not isinstance(time, Time):
            raise TypeError(
                f"Time must be specified as rclpy.time.Time. Received type: {type(time)}")

        def set_time() -> None:
            self._override = time.nanoseconds

        if self._active:
            self._jump(ClockChange.ROS_TIME_NO_CHANGE, time.nanoseconds - self._override, set_time)
        else:
            set_time()

    def _jump(self, change: ClockChange, delta: int, apply: Callable[[], None]) -> None:
        handles = [handle for handle in self._jump_handles
                   if handle._threshold._exceeded(change, delta)]
        for handle in handles:
            if handle._pre_callback is not None:
                handle._pre_callback()
        apply()
        jump = TimeJump(change, Duration(nanoseconds=delta))
        for handle in handles:
            if handle._post_callback is not None:
                handle._post_callback(jump)
