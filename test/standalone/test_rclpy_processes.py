"""Topics and services between two processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from rclpy.wait_for_message import wait_for_message
from rclpy_support import LATCHED, running, wait_until, world
from std_msgs.msg import String
from std_srvs.srv import Trigger

OTHER = """
from std_msgs.msg import String
from std_srvs.srv import Trigger

rclpy.init()
node = Node("other", namespace="/far")
answers = node.create_publisher(String, "/answers", 10)
latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
node.create_publisher(String, "/told", latched).publish(String(data="long ago"))

def reverse(message):
    answers.publish(String(data=message.data[::-1]))

async def answer(request, response):
    response.success = True
    response.message = "from afar"
    return response

node.create_subscription(String, "/questions", reverse, 10)
node.create_service(Trigger, "~/ask", answer)
print("ready")
rclpy.spin(node)
"""


@pytest.fixture(scope="module", autouse=True)
def other() -> Iterator[None]:
    """The other process."""
    with running(OTHER):
        yield


def test_messages_go_there_and_back() -> None:
    with world() as there:
        node = there.node()
        received: list[str] = []
        node.create_subscription(String, "/answers", lambda m: received.append(m.data), 10)
        publisher = node.create_publisher(String, "/questions", 10)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        # The other side may know its match a little later than this one.
        end = time.monotonic() + 10
        while not received and time.monotonic() < end:
            publisher.publish(String(data="abc"))
            there.executor.spin_once(timeout_sec=0.1)
        assert received
        assert set(received) == {"cba"}


def test_latched_messages_reach_a_later_process() -> None:
    with world() as there:
        assert wait_for_message(String, there.node(), "/told", qos_profile=LATCHED,
                                time_to_wait=10) == (True, String(data="long ago"))


def test_a_service_answers_from_there() -> None:
    with world() as there:
        client = there.node().create_client(Trigger, "/far/other/ask")
        assert client.wait_for_service(timeout_sec=10)
        future = client.call_async(Trigger.Request())
        there.executor.spin_until_future_complete(future, timeout_sec=10)
        assert future.result().message == "from afar"


def test_the_graph_shows_the_node_there() -> None:
    with world() as there:
        node = there.node()
        assert node.wait_for_node("/far/other", timeout=10.0)
        assert wait_until(lambda: node.count_publishers("/told") == 1)
        info, = node.get_publishers_info_by_topic("/told")
        assert (info.node_name, info.node_namespace) == ("other", "/far")
