"""rclpy.time: a point in time of one clock."""

from __future__ import annotations

from typing import overload

from builtin_interfaces.msg import Time as TimeMsg
from rclpy.clock_type import ClockType
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration


class Time:
    """Nanoseconds since a clock's epoch; times of different clocks do not mix."""

    __slots__ = ("_clock_type", "_nanoseconds")

    def __init__(self, *, seconds: int | float = 0, nanoseconds: int = 0,
                 clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        """ValueError for a negative time, OverflowError beyond 63 bits."""
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        if seconds < 0:
            raise ValueError("Seconds value must not be negative")
        if nanoseconds < 0:
            raise ValueError("Nanoseconds value must not be negative")
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if total >= 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C time point.")
        self._nanoseconds = total
        self._clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        return self._nanoseconds

    @property
    def clock_type(self) -> ClockType:
        return self._clock_type

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Whole seconds, and the nanoseconds that remain."""
        return divmod(self._nanoseconds, S_TO_NS)

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self._nanoseconds}, clock_type={self._clock_type.name})"

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        try:
            return Time(nanoseconds=self._nanoseconds + other.nanoseconds,
                        clock_type=self._clock_type)
        except OverflowError as error:
            raise OverflowError("Addition leads to overflow in C storage.") from error

    def __radd__(self, other: Duration) -> Time:
        return self.__add__(other)

    @overload
    def __sub__(self, other: Time) -> Duration: ...

    @overload
    def __sub__(self, other: Duration) -> Time: ...

    def __sub__(self, other: Time | Duration) -> Duration | Time:
        if isinstance(other, Time):
            if self._clock_type != other._clock_type:
                raise TypeError("Can't subtract times with different clock types")
            return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)
        if not isinstance(other, Duration):
            return NotImplemented
        try:
            return Time(nanoseconds=self._nanoseconds - other.nanoseconds,
                        clock_type=self._clock_type)
        except ValueError as error:
            raise ValueError("Subtraction leads to negative time.") from error

    def _comparable(self, other: object) -> bool:
        """False for what is no time; TypeError for a time of another clock."""
        if not isinstance(other, Time):
            return False
        if self._clock_type != other._clock_type:
            raise TypeError("Can't compare times with different clock types")
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        return self._comparable(other) and self._nanoseconds == other._nanoseconds

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Time) -> bool:
        return self._nanoseconds < other._nanoseconds if self._comparable(other) \
            else NotImplemented

    def __le__(self, other: Time) -> bool:
        return self._nanoseconds <= other._nanoseconds if self._comparable(other) \
            else NotImplemented

    def __gt__(self, other: Time) -> bool:
        return self._nanoseconds > other._nanoseconds if self._comparable(other) \
            else NotImplemented

    def __ge__(self, other: Time) -> bool:
        return self._nanoseconds >= other._nanoseconds if self._comparable(other) \
            else NotImplemented

    def to_msg(self) -> TimeMsg:
        """The time as a message; which clock it is of is lost."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return TimeMsg(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: TimeMsg, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """TypeError for anything else than a time message."""
        if not isinstance(msg, TimeMsg):
            raise TypeError("Must pass a builtin_interfaces.msg.Time object")
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)
