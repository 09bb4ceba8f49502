"""How programs end on Ctrl-C and SIGTERM: soon, quietly, and with the right exit code."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from rclpy_support import program

from nmap_reloc import standalone

PROGRAMS = {
    # What the node programs of this package do.
    "node": """
        rclpy.init()
        node = Node("signalled")
        node.create_timer(0.01, lambda: None)
        try:
            print("ready")
            rclpy.spin(node)
        except (KeyboardInterrupt, ExternalShutdownException):
            print("interrupted")
        except RCLError:  # Jazzy's, of a shutdown before it waits
            assert not rclpy.ok()
            print("interrupted")
        finally:
            node.destroy_node()
            rclpy.try_shutdown()
        print("clean")
    """,
    "idle": """
        rclpy.init()
        node = Node("signalled")
        try:
            print("ready")
            rclpy.spin(node)
        except (KeyboardInterrupt, ExternalShutdownException, RCLError):
            print("interrupted")
        print("clean")  # nothing is destroyed or shut down
    """,
    "threads": """
        from rclpy.executors import MultiThreadedExecutor
        from std_msgs.msg import String
        rclpy.init()
        node = Node("signalled")
        publisher = node.create_publisher(String, "t", 10)
        def work():
            while rclpy.ok():
                try:
                    publisher.publish(String(data="x"))
                except RuntimeError:
                    if rclpy.ok():
                        raise
                time.sleep(0.001)
        worker = threading.Thread(target=work)
        worker.start()
        executor = MultiThreadedExecutor(2)
        executor.add_node(node)
        node.create_timer(0.001, lambda: publisher.publish(String()) if rclpy.ok() else None)
        try:
            print("ready")
            executor.spin()
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        except RCLError:
            assert not rclpy.ok()
        print("interrupted")
        worker.join()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
        print("clean")
    """,
    "waiting": """
        from std_srvs.srv import Trigger
        rclpy.init()
        node = Node("signalled")
        client = node.create_client(Trigger, "nobody")
        try:
            print("ready")
            client.wait_for_service()
            print("interrupted")
        except KeyboardInterrupt:
            print("interrupted")
        node.destroy_node()
        rclpy.try_shutdown()
        print("clean")
    """,
    "other context": """
        from rclpy.context import Context
        context = Context()
        rclpy.init(context=context)  # for such contexts no handlers are installed
        node = Node("signalled", context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        try:
            print("ready")
            executor.spin()
        except KeyboardInterrupt:
            print("interrupted")
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
        print("clean")
    """,
}
CASES = [("node", signal.SIGINT), ("node", signal.SIGTERM), ("idle", signal.SIGINT),
         ("threads", signal.SIGINT), ("threads", signal.SIGTERM)]
if standalone.enable():  # Jazzy's rclpy raises while it waits, and hears no signal in a spin there
    CASES += [("waiting", signal.SIGTERM), ("other context", signal.SIGINT)]


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[tuple[str, int], subprocess.Popen[str]]]:
    """All of them, started at once: most of the time goes into importing."""
    started = {case: program(PROGRAMS[case[0]]) for case in CASES}
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_programs_end_cleanly(case: tuple[str, int],
                              programs: dict[tuple[str, int], subprocess.Popen[str]]) -> None:
    process = programs[case]
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)  # it has said so before it spins, and a spin that is over before ends quietly
    process.send_signal(case[1])
    out, error = process.communicate(timeout=20)
    assert out.splitlines() == ["interrupted", "clean"]
    assert error == "" or not standalone.enable()  # Jazzy's __del__ says what it can not find
    assert "Traceback" not in error.partition("Exception ignored")[0]
    assert process.returncode == 0


def test_after_a_signal_the_context_is_over() -> None:
    process = program("""
        import os, signal
        rclpy.init()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            pass
        end = time.monotonic() + 10
        while rclpy.ok() and time.monotonic() < end:
            time.sleep(0.01)
        print(rclpy.ok())
        try:
            rclpy.shutdown()
        except RuntimeError as error:
            print("already" in str(error))
        rclpy.init()
        print(rclpy.ok())
        rclpy.shutdown()
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    """)
    out, error = process.communicate(timeout=20)
    assert out.splitlines() == ["False", "True", "True", "True"], error
    assert process.returncode == 0
