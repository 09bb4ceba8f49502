"""Messages and ours, both ways, and what is refused on the way in."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseWithCovarianceStamped, Quaternion, Transform

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, rotation_from_vector
from nmap_reloc.nodes import convert
from nmap_reloc.types import Doubles

STAMP = Time(sec=1_700_000_000, nanosec=123_456_789)


def a_pose(seed: int) -> Rigid:
    random = np.random.default_rng(seed)
    return Rigid(rotation_from_vector(random.normal(0, 1.5, 3)), random.normal(0, 20, 3))


def a_covariance(seed: int = 0) -> Doubles:
    random = np.random.default_rng(seed)
    a = random.normal(0, 1, (6, 6)) * np.array([[1], [1], [1], [0.01], [0.01], [0.01]])
    return np.asarray(a @ a.T, np.float64)


def assert_same(a: Rigid, b: Rigid) -> None:
    np.testing.assert_allclose(a.translation, b.translation, rtol=0, atol=1e-12)
    assert angle_degrees(a, b) < 1e-10


@pytest.mark.parametrize("seed", range(20))
def test_poses_and_transforms_both_ways(seed: int) -> None:
    rigid = a_pose(seed)
    assert_same(convert.rigid_from_pose(convert.pose_from_rigid(rigid)), rigid)
    assert_same(convert.rigid_from_transform(convert.transform_from_rigid(rigid)), rigid)


def test_a_quarter_turn_as_ros_spells_it() -> None:
    turned = Rigid(rotation_from_vector([0, 0, np.pi / 2]), np.array([1.0, 2.0, 3.0]))
    q = convert.quaternion(turned)
    np.testing.assert_allclose([q.x, q.y, q.z, q.w], [0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    message = convert.transform_stamped(turned, "map", "odom", STAMP)
    assert (message.header.frame_id, message.child_frame_id) == ("map", "odom")
    assert message.header.stamp == STAMP and message.transform.translation.z == 3.0


def test_an_almost_unit_quaternion_is_normalised() -> None:
    rigid = convert.rigid_from_pose(Pose(orientation=Quaternion(w=1.004)))
    np.testing.assert_allclose(rigid.rotation, np.eye(3), atol=1e-15)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("wxyz", [(0, 0, 0, 0), (NAN, 0, 0, 0), (1, NAN, 0, 0), (INF, 0, 0, 0),
                                  (2, 0, 0, 0), (0.5, 0, 0, 0), (1e300, 1e300, 0, 0)])
def test_what_is_no_rotation(wxyz: tuple[float, ...]) -> None:
    w, x, y, z = map(float, wxyz)
    pose = Pose(orientation=Quaternion(w=w, x=x, y=y, z=z))
    with pytest.raises(NmapError, match=r"initialpose orientation .*not a unit quaternion"):
        convert.rigid_from_pose(pose, "initialpose")


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1e9, 1e308])
def test_what_is_no_position(bad: float) -> None:
    transform = Transform()
    transform.translation.y = bad
    with pytest.raises(NmapError, match="transform position"):
        convert.rigid_from_transform(transform)


@pytest.mark.parametrize("value", [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789,
                                   (2 ** 31 - 1) * 10 ** 9 + 999_999_000])
def test_nanoseconds_are_exact(value: int) -> None:
    stamp = convert.stamp_from_nanoseconds(value)
    assert convert.nanoseconds(stamp) == value
    assert convert.seconds(stamp) == value / 1e9
    assert convert.nanoseconds(convert.stamp_from_seconds(value / 1e9)) == pytest.approx(
        value, abs=130)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.9999999999, 12345.678901234, 1.7e9 + 0.1])
def test_seconds_come_back_as_the_same_float(value: float) -> None:
    assert convert.seconds(convert.stamp_from_seconds(value)) == pytest.approx(value, abs=1e-9)


def test_stamps_that_are_none() -> None:
    for stamp in (Time(sec=-1), Time(nanosec=10 ** 9), Time(sec=-1, nanosec=999_999_999)):
        with pytest.raises(NmapError, match=r"image stamp .*not a time"):
            convert.nanoseconds(stamp, "image stamp")
    with pytest.raises(NmapError, match="image stamp 0: not set"):
        convert.stated_nanoseconds(Time(), "image stamp")
    assert convert.stated_nanoseconds(STAMP) == 1_700_000_000_123_456_789


def message(frame: str = "map", seed: int = 3) -> PoseWithCovarianceStamped:
    return convert.pose_with_covariance(a_pose(seed), a_covariance(), frame, STAMP)


def test_pose_with_covariance_both_ways() -> None:
    sent = message()
    assert sent.header.frame_id == "map" and sent.header.stamp == STAMP
    values = sent.pose.covariance
    assert len(values) == 36 and values[6 * 2 + 4] == a_covariance()[2, 4]
    pose, covariance = convert.read_pose_with_covariance(sent, "map")
    assert_same(pose, a_pose(3))
    np.testing.assert_allclose(covariance, a_covariance(), rtol=1e-14)


def test_rounding_is_neither_asymmetry_nor_a_negative_variance() -> None:
    # rank one: its smallest eigenvalues are rounding, of either sign
    thin = np.outer([3.0, -2, 1, 0.1, 0.02, 0.3], [3.0, -2, 1, 0.1, 0.02, 0.3])
    thin = thin * (1 + 1e-9 * np.random.default_rng(1).normal(size=(6, 6)))
    checked = convert.checked_covariance(thin.astype(np.float32), "pose")
    np.testing.assert_array_equal(checked, checked.T)
    tiny = np.diag([1e-9, 1e-9, 1e-9, 1e-12, 1e-12, 1e-12])
    np.testing.assert_array_equal(convert.checked_covariance(tiny, "pose"), tiny)
    assert not convert.checked_covariance(np.zeros(36), "pose").any()


def changed(entries: dict[tuple[int, int], float]) -> Doubles:
    matrix = a_covariance()
    for place, value in entries.items():
        matrix[place] = value
    return matrix


@pytest.mark.parametrize(("matrix", "words"), [
    (changed({(0, 0): NAN}), "finite"), (changed({(2, 5): INF}), "finite"),
    (changed({(1, 1): 1e300}), "finite"), (changed({(3, 3): -1.0}), "negative variance"),
    (changed({(0, 0): -1e-3}), "negative variance"),
    (np.diag([1.0, 1, 1, 1, 1, -1e-6]), "negative variance"),
    (changed({(0, 1): 100.0}), "not symmetric"), (changed({(3, 4): 0.0}), "not symmetric"),
    (changed({(0, 1): 100.0, (1, 0): 100.0}), "negative variance"),
    (changed({(5, i): 0.3 for i in range(6)} | {(i, 5): 0.3 for i in range(5)} | {(5, 5): 0.0}),
     "negative variance"),
])
def test_what_is_no_covariance(matrix: Doubles, words: str) -> None:
    sent = message()
    sent.pose.covariance = np.ascontiguousarray(matrix).reshape(36)
    with pytest.raises(NmapError, match="initialpose covariance") as refusal:
        convert.read_initial_pose(sent, "map", "initialpose")
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("frame", ["", "odom", "map2", "m" * 5000, "map\n"])
def test_another_frame_is_refused(frame: str) -> None:
    with pytest.raises(NmapError, match="must be 'map', the frame of the map") as refusal:
        convert.read_initial_pose(message(frame), "map")
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 300
    assert convert.read_initial_pose(message("/map"), "map")


def test_rviz_says_nothing_of_height_roll_and_pitch() -> None:
    sent = message()
    rviz = np.zeros((6, 6))
    rviz[0, 0] = rviz[1, 1] = 0.25
    rviz[5, 5] = 0.0685
    sent.pose.covariance = rviz.reshape(36)
    _, covariance = convert.read_initial_pose(sent, "map")
    np.testing.assert_array_equal(np.diag(covariance), [0.25, 0.25, 0.25, 0.0685, 0.0685, 0.0685])
    sent.pose.covariance = a_covariance().reshape(36)
    np.testing.assert_allclose(convert.read_initial_pose(sent, "map")[1], a_covariance())
    sent.pose.covariance = np.zeros(36)
    assert np.linalg.eigvalsh(convert.read_initial_pose(sent, "map")[1])[0] > 0.05
