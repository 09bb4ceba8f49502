"""Services: asked at once, asked later, and not answered."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy_support import spin_until, wait_until, world
from std_srvs.srv import SetBool, Trigger


def _greet(_: Any, response: Any) -> Any:
    response.success = True
    response.message = "good day"
    return response


def test_a_service_answers() -> None:
    with world() as there:
        node = there.node()
        node.create_service(Trigger, "greet", _greet)
        client = node.create_client(Trigger, "greet")
        assert client.wait_for_service(timeout_sec=10)
        future = client.call_async(Trigger.Request())
        assert not future.done()
        there.executor.spin_until_future_complete(future, timeout_sec=10)
        assert future.done()
        assert (future.result().success, future.result().message) == (True, "good day")


def test_each_of_many_requests_gets_its_own_answer() -> None:
    with world() as there:
        node = there.node()

        def repeat(request: Any, response: Any) -> Any:
            response.success = request.data
            return response

        node.create_service(SetBool, "repeat", repeat)
        clients = [node.create_client(SetBool, "repeat") for _ in range(2)]
        assert all(client.wait_for_service(timeout_sec=10) for client in clients)
        asked = []
        for number in range(8):  # of more than 10 at once some may be dropped
            request = SetBool.Request(data=number % 3 == 0)
            asked.append((request.data, clients[number % 2].call_async(request)))
        assert there.spin_until(lambda: all(future.done() for _, future in asked))
        assert [future.result().success for _, future in asked] == [data for data, _ in asked]


def test_a_call_waits_while_another_thread_spins() -> None:
    with world() as there:
        node = there.node()
        node.create_service(Trigger, "greet", _greet)
        client = node.create_client(Trigger, "greet")
        assert client.wait_for_service(timeout_sec=10)
        spinner = threading.Thread(target=there.executor.spin)
        spinner.start()
        assert client.call(Trigger.Request(), timeout_sec=10).message == "good day"
        there.executor.shutdown()
        spinner.join()


def test_a_callback_may_await_another_service() -> None:
    with world() as there:
        node = there.node()
        replies = ReentrantCallbackGroup()
        inner = node.create_client(Trigger, "greet", callback_group=replies)

        async def forward(_: Any, response: Any) -> Any:
            answer = await inner.call_async(Trigger.Request())
            response.message = answer.message + " indeed"
            return response

        node.create_service(Trigger, "greet", _greet, callback_group=replies)
        node.create_service(Trigger, "forward", forward)
        outer = node.create_client(Trigger, "forward", callback_group=replies)
        assert inner.wait_for_service(timeout_sec=10)
        assert outer.wait_for_service(timeout_sec=10)
        future = outer.call_async(Trigger.Request())
        there.executor.spin_until_future_complete(future, timeout_sec=10)
        assert future.result().message == "good day indeed"


def test_a_callback_may_block_on_a_service_where_threads_are_many() -> None:
    with world() as there:
        node = there.node()
        inner = node.create_client(Trigger, "greet",
                                   callback_group=MutuallyExclusiveCallbackGroup())

        def forward(_: Any, response: Any) -> Any:
            response.message = inner.call(Trigger.Request(), timeout_sec=10).message
            return response

        node.create_service(Trigger, "greet", _greet,
                            callback_group=MutuallyExclusiveCallbackGroup())
        node.create_service(Trigger, "forward", forward)
        outer = node.create_client(Trigger, "forward",
                                   callback_group=MutuallyExclusiveCallbackGroup())
        executor = MultiThreadedExecutor(3, context=there.context)
        executor.add_node(node)
        assert inner.wait_for_service(timeout_sec=10)
        assert outer.wait_for_service(timeout_sec=10)
        future = outer.call_async(Trigger.Request())
        assert spin_until(executor, future.done)
        assert future.result().message == "good day"
        executor.shutdown()


def test_waiting_for_nobody_ends_with_the_time() -> None:
    with world() as there:
        node = there.node()
        client = node.create_client(Trigger, "nobody")
        assert not client.service_is_ready()
        start = time.monotonic()
        assert not client.wait_for_service(timeout_sec=0.1)
        assert time.monotonic() - start >= 0.1
        future = client.call_async(Trigger.Request())
        there.executor.spin_until_future_complete(future, timeout_sec=0.1)
        assert not future.done()
        client.remove_pending_request(future)
        spinner = threading.Thread(target=there.executor.spin)
        spinner.start()
        assert client.call(Trigger.Request(), timeout_sec=0.1) is None
        there.executor.shutdown()
        spinner.join()


def test_requests_and_responses_have_their_types() -> None:
    with world() as there:
        node = there.node()
        node.create_service(Trigger, "wrong", lambda request, response: None)
        client = node.create_client(Trigger, "wrong")
        with pytest.raises(TypeError):
            client.call_async(SetBool.Request())
        with pytest.raises(TypeError):
            client.call(Trigger.Response())
        assert client.wait_for_service(timeout_sec=10)
        future = client.call_async(Trigger.Request())
        with pytest.raises(TypeError):
            there.executor.spin_until_future_complete(future, timeout_sec=10)


def test_the_graph_knows_services() -> None:
    with world() as there:
        node = there.node("server", namespace="/ns")
        service = node.create_service(Trigger, "~/greet", _greet)
        assert service.service_name == "/ns/server/greet"
        assert wait_until(lambda: node.count_services("/ns/server/greet") == 1)
        known = dict(node.get_service_names_and_types())
        assert known["/ns/server/greet"] == ["std_srvs/srv/Trigger"]
        mine = dict(node.get_service_names_and_types_by_node("server", "/ns"))
        assert "/ns/server/greet" in mine
        client = node.create_client(Trigger, "~/greet")
        assert client.wait_for_service(timeout_sec=10)
        assert node.destroy_service(service)
        assert wait_until(lambda: not client.service_is_ready())
