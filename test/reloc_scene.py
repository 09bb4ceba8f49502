"""A simulated place, its map, and a reloc_node in it with a robot that shows it images."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rclpy.time import Time
from robot import Robot, initialised, parameters, running, until

from nmap_reloc.geometry import angle_degrees
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.nodes.convert import rigid_from_pose
from nmap_reloc.nodes.reloc_node import RelocNode


class Scene:
    """Node and robot, spinning."""

    def __init__(self, robot: Robot, node: RelocNode, stack: ExitStack):
        self.robot, self.node, self._stack = robot, node, stack

    def look(self, *views: int, pause: float = 0.0, **message: object) -> None:
        """One image after the other, each answered before the next."""
        for k in views:
            before = self.answered()
            self.robot.look(k, self.calibrated, **message)
            assert until(lambda before=before: self.answered() > before), "no answer"
            time.sleep(pause)

    def answered(self) -> int:
        """Images that the worker is done with."""
        return self.node.worker.processed + self.node.worker.failed

    def calibrated(self, stamp: object) -> bool:
        info = self.node.pipeline.info
        return info is not None and info.header.stamp == stamp

    def start(self) -> None:
        self.look(0, 1, 2)
        assert until(lambda: self.robot.poses)
        assert self.node.pipeline.tracker.state.value == "tracking"

    def error(self, k: int) -> tuple[float, float]:
        """Of the last pose against the truth at view k: metres, degrees."""
        found = rigid_from_pose(self.robot.poses[-1].pose.pose)
        truth = self.robot.truth(k)
        return (float(np.linalg.norm(found.translation - truth.translation)),
                angle_degrees(found, truth))

    def close(self) -> None:
        self._stack.close()


def begin(source: Source, site: Path, odometry: bool = True, **values: object) -> Scene:
    initialised()
    stack = ExitStack()
    robot = Robot(source.named("query"), odometry)
    stack.callback(robot.destroy_node)
    node = RelocNode(parameter_overrides=parameters(site, **values))
    stack.callback(node.destroy_node)
    stack.enter_context(running(node, robot))
    scene = Scene(robot, node, stack)
    assert until(lambda: robot.count_subscribers("image") and robot.states)
    assert until(lambda: robot.count_subscribers("camera_info"))
    assert until(lambda: node.buffer.can_transform("base_link", "camera", Time()))
    return scene
