"""rclpy.qos: how messages are delivered."""

from __future__ import annotations

import warnings
from enum import Enum, IntEnum
from typing import Any

from rclpy.duration import Duration


class InvalidQoSProfileException(Exception):  # noqa: N818 (the real name)
    """A profile without history and depth."""

    def __init__(self, *args: object) -> None:
        super().__init__("Invalid QoSProfile", *args)


class QoSPolicyEnum(IntEnum):
    """What the enumerations of policies share."""

    @classmethod
    def short_keys(cls) -> list[str]:
        """Names as people type them."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> int:
        """The value of a name in any case; KeyError."""
        return cls[name.upper()].value

    @property
    def short_key(self) -> str:
        return self.name.lower()


class HistoryPolicy(QoSPolicyEnum):
    """How many samples are kept."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(QoSPolicyEnum):
    """Whether lost samples are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class DurabilityPolicy(QoSPolicyEnum):
    """Whether late subscribers receive earlier samples."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class LivelinessPolicy(QoSPolicyEnum):
    """How publishers show that they are alive."""

    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4
    BEST_AVAILABLE = 5


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
QoSLivelinessPolicy = LivelinessPolicy

_DEFAULTS: dict[str, Any] = {
    "depth": 10,
    "reliability": ReliabilityPolicy.RELIABLE,
    "durability": DurabilityPolicy.VOLATILE,
    "lifespan": Duration(),
    "deadline": Duration(),
    "liveliness": LivelinessPolicy.SYSTEM_DEFAULT,
    "liveliness_lease_duration": Duration(),
    "avoid_ros_namespace_conventions": False,
}
_KINDS: dict[str, type] = {
    "history": HistoryPolicy, "depth": int, "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy, "lifespan": Duration, "deadline": Duration,
    "liveliness": LivelinessPolicy, "liveliness_lease_duration": Duration,
    "avoid_ros_namespace_conventions": bool,
}


class QoSProfile:
    """The policies of one publisher, subscription, client or service."""

    history: HistoryPolicy
    depth: int
    reliability: ReliabilityPolicy
    durability: DurabilityPolicy
    lifespan: Duration
    deadline: Duration
    liveliness: LivelinessPolicy
    liveliness_lease_duration: Duration
    avoid_ros_namespace_conventions: bool

    def __init__(self, **kwargs: Any) -> None:
        """history or depth is required; the rest is reliable and volatile unless said."""
        assert all(key in _KINDS for key in kwargs), \
            f"Invalid arguments passed to constructor: {kwargs.keys()!r}"
        if "history" not in kwargs:
            if "depth" not in kwargs:
                raise InvalidQoSProfileException("History and/or depth settings are required.")
            kwargs["history"] = HistoryPolicy.KEEP_LAST
        self.history = kwargs["history"]
        if self.history == HistoryPolicy.KEEP_LAST and "depth" not in kwargs:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        for key, default in _DEFAULTS.items():
            setattr(self, key, kwargs.get(key, default))

    def __setattr__(self, key: str, value: Any) -> None:
        kind = _KINDS[key]
        if issubclass(kind, QoSPolicyEnum):
            assert isinstance(value, int)
            value = kind(value)
        assert isinstance(value, kind), f"{key} must be a {kind.__name__}, not {value!r}"
        if key == "depth" and value == 0 and self.history == HistoryPolicy.KEEP_LAST:
            warnings.warn("A zero depth with KEEP_LAST doesn't make sense; no data could be "
                          "stored. This will be interpreted as SYSTEM_DEFAULT", stacklevel=3)
        super().__setattr__(key, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QoSProfile) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"QoSProfile({', '.join(f'{key}={getattr(self, key)}' for key in _KINDS)})"


_SYSTEM: dict[str, Any] = {"history": HistoryPolicy.SYSTEM_DEFAULT, "depth": 0,
                           "reliability": ReliabilityPolicy.SYSTEM_DEFAULT,
                           "durability": DurabilityPolicy.SYSTEM_DEFAULT}
qos_profile_unknown = QoSProfile(
    history=HistoryPolicy.UNKNOWN, depth=0, reliability=ReliabilityPolicy.UNKNOWN,
    durability=DurabilityPolicy.UNKNOWN, liveliness=LivelinessPolicy.UNKNOWN)
qos_profile_default = QoSProfile(depth=10)
qos_profile_system_default = QoSProfile(**_SYSTEM)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)
qos_profile_action_status_default = QoSProfile(
    depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
qos_profile_best_available = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.BEST_AVAILABLE,
    durability=DurabilityPolicy.BEST_AVAILABLE, liveliness=LivelinessPolicy.BEST_AVAILABLE)
# Of the publisher of /rosout; the real one also gives samples a lifespan of 10 s.
qos_profile_rosout_default = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class QoSPresetProfiles(Enum):
    """The profiles by name."""

    UNKNOWN = qos_profile_unknown
    DEFAULT = qos_profile_default
    SYSTEM_DEFAULT = qos_profile_system_default
    SENSOR_DATA = qos_profile_sensor_data
    SERVICES_DEFAULT = qos_profile_services_default
    PARAMETERS = qos_profile_parameters
    PARAMETER_EVENTS = qos_profile_parameter_events
    ACTION_STATUS_DEFAULT = qos_profile_action_status_default
    BEST_AVAILABLE = qos_profile_best_available

    @classmethod
    def short_keys(cls) -> list[str]:
        """Names as people type them."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> QoSProfile:
        """The profile of a name in any case; KeyError."""
        return cls[name.upper()].value
