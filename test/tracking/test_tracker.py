"""The tracker on estimates made by hand: what is believed, when, and what is forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.geometry import Rigid, pose_error, rotation_from_vector
from nmap_reloc.tracking import State, Tracker, TrackerOptions
from nmap_reloc.types import Estimate, Refusal

SIGMAS = np.diag([0.01] * 3 + [0.005] * 3) ** 2
PERIOD = 0.1


def pose(x: float, y: float = 0.0, yaw: float = 0.0) -> Rigid:
    return Rigid(rotation_from_vector([0, 0, yaw]), np.array([x, y, 0.0]))


def seen(map_from_camera: Rigid) -> Estimate:
    return Estimate(map_from_camera, SIGMAS, None, None)


def blind(reason: str = "3 inliers of 20") -> Estimate:
    return Estimate(None, None, None, None, refusal=Refusal("solve", reason))


class Robot:
    """Drives along x; odometry starts elsewhere and drifts by a hundredth."""

    def __init__(self, tracker: Tracker, odometry: bool = True):
        self.tracker, self.odometry, self.stamp, self.travelled = tracker, odometry, 100.0, 0.0
        self.kidnapped = 0.0

    @property
    def truth(self) -> Rigid:
        return pose(self.travelled, self.kidnapped)

    def step(self, estimate: Estimate | None = None, forward: float = 0.1):
        self.stamp += PERIOD
        self.travelled += forward
        odom = pose(5 + 1.01 * self.travelled, 3) if self.odometry else None
        answer = seen(self.truth @ self.tracker.base_from_camera)
        return self.tracker.update(self.stamp, estimate or answer, odom)


@pytest.fixture(params=[True, False], ids=["odometry", "no odometry"])
def robot(request: pytest.FixtureRequest) -> Robot:
    return Robot(Tracker(TrackerOptions(suspect_frames=5)), request.param)


def started(robot: Robot) -> Robot:
    for _ in range(robot.tracker.options.confirm_fixes):
        verdict = robot.step()
    assert verdict.accepted and robot.tracker.state is State.TRACKING
    return robot


def test_the_first_pose_needs_fixes_that_agree(robot: Robot) -> None:
    verdicts = [robot.step() for _ in range(4)]
    assert [v.accepted for v in verdicts] == [False, False, True, True]
    assert [v.state for v in verdicts[:2]] == [State.LOST] * 2
    assert verdicts[0].reason == "1 of 3 fixes agree"
    assert not verdicts[2].jumped


def test_fixes_all_over_the_place_are_never_believed(robot: Robot) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        verdict = robot.step(seen(pose(*rng.uniform(-50, 50, 2))))
        assert not verdict.accepted and verdict.state is State.LOST


def test_one_image_without_a_fix_makes_it_suspect_and_the_next_heals_it(robot: Robot) -> None:
    started(robot)
    verdict = robot.step(blind())
    assert (verdict.state, verdict.accepted) == (State.SUSPECT, False)
    assert verdict.reason == "3 inliers of 20"
    verdict = robot.step()
    assert verdict.accepted and verdict.state is State.TRACKING


def test_a_pose_that_contradicts_motion_is_not_published(robot: Robot) -> None:
    started(robot)
    verdict = robot.step(seen(pose(40.0, 7.0)))
    assert not verdict.accepted and verdict.state is State.SUSPECT
    assert "off what motion predicts" in verdict.reason
    assert robot.step().accepted  # and the truth goes on


def test_a_kidnapped_robot_is_found_again_and_nothing_stale_is_accepted(robot: Robot) -> None:
    started(robot)
    robot.kidnapped = 20.0
    verdicts = [robot.step() for _ in range(3)]
    assert [v.accepted for v in verdicts] == [False, False, True]
    assert verdicts[0].state is State.SUSPECT
    assert verdicts[2].jumped
    np.testing.assert_allclose(verdicts[2].map_from_base.translation, robot.truth.translation)


def test_images_without_a_fix_end_in_lost(robot: Robot) -> None:
    started(robot)
    states = [robot.step(blind()).state for _ in range(6)]
    assert states[0] is State.SUSPECT and State.LOST in states
    assert states.index(State.LOST) <= robot.tracker.options.suspect_frames - 1
    assert robot.tracker.predict(robot.stamp, None) is None
    assert robot.tracker.map_from_odom is None


def test_a_long_silence_ends_in_lost() -> None:
    robot = started(Robot(Tracker()))
    robot.stamp += 10.0
    assert robot.step(blind()).state is State.LOST


def test_without_any_image_the_pose_expires() -> None:
    robot = started(Robot(Tracker()))
    assert not robot.tracker.expire(robot.stamp + 4.9)
    assert robot.tracker.state is State.TRACKING
    assert robot.tracker.expire(robot.stamp + 5.1) and robot.tracker.state is State.LOST
    assert not robot.tracker.expire(robot.stamp + 6.0)


def test_a_weak_fix_moves_the_pose_little_and_a_sharp_one_all_the_way() -> None:
    robot = started(Robot(Tracker()))
    weak = np.diag([0.3] * 3 + [0.1] * 3) ** 2
    for _ in range(10):
        off = robot.truth @ pose(0.1, 0.3)  # as it stands before the step: 0.3 m to the side
        verdict = robot.step(Estimate(off, weak, None, None), forward=0.0)
        assert verdict.accepted
    apart = np.linalg.norm(verdict.map_from_base.translation - robot.truth.translation)
    assert apart < 0.1
    assert np.sqrt(verdict.covariance[0, 0]) > 0.04  # and it knows that it knows less
    verdict = robot.step()
    error = pose_error(robot.truth, verdict.map_from_base)
    assert np.linalg.norm(error[:3]) < 0.02


def test_odometry_carries_the_pose_on_and_the_covariance_grows() -> None:
    robot = started(Robot(Tracker()))
    before = robot.tracker.predict(robot.stamp, pose(5 + 1.01 * robot.travelled, 3))
    after = robot.tracker.predict(robot.stamp + 1, pose(5 + 1.01 * (robot.travelled + 0.5), 3))
    np.testing.assert_allclose(after[0].translation, [robot.travelled + 0.505, 0, 0], atol=1e-3)
    assert (np.diag(after[1]) > np.diag(before[1])).all()


def test_without_odometry_the_covariance_grows_with_time() -> None:
    robot = started(Robot(Tracker(), odometry=False))
    sigmas = [robot.tracker.predict(robot.stamp + t, None)[1][0, 0] for t in (0, 0.5, 1.0)]
    assert sigmas == sorted(sigmas) and sigmas[-1] > 1.0


def test_map_from_odom_takes_odometry_to_the_pose() -> None:
    robot = started(Robot(Tracker()))
    odom = pose(5 + 1.01 * robot.travelled, 3)
    error = pose_error(robot.truth, robot.tracker.map_from_odom @ odom)
    np.testing.assert_allclose(error, 0, atol=1e-3)


def test_the_camera_sits_where_it_is_said_to() -> None:
    camera = Rigid(rotation_from_vector([0.3, -1.2, 0.4]), np.array([0.4, -0.1, 1.1]))
    robot = started(Robot(Tracker(base_from_camera=camera)))
    verdict = robot.step()
    np.testing.assert_allclose(pose_error(robot.truth, verdict.map_from_base), 0, atol=1e-3)
    prior = robot.tracker.prior(robot.stamp, pose(5 + 1.01 * robot.travelled, 3))
    error = pose_error(robot.truth @ camera, prior.map_from_camera)
    np.testing.assert_allclose(error, 0, atol=2e-3)
    # A camera on a lever is less certain than the base when the base may turn.
    assert np.trace(prior.covariance[:3, :3]) > 3 * 0.02 ** 2


def test_time_that_goes_back_forgets_the_pose(robot: Robot) -> None:
    started(robot)
    robot.stamp -= 50.0
    verdict = robot.step()
    assert not verdict.accepted and verdict.state is State.LOST
    assert robot.tracker.map_from_odom is None
    assert [robot.step().accepted for _ in range(2)] == [False, True]


def test_a_pose_given_from_outside_is_confirmed_by_one_image(robot: Robot) -> None:
    robot.tracker.set_pose(robot.stamp, pose(0.2), np.diag([0.25, 0.25, 0.25, 0.07, 0.07, 0.07]),
                           pose(5, 3) if robot.odometry else None)
    assert robot.tracker.state is State.SUSPECT
    assert robot.step().accepted


def test_a_wrong_pose_given_from_outside_does_not_hold_the_robot_up(robot: Robot) -> None:
    robot.tracker.set_pose(robot.stamp, pose(30.0), np.eye(6) * 0.1,
                           pose(5, 3) if robot.odometry else None)
    assert [robot.step().accepted for _ in range(3)] == [False, False, True]


def test_fixes_too_far_apart_in_time_do_not_confirm_each_other() -> None:
    robot = Robot(Tracker(TrackerOptions(max_gap=0.15)))
    for _ in range(5):
        robot.step(forward=0.0)
        robot.stamp += 1.0
    assert robot.tracker.state is State.LOST


def test_lose_forgets_and_says_why(robot: Robot) -> None:
    started(robot)
    robot.tracker.lose("asked for")
    assert (robot.tracker.state, robot.tracker.reason) == (State.LOST, "asked for")
    assert robot.tracker.prior(robot.stamp, None) is None
