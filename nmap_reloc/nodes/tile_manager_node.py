"""tile_manager: a lifecycle node that asks reloc_node for the tiles around the robot.

    configure   open and check the map, subscribe      cleanup      let go of it
    activate    follow the robot, publish              deactivate   stop; the tiles stay loaded

Nav2's lifecycle manager can run it with `bond_timeout: 0.0`: a Python node makes no bond.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.handover import Handover
from nmap_reloc.maps.tile_session import TileSession
from nmap_reloc.nodes.diagnostics import start_diagnostics
from nmap_reloc.nodes.figures import TileFigures
from nmap_reloc.nodes.parameters import ParameterSet
from nmap_reloc.nodes.running import run_node
from nmap_reloc.nodes.tile_figures import Complaints, tile_figures
from nmap_reloc.nodes.tile_keys import TILE_KEYS
from nmap_reloc.nodes.tile_manager_parameters import TileManagerParameters
from nmap_reloc.nodes.tile_markers import tile_markers

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                     durability=DurabilityPolicy.TRANSIENT_LOCAL)
LOG_PERIOD = 5.0  # seconds: the same complaint is logged at most so often


class TileManagerNode(LifecycleNode):  # type: ignore[misc] # rclpy is untyped where it is absent
    """One executor thread does everything; nothing here takes long but reading the manifest."""

    def __init__(self, **options: Any) -> None:
        super().__init__("tile_manager", **options)
        self.parameters = ParameterSet(self, TileManagerParameters, self._parameters_changed)
        # Milliseconds since 1970: greater than all that a process before this one has counted.
        self._handover = Handover(time.time_ns() // 1_000_000)
        self._session: TileSession | None = None
        self._lifecycle, self._complaints = "unconfigured", Complaints()
        self._pose_seen: float | None = None
        self._owned = ExitStack()  # what configure made; closing it destroys that
        self._timer: Any = None
        self._tiles_publisher: Any = None
        self._markers_publisher: Any = None
        self._drawn: object = None
        self._updater = start_diagnostics(self, TILE_KEYS, self.figures, self.parameters)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """FAILURE (the node stays unconfigured) where the map can't be used."""
        try:
            self._configure()
        except NmapError as error:
            self._fail(f"can't configure: {error}")
            self._release()
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would swallow it
            self._fail(f"can't configure: {traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)  # enables the publishers
        self._lifecycle = "active"
        self._start_timer()
        self._decide()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop_timer()
        self._lifecycle = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """SUCCESS: unconfigured, so that it can be configured again."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def figures(self) -> TileFigures:
        return tile_figures(self._lifecycle, self._session, time.monotonic(), self._pose_seen,
                            self._complaints)

    def _configure(self) -> None:
        values = self.parameters.values
        if not values.map:
            raise NmapError("parameter map '': must be given; set it to the folder of a map with "
                            "`ros2 param set` or in the parameters file, then configure again")
        session = TileSession(values.map_path(), values.session_options(), self._handover,
                              time.monotonic())
        self._tiles_publisher = self._publish(String, "active_tiles")
        self._markers_publisher = self._publish(MarkerArray, "~/markers")
        # Best effort hears every publisher of poses, reliable ones too.
        self._subscribe(PoseWithCovarianceStamped, "pose", self._on_pose, qos_profile_sensor_data)
        self._subscribe(String, "loaded_tiles", self._on_loaded, LATCHED)
        self._subscribe(String, "tile_candidates", self._on_candidates, LATCHED)
        self._owned.callback(self.destroy_service,
                             self.create_service(Trigger, "~/reload", self._on_reload))
        self._session, self._complaints, self._lifecycle = session, Complaints(), "inactive"
        manifest = session.site.manifest
        self.get_logger().info(f"map {manifest.site_id} version {manifest.map_version}: "
                               f"{len(manifest.tiles)} tiles")
        for reason in session.refused.values():
            self.get_logger().error(f"refused: {reason}")

    def _publish(self, kind: type, topic: str) -> Any:
        publisher = self.create_lifecycle_publisher(kind, topic, LATCHED)
        self._owned.callback(self.destroy_lifecycle_publisher, publisher)
        return publisher

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile
                   ) -> None:
        self._owned.callback(self.destroy_subscription,
                             self.create_subscription(kind, topic, callback, qos))

    def _release(self) -> None:
        """What _configure made, in any state of completeness."""
        self._stop_timer()
        self._owned.close()
        self._session = self._drawn = self._pose_seen = None
        self._lifecycle = "unconfigured"

    def _start_timer(self) -> None:
        # Steady: a paused simulation must not keep lost messages from being sent again.
        self._timer = self.create_timer(self.parameters.values.update_period, self._decide,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def _parameters_changed(self, old: TileManagerParameters, new: TileManagerParameters) -> None:
        if self._session is not None:
            self._session.change(new.session_options())
            self._drawn = None  # the frame may be another
        if self._timer is not None and old.update_period != new.update_period:
            self._stop_timer()
            self._start_timer()

    def _on_pose(self, message: PoseWithCovarianceStamped) -> None:
        session = self._session
        if session is None:
            return
        frame, wanted = message.header.frame_id, self._frame(session)
        position = message.pose.pose.position
        point = (position.x, position.y, position.z)
        if frame.lstrip("/") != wanted:
            self._bad(f"pose in frame {frame[:80]!r}: the map is in {wanted!r}; set map_frame, or "
                      "remap pose to a topic in that frame")
        elif not all(-1e9 < value < 1e9 for value in point):  # NaN is not, either
            self._bad(f"pose at {point}: not a position; is the localization healthy?")
        else:
            now = time.monotonic()
            stamp = message.header.stamp
            session.saw_pose(now, stamp.sec + stamp.nanosec * 1e-9, point)
            self._pose_seen = now

    def _on_loaded(self, message: String) -> None:
        if self._session is None:
            return
        before = set(self._session.refused)
        try:
            self._session.saw_loaded(time.monotonic(), message.data)
        except NmapError as error:
            self._bad(str(error))
            return
        for tile in sorted(set(self._session.refused) - before):
            self.get_logger().error(f"refused: {self._session.refused[tile]}")
        self._decide()

    def _on_candidates(self, message: String) -> None:
        if self._session is None:
            return
        try:
            self._session.saw_candidates(message.data)
        except NmapError as error:
            self._bad(str(error))
            return
        self._decide()

    def _on_reload(self, request: Trigger.Request, response: Trigger.Response
                   ) -> Trigger.Response:
        try:
            if self._session is None:
                raise NmapError("no map is open; configure the node")
            response.message = self._session.reload(time.monotonic())
            response.success = True
            self.get_logger().info(response.message)
        except NmapError as error:
            response.message = f"{error} (the map that was open stays in use)"
            self._fail(f"reload: {response.message}")
        self._decide()
        return response

    def _decide(self) -> None:
        """Publishes what has changed; while inactive nothing is."""
        session = self._session
        if session is None or self._lifecycle != "active":
            return
        text = session.step(time.monotonic())
        if text is not None:
            self._tiles_publisher.publish(String(data=text))
        complaint = session.complaint(time.monotonic(), self.parameters.values.lag_warn)
        if complaint is not None:
            self.get_logger().warning(complaint, throttle_duration_sec=LOG_PERIOD)
        shown = (frozenset(session.plan.tiles), session.follower.loaded,
                 frozenset(session.refused), session.site.manifest.map_version)
        if shown != self._drawn:
            self._drawn = shown
            header = Header(frame_id=self._frame(session), stamp=self.get_clock().now().to_msg())
            self._markers_publisher.publish(
                tile_markers(session.site.manifest.tiles, *shown[:3], header))

    def _frame(self, session: TileSession) -> str:
        return self.parameters.values.map_frame or session.site.manifest.frame

    def _bad(self, reason: str) -> None:
        """A message that can't be used."""
        self._complaints.bad_messages += 1
        self._complaints.add(reason, time.monotonic())
        self.get_logger().warning(reason, throttle_duration_sec=LOG_PERIOD)

    def _fail(self, reason: str) -> None:
        self._complaints.add(reason, time.monotonic())
        self.get_logger().error(reason)


def main(arguments: list[str] | None = None) -> int:
    """The executable tile_manager_node; 1 where a parameter is wrong."""
    return run_node(TileManagerNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
