"""A node's executable from its start to its end."""

from __future__ import annotations

import pytest
import rclpy
from rclpy.node import Node
from std_msgs.msg import String

from nmap_reloc.errors import NmapError
from nmap_reloc.nodes.running import run_node


class Talker(Node):
    """Publishes once by a timer. stopped: the shutdown comes first, as a signal may."""

    def __init__(self, stopped: bool) -> None:
        super().__init__("talker")
        self._stopped, self._topic = stopped, self.create_publisher(String, "talk", 1)
        self.create_timer(0.01, self._talk)

    def _talk(self) -> None:
        if self._stopped:
            rclpy.shutdown()
        self._topic.publish(String(data="hello"))
        raise ValueError("said")


def test_what_can_not_be_published_during_the_shutdown_is_no_failure() -> None:
    assert run_node(lambda: Talker(stopped=True)) == 0
    assert not rclpy.ok()


def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="said"):
        run_node(lambda: Talker(stopped=False))
    assert not rclpy.ok()


def test_a_node_that_can_not_be_made_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def make() -> Node:
        raise NmapError("map /nowhere: missing; correct the path")
    assert run_node(make) == 1
    assert capsys.readouterr().err == "error: map /nowhere: missing; correct the path\n"
    assert not rclpy.ok()
