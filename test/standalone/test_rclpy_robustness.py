"""What the standalone client library promises beyond the real one's documentation."""

from __future__ import annotations

from typing import Any

import pytest
from rclpy_support import program, wait_until, world
from std_msgs.msg import Int32, String
from std_srvs.srv import Trigger

from nmap_reloc import standalone

pytestmark = pytest.mark.skipif(not standalone.enable(), reason="of the standalone runtime only")


@pytest.mark.parametrize("garbage", [
    b"\0\1\0\0\xff\xff\xff\x7fabcd", b"x" * 64])
def test_bytes_that_are_no_message_are_dropped(garbage: bytes) -> None:
    with world() as there:
        node = there.node()
        received: list[Any] = []
        node.create_subscription(String, "t", received.append, 10)
        publisher = node.create_publisher(String, "t", 10)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        publisher.publish(garbage)
        publisher.publish(String(data="good"))
        assert there.spin_until(lambda: bool(received))
        assert received == [String(data="good")]


def test_a_response_of_another_form_is_dropped() -> None:
    with world() as there:
        node = there.node()

        def answer(request: Any, response: Any) -> Any:
            service._server.reply(taken[-1], b"\0\1\0\0")
            return response

        service = node.create_service(Trigger, "ask", answer)
        taken: list[Any] = []
        take = service._server.take
        service._server.take = lambda: taken.extend(took := take()) or took
        client = node.create_client(Trigger, "ask")
        assert client.wait_for_service(timeout_sec=10)
        future = client.call_async(Trigger.Request())
        assert there.spin_until(future.done)
        assert future.result() == Trigger.Response()


def test_a_shutdown_takes_nodes_off_the_graph_that_nobody_destroyed() -> None:
    with world() as watching:
        watcher = watching.node("watcher")
        with world() as there:
            there.node("forgotten").create_publisher(Int32, "/left", 1)
            assert wait_until(lambda: watcher.count_publishers("/left") == 1)
            there.nodes.clear()
            there.context.shutdown()
            assert wait_until(lambda: watcher.count_publishers("/left") == 0
                              and "forgotten" not in watcher.get_node_names())


def test_a_program_may_end_while_a_daemon_thread_spins_and_publishes() -> None:
    process = program("""
        from std_msgs.msg import String
        rclpy.init()
        node = Node("daemon")
        publisher = node.create_publisher(String, "x", 1)
        node.create_timer(0.0005, lambda: publisher.publish(String()))
        threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
        time.sleep(0.1)
    """)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
