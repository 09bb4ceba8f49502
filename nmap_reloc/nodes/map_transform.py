"""The transform that puts the robot in the map: map -> odom, or map -> base without odometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Header
from tf2_ros import TransformBroadcaster

from nmap_reloc.geometry import Rigid
from nmap_reloc.nodes.convert import transform_from_rigid


@dataclass(frozen=True)
class Correction:
    """parent_from_child, frames by name; what the tracker believes now."""

    transform: Rigid
    parent: str
    child: str


class MapTransform:
    """Sent with each fix at the image's stamp and, by a timer, ahead of now by `tolerance`
    seconds, so that no consumer at now has to extrapolate (as Nav2's AMCL does).

    `correction` is set by the worker and read by the timer: one assignment. None: not sent.
    """

    def __init__(self, node: Node, rate: float, tolerance: float):
        self.correction: Correction | None = None
        self.tolerance = tolerance
        self._node, self._broadcaster = node, TransformBroadcaster(node)
        self._timer = node.create_timer(1.0 / rate, self.send)

    def fixed(self, correction: Correction, stamp: Any) -> None:
        """A new fix: consumers that ask for the image's own stamp get this very correction."""
        self.correction = correction
        self._broadcast(correction, stamp, self._ahead())

    def send(self) -> None:
        """What is believed, valid until `tolerance` from now."""
        correction = self.correction
        if correction is not None:
            self._broadcast(correction, self._ahead())

    def _ahead(self) -> Any:
        return (self._node.get_clock().now() + Duration(seconds=self.tolerance)).to_msg()

    def _broadcast(self, correction: Correction, *stamps: Any) -> None:
        """In one message: what belongs together comes together."""
        transform = transform_from_rigid(correction.transform)
        self._broadcaster.sendTransform([
            TransformStamped(header=Header(stamp=stamp, frame_id=correction.parent),
                             child_frame_id=correction.child, transform=transform)
            for stamp in stamps])

    def set_rate(self, rate: float) -> None:
        """Times per second."""
        self._timer.cancel()
        self._node.destroy_timer(self._timer)
        self._timer = self._node.create_timer(1.0 / rate, self.send)
