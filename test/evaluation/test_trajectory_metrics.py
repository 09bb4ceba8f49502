"""ATE, RPE and alignment against numbers that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.evaluation.trajectory_metrics import (
    PosePair,
    Spread,
    align,
    ate,
    rpe_over_time,
    rpe_over_way,
)
from nmap_reloc.geometry import Rigid, rotation_from_vector


def at(x: float, y: float = 0.0, z: float = 0.0, yaw_deg: float = 0.0) -> Rigid:
    return Rigid(rotation_from_vector([0, 0, np.radians(yaw_deg)]), np.array([x, y, z]))


def pair(stamp: float, estimate: Rigid, true: Rigid, piece: int = 0) -> PosePair:
    """A drive along x: its way is x."""
    return PosePair(stamp, estimate, true, float(true.translation[0]), piece)


def test_spread_by_hand() -> None:
    found = Spread.of([3.0, 4.0, 0.0, 0.0])
    assert found is not None
    assert (found.count, found.rmse, found.median, found.max) == (4, 2.5, 1.5, 4.0)
    assert found.p95 == pytest.approx(3.85)
    assert Spread.of([]) is None


def test_ate_without_alignment_is_the_plain_distance() -> None:
    errors = [(0.0, 0.0), (0.3, 0.4), (0.0, 1.0)]  # 0, 0.5, 1
    found = ate([pair(i, at(i + dx, dy), at(i)) for i, (dx, dy) in enumerate(errors)])
    assert found is not None
    assert found.unaligned.rmse == pytest.approx(np.sqrt(1.25 / 3))
    assert found.unaligned.median == pytest.approx(0.5)
    assert found.aligned.rmse < found.unaligned.rmse
    assert ate([]) is None


def test_alignment_takes_away_a_wrong_frame_and_says_so() -> None:
    wrong = Rigid(rotation_from_vector([0, 0, np.radians(30)]), np.array([2.0, -1.0, 0.5]))
    path = [at(x, np.sin(x)) for x in np.linspace(0, 6, 20)]
    found = ate([pair(i, wrong @ true, true) for i, true in enumerate(path)])
    assert found is not None
    assert found.unaligned.rmse > 1.0
    assert found.aligned.max == pytest.approx(0.0, abs=1e-12)
    assert found.turn_deg == pytest.approx(30.0)


def test_a_constant_offset_is_its_own_shift() -> None:
    found = ate([pair(i, at(i, 0.2), at(i)) for i in range(5)])
    assert found is not None
    assert found.unaligned.rmse == pytest.approx(0.2)
    assert found.unaligned.median == pytest.approx(0.2)
    assert found.shift == pytest.approx(0.2)
    assert found.aligned.rmse == pytest.approx(0.0, abs=1e-12)


def test_alignment_is_a_rotation_and_never_a_reflection_or_a_scale() -> None:
    random = np.random.default_rng(2)
    points = random.normal(size=(10, 3))
    motion = align(points, points * [1, 1, -1])
    assert np.linalg.det(motion.rotation) == pytest.approx(1.0)
    motion = align(points, 2 * points)
    np.testing.assert_allclose(motion.rotation, np.eye(3), atol=1e-9)
    one = align(points[:1], points[:1] + 1)  # undetermined but for the shift
    np.testing.assert_allclose(one.apply(points[:1]), points[:1] + 1)


def test_rpe_of_an_estimate_that_is_ten_percent_too_long() -> None:
    drive = [pair(i / 2, at(0.55 * i), at(0.5 * i)) for i in range(9)]  # 1 m/s, 0 to 4 m
    way, time = rpe_over_way(drive, 1.0), rpe_over_time(drive, 2.0)
    assert way is not None and time is not None
    assert way.translation.count == 7  # from 0 to 3 m
    assert way.translation.rmse == pytest.approx(0.1)
    assert way.rotation_deg.max == pytest.approx(0.0, abs=1e-9)
    assert time.translation.count == 5
    assert time.translation.median == pytest.approx(0.2)


def test_rpe_does_not_see_a_wrong_frame_but_sees_a_turn() -> None:
    wrong = Rigid(rotation_from_vector([0, 0, 1.0]), np.array([9.0, 9.0, 9.0]))
    still = rpe_over_way([pair(i, wrong @ at(i), at(i)) for i in range(4)], 1.0)
    assert still is not None
    assert still.translation.max == pytest.approx(0.0, abs=1e-9)
    turning = rpe_over_way([pair(i, at(i, yaw_deg=2.0 * i), at(i)) for i in range(4)], 1.0)
    assert turning is not None
    assert turning.rotation_deg.median == pytest.approx(2.0)


def test_rpe_does_not_span_a_jump_of_the_truth_nor_a_gap() -> None:
    drive = [pair(float(i), at(i), at(i), piece=int(i > 2)) for i in range(6)]
    over = rpe_over_time(drive, 1.0)
    assert over is not None and over.translation.count == 4
    gap = [pair(stamp, at(stamp), at(stamp)) for stamp in (0.0, 1.0, 1.5, 4.0)]
    over = rpe_over_time(gap, 1.0)
    assert over is not None and over.translation.count == 1  # 0 to 1 s
    assert rpe_over_time(gap[:1], 1.0) is None
