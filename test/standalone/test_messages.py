"""Message classes behave as ROS 2's own; their CDR is that of rosbags, byte for byte."""

from __future__ import annotations

import array
import copy
import pickle
import random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from nmap_reloc import standalone
from nmap_reloc.errors import NmapError
from nmap_reloc.standalone import messages, typestore
from nmap_reloc.standalone.fields import NUMBERS, Field, fields_of

if not standalone.enable():
    pytest.skip("ROS 2's own message packages are in use", allow_module_level=True)

PACKAGES = (
    "builtin_interfaces", "std_msgs", "std_srvs", "sensor_msgs", "geometry_msgs", "nav_msgs",
    "tf2_msgs", "lifecycle_msgs", "visualization_msgs", "diagnostic_msgs", "rcl_interfaces",
    "rosgraph_msgs", "rmw_dds_common", "unique_identifier_msgs", "action_msgs",
)
TYPES = sorted(name for name in typestore.store().fielddefs if name.split("/")[0] in PACKAGES)


def fill(name: str, rng: random.Random) -> Any:
    """A message with something in every field; sequences of 0 to 3 items."""
    values = {field.name: _value(field, rng) for field in fields_of(name)}
    return messages.message_class(name)(**values)


def _value(field: Field, rng: random.Random) -> Any:
    if field.shape == "one":
        return _one(field, rng)
    count = field.length if field.shape == "array" else rng.randrange(4)
    if field.shape == "sequence" and field.length:
        count = min(count, field.length)
    return [_one(field, rng) for _ in range(count)]


def _one(field: Field, rng: random.Random) -> Any:
    number = field.number
    if field.base == "string":
        return "".join(rng.choice("abcäöü日本") for _ in range(rng.randrange(9)))
    if number is None:
        return fill(field.base, rng)
    if number.python is float:
        return float(np.float32(rng.uniform(-1e3, 1e3)))
    if number.python is bytes:
        return bytes([rng.randrange(128)])  # rosbags takes a byte for signed
    return bool(rng.getrandbits(1)) if number.python is bool else rng.randint(*number.bounds)


def to_rosbags(msg: Any, name: str) -> Any:
    """The same message as rosbags holds it."""
    values = {}
    for field in fields_of(name):
        value = getattr(msg, field.name)
        if field.base not in NUMBERS and field.base != "string":
            value = (to_rosbags(value, field.base) if field.shape == "one"
                     else [to_rosbags(each, field.base) for each in value])
        elif field.base == "byte":
            value = value[0] if field.shape == "one" else np.array([b[0] for b in value], np.uint8)
        elif field.shape != "one" and field.base != "string":
            number = NUMBERS[field.base]
            dtype = np.bool_ if number.python is bool else np.dtype(number.code)
            value = np.array(value, dtype)
        values[field.name] = value
    return typestore.store().types[name](**values)


@pytest.mark.parametrize("name", [name for name in TYPES if "/msg/" in name])
def test_cdr_is_that_of_rosbags(name: str) -> None:
    rng = random.Random(name)
    for _ in range(5):
        msg = fill(name, rng)
        cdr = messages.serialize(msg)
        assert len(cdr) % 4 == 0
        expected = bytes(typestore.store().serialize_cdr(to_rosbags(msg, name), name))
        assert cdr[:len(expected)] == expected
        assert not any(cdr[len(expected):]) and len(cdr) - len(expected) < 4
        assert messages.deserialize(cdr, type(msg)) == msg


@pytest.mark.parametrize("name", [name for name in TYPES if "/srv/" in name])
def test_halves_of_services_survive(name: str) -> None:
    msg = fill(name, random.Random(name))
    assert messages.deserialize(messages.serialize(msg), type(msg)) == msg


def test_type_hashes_are_those_of_ros() -> None:
    """As `ros2 topic info --verbose` shows them on Jazzy."""
    assert messages.type_hash("std_msgs/msg/String") == (
        "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18")
    assert messages.type_hash("std_msgs/Empty") == (
        "RIHS01_20b625256f32d5dbc0d04fee44f43c41e51c70d3502f84b4a08e7a9c26a96312")


def test_constructor_and_defaults() -> None:
    from geometry_msgs.msg import PoseWithCovarianceStamped, Quaternion
    from sensor_msgs.msg import CameraInfo, Image

    pose = PoseWithCovarianceStamped()
    assert pose.pose.pose.orientation == Quaternion(x=0.0, y=0.0, z=0.0, w=1.0)
    assert pose.header.stamp.sec == 0 and pose.header.frame_id == ""
    assert pose.pose.covariance.dtype == np.float64 and pose.pose.covariance.shape == (36,)
    other = PoseWithCovarianceStamped()
    other.pose.covariance[0] = 1.0
    assert pose.pose.covariance[0] == 0.0 and pose != other
    info = CameraInfo(d=[0.5], k=[1.0] * 9, width=640)
    assert info.d == array.array("d", [0.5]) and info.k.tolist() == [1.0] * 9
    image = Image(data=b"\x01\x02", encoding="rgb8")
    assert image.data == array.array("B", [1, 2])
    with pytest.raises(AssertionError):
        Image(colour="red")


def test_constants() -> None:
    from diagnostic_msgs.msg import DiagnosticStatus
    from lifecycle_msgs.msg import State, Transition
    from visualization_msgs.msg import Marker

    assert (Marker.ARROW, Marker.DELETEALL, Marker().POINTS) == (0, 3, 8)
    assert DiagnosticStatus.STALE == b"\x03" and DiagnosticStatus().level == b"\0"
    assert State.PRIMARY_STATE_ACTIVE == 3 and Transition.TRANSITION_CONFIGURE == 1


def test_fields_and_types_are_spelled_as_in_ros() -> None:
    from diagnostic_msgs.msg import DiagnosticStatus
    from geometry_msgs.msg import PoseWithCovariance
    from rcl_interfaces.msg import ParameterDescriptor
    from sensor_msgs.msg import Image

    assert Image.get_fields_and_field_types() == {
        "header": "std_msgs/Header", "height": "uint32", "width": "uint32", "encoding": "string",
        "is_bigendian": "uint8", "step": "uint32", "data": "sequence<uint8>",
    }
    assert PoseWithCovariance.get_fields_and_field_types()["covariance"] == "double[36]"
    assert DiagnosticStatus.get_fields_and_field_types()["level"] == "octet"
    described = ParameterDescriptor.get_fields_and_field_types()
    assert described["integer_range"] == "sequence<rcl_interfaces/IntegerRange, 1>"
    assert described["read_only"] == "boolean"


@pytest.mark.parametrize("name, field, value", [
    ("geometry_msgs/msg/Point", "x", 1),
    ("std_msgs/msg/String", "data", 1),
    ("std_msgs/msg/UInt8", "data", 256),
    ("std_msgs/msg/Int32", "data", 1.0),
    ("std_msgs/msg/Header", "stamp", 0.0),
    ("sensor_msgs/msg/CameraInfo", "k", [1.0] * 8),
    ("sensor_msgs/msg/CameraInfo", "d", [1]),
    ("sensor_msgs/msg/Image", "data", np.zeros(3, np.uint8)),
    ("sensor_msgs/msg/Image", "data", array.array("b", [1])),
    ("sensor_msgs/msg/Image", "data", [300]),
    ("visualization_msgs/msg/MarkerArray", "markers", ["marker"]),
    ("diagnostic_msgs/msg/DiagnosticStatus", "level", 0),
    ("rcl_interfaces/msg/ParameterDescriptor", "integer_range", 1),
])
def test_wrong_values_are_refused(name: str, field: str, value: Any) -> None:
    msg = messages.message_class(name)()
    before = copy.deepcopy(msg)
    with pytest.raises(AssertionError):
        setattr(msg, field, value)
    assert msg == before


def test_equality_repr_copy_pickle() -> None:
    from geometry_msgs.msg import Point, Vector3
    from std_msgs.msg import Header

    assert Point(x=1.0) == Point(x=1.0) and Point(x=1.0) != Point(x=2.0) and Point() != Vector3()
    assert repr(Header(frame_id="map")) == (
        "std_msgs.msg.Header(stamp=builtin_interfaces.msg.Time(sec=0, nanosec=0), frame_id='map')")
    header = Header(frame_id="map")
    assert copy.deepcopy(header) == header and pickle.loads(pickle.dumps(header)) == header
    with pytest.raises(AttributeError):
        header.frame = "map"


def test_services() -> None:
    from std_srvs.srv import SetBool, Trigger

    assert Trigger.Response(success=True, message="done").message == "done"
    assert SetBool.Request(data=True).data is True
    assert messages.service_class("std_srvs/srv/Trigger") is Trigger
    assert messages.type_name(Trigger) == "std_srvs/srv/Trigger"
    assert messages.serialize(Trigger.Request()) == b"\0\1\0\0\0\0\0\0"


def test_image_data_is_one_buffer() -> None:
    from sensor_msgs.msg import Image

    pixels = np.random.default_rng(0).integers(0, 255, 640 * 480 * 3, dtype=np.uint8)
    cdr = messages.serialize(Image(height=480, width=640, data=pixels.tobytes()))
    image = messages.deserialize(cdr, Image)
    assert isinstance(image.data, array.array) and image.data.typecode == "B"
    assert np.array_equal(np.frombuffer(image.data, np.uint8), pixels)


def test_bytes_that_are_no_message() -> None:
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import MarkerArray

    cdr = messages.serialize(Image(encoding="rgb8", data=bytes(100)))
    for end in range(4, len(cdr) - 4):
        with pytest.raises(NmapError, match="too few for a message"):
            messages.deserialize(cdr[:end], Image)
    for bad in (b"", b"\x00\x00\x00\x00" + cdr[4:], b"\x00\x0b\x00\x00" + cdr[4:]):
        with pytest.raises(NmapError, match="not little-endian CDR"):
            messages.deserialize(bad, Image)
    endless = b"\0\1\0\0" + b"\xff" * 8  # four thousand million markers
    with pytest.raises(NmapError, match="too few"):
        messages.deserialize(endless, MarkerArray)


def test_unknown_types_are_named() -> None:
    with pytest.raises(NmapError, match="message type my_msgs/msg/Mine: not known"):
        messages.message_class("my_msgs/msg/Mine")
    with pytest.raises(NmapError, match="service type my_msgs/srv/Mine: not known"):
        messages.service_class("my_msgs/srv/Mine")
    import std_msgs.msg

    with pytest.raises(AttributeError, match="no attribute 'Strnig'"):
        _ = std_msgs.msg.Strnig
    assert "String" in dir(std_msgs.msg)
