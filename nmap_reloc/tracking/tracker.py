"""LOST, TRACKING or SUSPECT: which fixes are believed, and where the robot is in between."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nmap_reloc.gate import largest_sigma
from nmap_reloc.geometry import Rigid, covariance_of_attached
from nmap_reloc.tracking.motion import Fix, Matrix, carry, contradiction, disagreement, fuse
from nmap_reloc.tracking.options import TrackerOptions
from nmap_reloc.types import Estimate, PosePrior


class State(Enum):
    """LOST: the pose is unknown. TRACKING: the last image gave it. SUSPECT: the last image did
    not; odometry carries the pose on until the next ones confirm or deny it."""

    LOST = "lost"
    TRACKING = "tracking"
    SUSPECT = "suspect"


@dataclass(frozen=True)
class Verdict:
    """What one image changed. accepted: the pose of the base, of the image's stamp, may be
    published; covariance [6 x 6] as Estimate says, of the base. jumped: the pose is not where
    motion from the last one leads. reason: one line, why it is not accepted; "" where it is."""

    state: State
    accepted: bool
    map_from_base: Rigid | None = None
    covariance: Matrix | None = None
    jumped: bool = False
    reason: str = ""


class Tracker:
    """Not thread-safe. Stamps are seconds of the images' own clock; no wall time is read, so that
    a replay decides as the robot did.

    base_from_camera: where the camera sits; may be set anew between two images. misses: images
    since the last one that was believed.
    """

    def __init__(self, options: TrackerOptions | None = None,
                 base_from_camera: Rigid | None = None):
        self.options = options or TrackerOptions()
        self.base_from_camera = base_from_camera or Rigid.identity()
        self._clear("no image yet")

    def _clear(self, reason: str) -> None:
        self.state, self.reason = State.LOST, reason
        self._last: Fix | None = None  # believed
        self._rivals: list[Fix] = []   # contradict it, or the first ones; agree with each other
        self.misses = 0
        self._stamp: float | None = None

    @property
    def last_pose(self) -> Rigid | None:
        """map_from_base of the last believed fix; None while LOST."""
        return None if self._last is None else self._last.map_from_base

    @property
    def map_from_odom(self) -> Rigid | None:
        """As of the last believed fix; None while LOST or without odometry."""
        if self._last is None or self._last.odom_from_base is None:
            return None
        return self._last.map_from_base @ self._last.odom_from_base.inverse()

    def predict(self, stamp: float, odom_from_base: Rigid | None) -> tuple[Rigid, Matrix] | None:
        """map_from_base at `stamp` and its covariance, grown since the last fix; None: LOST."""
        if self._last is None:
            return None
        return carry(self._last, stamp, odom_from_base, self.options)

    def prior(self, stamp: float, odom_from_base: Rigid | None) -> PosePrior | None:
        """Where the camera ought to be; None: search the whole map."""
        predicted = self.predict(stamp, odom_from_base)
        if predicted is None:
            return None
        map_from_base, covariance = predicted
        return PosePrior(map_from_base @ self.base_from_camera,
                         covariance_of_attached(covariance, map_from_base, self.base_from_camera))

    def set_pose(self, stamp: float, map_from_base: Rigid, covariance: Matrix,
                 odom_from_base: Rigid | None) -> None:
        """A pose from outside (rviz, a file): believed when the next image confirms it."""
        self._clear("")
        self._last = Fix(stamp, map_from_base, covariance, odom_from_base)
        self._turn(State.SUSPECT, "a pose was given, no image has confirmed it yet")

    def lose(self, reason: str) -> None:
        """Forget everything: asked for, or the clock was set back."""
        self._clear(reason)

    def expire(self, stamp: float) -> bool:
        """LOST where there has been no image for too long; says whether that is news."""
        if self._last is None or stamp - self._last.stamp <= self.options.suspect_seconds:
            return False
        self._clear(f"{stamp - self._last.stamp:.1f} s without a fix")
        return True

    def update(self, stamp: float, estimate: Estimate, odom_from_base: Rigid | None) -> Verdict:
        """One image's answer."""
        if self._stamp is not None and stamp < self._stamp:
            self._clear(f"time went back by {self._stamp - stamp:.3g} s")
        self._stamp = stamp
        fix = self._fix(stamp, estimate, odom_from_base)
        if fix is None:
            why = estimate.refusal.reason if estimate.refusal else "no pose"
            return self._miss(stamp, odom_from_base, why)
        predicted = self.predict(stamp, odom_from_base)
        against = None if predicted is None else contradiction(*predicted, fix, self.options)
        if predicted is not None and against is None:
            return self._believe(fuse(*predicted, fix), jumped=False)
        self._confirm(fix)
        if len(self._rivals) >= self.options.confirm_fixes:
            return self._believe(fix, jumped=self._last is not None)
        agreed = f"{len(self._rivals)} of {self.options.confirm_fixes} fixes agree"
        return self._miss(stamp, odom_from_base,
                          f"{against}; {agreed}" if against else agreed)

    def _fix(self, stamp: float, estimate: Estimate, odom_from_base: Rigid | None) -> Fix | None:
        if not estimate.accepted or estimate.map_from_camera is None:
            return None
        assert estimate.covariance is not None
        camera_from_base = self.base_from_camera.inverse()
        covariance = covariance_of_attached(estimate.covariance, estimate.map_from_camera,
                                            camera_from_base)
        return Fix(stamp, estimate.map_from_camera @ camera_from_base, covariance, odom_from_base)

    def _confirm(self, fix: Fix) -> None:
        """Fixes that agree one with the next gather; another place begins anew."""
        if self._rivals:
            before = self._rivals[-1]
            if (fix.stamp - before.stamp > self.options.max_gap
                    or disagreement(before, fix, self.options) is not None):
                self._rivals = []
        self._rivals.append(fix)

    def _believe(self, fix: Fix, jumped: bool) -> Verdict:
        self._last, self._rivals, self.misses = fix, [], 0
        self._turn(State.TRACKING, "")
        return Verdict(self.state, True, fix.map_from_base, fix.covariance, jumped)

    def _miss(self, stamp: float, odom_from_base: Rigid | None, why: str) -> Verdict:
        if self._last is None:
            self.reason = why
            return Verdict(self.state, False, reason=why)
        self.misses += 1
        gone = self._given_up(stamp, odom_from_base)
        if gone is None:
            self._turn(State.SUSPECT, why)
        else:
            self._last, self.misses = None, 0
            self._turn(State.LOST, f"{gone}; the last: {why}")
        return Verdict(self.state, False, reason=self.reason)

    def _given_up(self, stamp: float, odom_from_base: Rigid | None) -> str | None:
        """Why the last pose is worth nothing any more."""
        options, last = self.options, self._last
        assert last is not None
        if self.misses >= options.suspect_frames:
            return f"{self.misses} images without a fix"
        if stamp - last.stamp > options.suspect_seconds:
            return f"{stamp - last.stamp:.1f} s without a fix"
        sigma = largest_sigma(carry(last, stamp, odom_from_base, options)[1][:3, :3])
        if sigma > options.max_position_sigma:
            return f"position uncertain by {sigma:.2g}"
        return None

    def _turn(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason
