"""Executors: threads, groups, coroutines, failures and ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.exceptions import NotInitializedException, ROSInterruptException
from rclpy.executors import (
    ExternalShutdownException,
    MultiThreadedExecutor,
    SingleThreadedExecutor,
)
from rclpy.node import Node
from rclpy.task import Future
from rclpy_support import World, spin_until, wait_until, world
from std_msgs.msg import Int32


class _OwnError(Exception):
    pass


def _fail() -> None:
    raise _OwnError("of a callback")


def test_failures_of_callbacks_leave_spin() -> None:
    with world() as there:
        timer = there.node().create_timer(0.01, _fail)
        with pytest.raises(_OwnError, match="of a callback"):
            there.executor.spin()
        timer.cancel()
        there.executor.create_task(_fail)
        with pytest.raises(_OwnError):
            there.executor.spin_once(timeout_sec=10)


def test_failures_in_a_pool_leave_spin_too() -> None:
    with world() as there:
        executor = MultiThreadedExecutor(2, context=there.context)
        node = Node("failing", context=there.context)
        executor.add_node(node)
        node.create_timer(0.01, _fail)
        with pytest.raises(_OwnError):
            executor.spin()
        executor.shutdown()
        node.destroy_node()


def test_spin_once_ends_with_the_time() -> None:
    with world() as there:
        there.node()
        there.spin_until(lambda: False, 0.1)  # what the node does first
        start = time.monotonic()
        there.executor.spin_once(timeout_sec=0.1)
        assert time.monotonic() - start >= 0.09
        there.executor.spin_once(timeout_sec=0)


def test_another_thread_can_wake_and_end_an_executor() -> None:
    with world() as there:
        done: list[int] = []
        guard = there.node().create_guard_condition(lambda: done.append(1))
        spinner = threading.Thread(target=there.executor.spin)
        spinner.start()
        guard.trigger()
        assert wait_until(lambda: done == [1])
        task = there.executor.create_task(lambda a, b: a + b, 2, b=3)
        assert wait_until(task.done)
        assert task.result() == 5
        there.executor.shutdown()
        spinner.join(timeout=10)
        assert not spinner.is_alive()


def test_the_end_of_the_context_leaves_spin_as_an_exception() -> None:
    with world() as there:
        there.node()
        threading.Timer(0.1, there.context.shutdown).start()
        with pytest.raises(ExternalShutdownException):
            there.executor.spin()
        there.executor.spin()  # over: returns at once
        with pytest.raises(NotInitializedException):
            Node("late", context=there.context)


def test_callbacks_of_a_shutdown_are_called_once() -> None:
    with world() as there:
        called: list[int] = []
        there.context.on_shutdown(lambda: called.append(1))
        there.context.shutdown()
        there.context.try_shutdown()
        assert called == [1]
        assert not there.context.ok()
        with pytest.raises(RuntimeError):
            there.context.shutdown()
        there.context.on_shutdown(lambda: called.append(2))  # too late: at once
        assert called == [1, 2]


def test_futures() -> None:
    future = Future()
    results: list[Any] = []
    future.add_done_callback(lambda f: results.append(f.result()))
    assert not future.done()
    future.set_result(3)
    future.add_done_callback(lambda f: results.append(f.result()))
    assert results == [3, 3]
    failed = Future()
    failed.set_exception(_OwnError())
    assert isinstance(failed.exception(), _OwnError)
    with pytest.raises(_OwnError):
        failed.result()
    cancelled = Future()
    cancelled.cancel()
    assert cancelled.cancelled()


def test_spinning_until_a_future_is_done() -> None:
    with world() as there:
        future = Future()
        there.node().create_timer(0.01, lambda: future.done() or future.set_result("now"))
        there.executor.spin_until_future_complete(future, timeout_sec=10)
        assert future.result() == "now"
        never = Future()
        start = time.monotonic()
        there.executor.spin_until_future_complete(never, timeout_sec=0.1)
        assert time.monotonic() - start >= 0.09
        assert not never.done()
        from_afar = Future()
        threading.Timer(0.05, lambda: from_afar.set_result(1)).start()
        there.executor.spin_until_future_complete(from_afar, timeout_sec=10)
        assert from_afar.done()


def test_coroutines_wait_for_futures() -> None:
    with world() as there:
        there.node()
        future = Future()

        async def add(number: int) -> int:
            return await future + number

        tasks = [there.executor.create_task(add, number) for number in range(3)]
        there.spin_until(lambda: False, 0.2)
        assert not any(task.done() for task in tasks)
        future.set_result(10)
        assert there.spin_until(lambda: all(task.done() for task in tasks))
        assert [task.result() for task in tasks] == [10, 11, 12]


def test_a_subscription_may_be_a_coroutine() -> None:
    with world() as there:
        node = there.node()
        received: list[int] = []
        gate = Future()

        async def late(message: Int32) -> None:
            await gate
            received.append(message.data)

        node.create_subscription(Int32, "n", late, 10)
        publisher = node.create_publisher(Int32, "n", 10)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        publisher.publish(Int32(data=7))
        there.spin_until(lambda: False, 0.1)
        assert not received
        gate.set_result(None)
        assert there.spin_until(lambda: received == [7])


def _most_at_once(group: Any) -> int:
    """How many of four slow timers ran at the same time in four threads."""
    running, most, lock = [0], [0], threading.Lock()

    def slow() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.03)
        with lock:
            running[0] -= 1

    with world() as there:
        executor = MultiThreadedExecutor(4, context=there.context)
        node = Node("slow", context=there.context)
        executor.add_node(node)
        for _ in range(4):
            node.create_timer(0.01, slow, callback_group=group)
        spin_until(executor, lambda: False, 0.3)
        executor.shutdown()
        node.destroy_node()
    return most[0]


def test_groups_rule_what_runs_at_once() -> None:
    assert _most_at_once(MutuallyExclusiveCallbackGroup()) == 1
    assert _most_at_once(ReentrantCallbackGroup()) > 1


def test_any_thread_may_publish() -> None:
    with world() as there:
        node = there.node()
        received: list[int] = []
        node.create_subscription(Int32, "n", lambda m: received.append(m.data), 1000)
        publisher = node.create_publisher(Int32, "n", 1000)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)

        def work(first: int) -> None:
            for number in range(first, first + 50):
                publisher.publish(Int32(data=number))

        workers = [threading.Thread(target=work, args=(100 * i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        assert there.spin_until(lambda: len(received) == 200)
        for i in range(4):
            assert [n for n in received if n // 100 == i] == list(range(100 * i, 100 * i + 50))


def test_things_come_and_go_while_an_executor_spins() -> None:
    with world() as there:
        node = there.node()
        failures: list[BaseException] = []

        def spin() -> None:
            try:
                there.executor.spin()
            except BaseException as error:
                failures.append(error)

        spinner = threading.Thread(target=spin)
        spinner.start()
        publisher = node.create_publisher(Int32, "n", 10)
        for number in range(20):
            subscription = node.create_subscription(
                Int32, "n", lambda _: None, 10)
            timer = node.create_timer(0.001, lambda: None)
            publisher.publish(Int32(data=number))
            time.sleep(0.003)
            node.destroy_timer(timer)
            node.destroy_subscription(subscription)
        node.destroy_node()
        there.executor.shutdown()
        spinner.join(timeout=10)
        assert not spinner.is_alive()
        assert not failures


def test_a_rate_sleeps_until_the_shutdown() -> None:
    with world() as there:
        rate = there.node().create_rate(50)
        outcome: list[Any] = []

        def sleep() -> None:
            start = time.monotonic()
            for _ in range(3):
                rate.sleep()
            outcome.append(time.monotonic() - start)
            try:
                while True:
                    rate.sleep()
            except ROSInterruptException as error:
                outcome.append(error)

        sleeper = threading.Thread(target=sleep)
        spinner = threading.Thread(target=there.executor.spin)
        spinner.start()
        sleeper.start()
        assert wait_until(lambda: bool(outcome))
        assert outcome[0] >= 0.03
        there.executor.shutdown()
        there.context.shutdown()
        sleeper.join(timeout=10)
        spinner.join(timeout=10)
        assert not sleeper.is_alive()


def test_an_executor_waits_for_its_callbacks_at_the_end() -> None:
    with world() as there:
        executor = MultiThreadedExecutor(2, context=there.context)
        ended: list[int] = []
        started = threading.Event()

        def slow() -> None:
            started.set()
            time.sleep(0.2)
            ended.append(1)

        executor.create_task(slow)
        executor.spin_once(timeout_sec=10)
        assert started.wait(10)
        executor.shutdown()
        assert wait_until(lambda: ended == [1])


def test_two_contexts_stand_side_by_side() -> None:
    with world() as one, world() as two:
        assert isinstance(one, World)
        one.node("a")
        two.node("b")
        one.context.shutdown()
        assert two.context.ok()
        executor = SingleThreadedExecutor(context=two.context)
        executor.create_task(lambda: None)
        executor.spin_once(timeout_sec=1)
        executor.shutdown()
