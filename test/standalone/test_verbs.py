"""topic, node, param, service and lifecycle commands against running nodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy_support import LATCHED, World, wait_until, world
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from typer.testing import CliRunner, Result

from nmap_reloc.cli import main


def command(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words))


def output(*words: str) -> str:
    result = command(*words)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def error(*words: str) -> str:
    """The one line of a failure."""
    result = command(*words)
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.stderr
    return lines[0]


class Managed(LifecycleNode):
    """Activates only if it is allowed to."""

    def on_activate(self, state: object) -> TransitionCallbackReturn:
        if self.get_parameter("allowed").value:
            return TransitionCallbackReturn.SUCCESS
        return TransitionCallbackReturn.FAILURE


class Robot:
    """Some nodes at work."""

    def __init__(self, there: World) -> None:
        self.heard: list[String] = []
        self.node = node = there.node("robot", namespace="/verbs")
        speed = ParameterDescriptor(description="How fast.", floating_point_range=[
            FloatingPointRange(from_value=0.0, to_value=3.0)])
        node.declare_parameter("speed", 1.5, speed)
        node.declare_parameter("name", "max")
        node.declare_parameter("fixed", 3, ParameterDescriptor(read_only=True))
        node.add_on_set_parameters_callback(self._check)
        said = node.create_publisher(String, "~/said", 10)
        node.create_publisher(String, "~/map", LATCHED).publish(String(data="the house"))
        image = node.create_publisher(Image, "image", 1)
        picture = Image(height=2, width=100, encoding="mono8", step=100, data=bytes(range(200)))
        node.create_timer(0.05, lambda: (said.publish(String(data="hello")),
                                         image.publish(picture)))
        node.create_subscription(String, "~/told", lambda m: self.heard.append(m), 10)
        node.create_service(Trigger, "~/ask", self._answer)
        node.create_service(SetBool, "~/switch", self._switch)
        self.managed = Managed("managed", context=there.context)
        self.managed.declare_parameter("allowed", False)
        there.nodes.append(self.managed)
        there.executor.add_node(self.managed)

    @staticmethod
    def _check(parameters: list[object]) -> SetParametersResult:
        wrong = [one for one in parameters if one.name == "name" and one.value == "nobody"]
        return SetParametersResult(successful=not wrong, reason="that is no name")

    @staticmethod
    def _answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, "here I am"
        return response

    @staticmethod
    def _switch(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success, response.message = request.data, f"switched {request.data}"
        return response


@pytest.fixture(scope="module")
def robot() -> Iterator[Robot]:
    with world() as there:
        made, stop = Robot(there), threading.Event()

        def spin() -> None:
            while not stop.is_set():
                there.executor.spin_once(timeout_sec=0.05)

        thread = threading.Thread(target=spin)
        thread.start()
        yield made
        stop.set()
        thread.join()


@pytest.mark.usefixtures("robot")
def test_topics_are_listed_with_their_types() -> None:
    lines = output("topic", "list", "--show-types").splitlines()
    assert "/verbs/robot/said [std_msgs/msg/String]" in lines
    assert "/verbs/image [sensor_msgs/msg/Image]" in lines
    assert "/verbs/robot/said" in output("topic", "list").splitlines()


@pytest.mark.usefixtures("robot")
def test_a_topic_is_described() -> None:
    lines = output("topic", "info", "/verbs/robot/map", "-v").splitlines()
    assert lines[:2] == ["Type: std_msgs/msg/String", "Publisher count: 1"]
    assert "/verbs/robot" in lines[2] and "TRANSIENT_LOCAL" in lines[2] and "RELIABLE" in lines[2]
    assert lines[3] == "Subscription count: 0"


@pytest.mark.usefixtures("robot")
def test_messages_are_shown() -> None:
    assert output("topic", "echo", "/verbs/robot/said", "-n", "2") == "data: hello\n---\n" * 2
    # Published long before: only who asks as the publisher offers receives it.
    assert output("topic", "echo", "verbs/robot/map", "--once") == "data: the house\n---\n"
    assert output("topic", "echo", "/verbs/robot/map", "--once", "--field", "data"
                  ) == "the house\n---\n"


@pytest.mark.usefixtures("robot")
def test_long_arrays_are_cut() -> None:
    shown = output("topic", "echo", "/verbs/image", "--once")
    assert "encoding: mono8" in shown and "- 127\n- '...'\n---" in shown
    assert "- 128\n" not in shown
    assert "- 199\n" in output("topic", "echo", "/verbs/image", "--once", "--full-length")
    assert "<sequence of 200>" in output("topic", "echo", "/verbs/image", "--once", "--no-arr")


@pytest.mark.usefixtures("robot")
def test_the_rate_is_measured() -> None:
    shown = output("topic", "hz", "/verbs/robot/said", "-n", "1")
    assert shown.startswith("average rate: ")
    assert 1 < float(shown.split()[2]) < 40


@pytest.mark.usefixtures("robot")
def test_topics_that_are_not_there_are_named() -> None:
    assert "/verbs/nothing: not published" in error("topic", "echo", "/verbs/nothing", "--once")
    assert "no field wrong" in error(
        "topic", "echo", "/verbs/robot/said", "--once", "--field", "wrong")


def test_messages_are_published(robot: Robot) -> None:
    output("topic", "pub", "/verbs/robot/told", "std_msgs/String", "{data: from the shell}",
           "--times", "2", "--rate", "20")
    assert wait_until(lambda: len(robot.heard) == 2)
    assert robot.heard[0].data == "from the shell"


def test_nested_fields_and_arrays_are_filled() -> None:
    from nmap_reloc.standalone.verbs.plain import fill, to_plain

    row = "[" + ", ".join(["0.25"] * 36) + "]"
    message = fill(PoseWithCovarianceStamped(), "{header: {frame_id: map, stamp: {sec: 3}}, pose: "
                   f"{{pose: {{position: {{x: 1, y: -2.5}}}}, covariance: {row}}}}}")
    assert message.header.frame_id == "map" and message.header.stamp.sec == 3
    assert (message.pose.pose.position.x, message.pose.pose.position.y) == (1.0, -2.5)
    assert list(message.pose.covariance) == [0.25] * 36
    plain = to_plain(message)
    assert plain["pose"]["pose"]["orientation"] == {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}
    assert plain["pose"]["covariance"] == [0.25] * 36


@pytest.mark.parametrize(("kind", "values", "reason"), [
    ("std_msgs/msg/String", "{text: a}", "no such field; it has data"),
    ("std_msgs/msg/String", "{data: 3}", "3 is no string"),
    ("std_msgs/msg/String", "hello", "no fields"),
    ("std_msgs/msg/String", "{data: ", "no YAML"),
    ("geometry_msgs/msg/Point", "{x: far}", "'far' is no double"),
    ("geometry_msgs/msg/Pose", "{position: 3}", "fields are needed"),
    ("sensor_msgs/msg/Picture", "{}", "not known here"),
    ("String", "{}", "no type"),
])
def test_messages_that_cannot_be_made_are_refused(kind: str, values: str, reason: str) -> None:
    assert reason in error("topic", "pub", "/verbs/x", kind, values, "--wait", "0")


@pytest.mark.usefixtures("robot")
def test_nodes_are_listed_and_described() -> None:
    assert {"/verbs/robot", "/managed"} <= set(output("node", "list").splitlines())
    shown = output("node", "info", "/verbs/robot")
    assert "    /verbs/robot/told: std_msgs/msg/String" in shown
    assert "    /verbs/robot/ask: std_srvs/srv/Trigger" in shown
    assert shown.index("Subscribers") < shown.index("told") < shown.index("Publishers")
    assert "/nobody: no such node; running: " in error("node", "info", "nobody")


def test_parameters_are_read_and_set(robot: Robot) -> None:
    node = "/verbs/robot"
    assert {"speed", "name", "fixed"} <= set(output("param", "list", node).splitlines())
    assert output("param", "get", node, "speed") == "Double value is: 1.5\n"
    assert output("param", "set", node, "speed", "2") == "Set parameter successful\n"
    assert robot.node.get_parameter("speed").value == 2.0
    output("param", "set", node, "name", "7")  # what is a text stays one
    assert output("param", "get", node, "name") == "String value is: 7\n"
    shown = output("param", "describe", node, "speed", "fixed")
    for line in ("Parameter name: speed", "Type: double", "Description: How fast.",
                 "Min value: 0.0", "Max value: 3.0", "Read only: true"):
        assert line in shown


@pytest.mark.parametrize(("words", "reason"), [
    (("get", "/verbs/robot", "none"), "/verbs/robot has no such parameter"),
    (("set", "/verbs/robot", "speed", "9"), "refuses"),
    (("set", "/verbs/robot", "name", "nobody"), "that is no name"),
    (("set", "/verbs/robot", "fixed", "4"), "refuses"),
])
@pytest.mark.usefixtures("robot")
def test_parameters_that_are_refused_say_why(words: tuple[str, ...], reason: str) -> None:
    assert reason in error("param", *words)


@pytest.mark.usefixtures("robot")
def test_services_are_listed_and_called() -> None:
    assert "/verbs/robot/ask [std_srvs/srv/Trigger]" in output(
        "service", "list", "-t").splitlines()
    assert output("service", "call", "/verbs/robot/ask") == "success: true\nmessage: here I am\n"
    assert "switched True" in output("service", "call", "/verbs/robot/switch",
                                     "std_srvs/srv/SetBool", "{data: true}")
    assert "/verbs/robot/none: no such service" in error("service", "call", "/verbs/robot/none")


def test_lifecycle_nodes_are_led(robot: Robot) -> None:
    assert "/managed" in output("lifecycle", "nodes").splitlines()
    assert output("lifecycle", "get", "managed") == "unconfigured [1]\n"
    assert "- configure [1]\n\tStart: unconfigured\n" in output("lifecycle", "list", "managed")
    assert output("lifecycle", "set", "managed", "configure") == "Transitioning successful\n"
    assert "/managed refused or failed" in error("lifecycle", "set", "managed", "activate")
    robot.managed.set_parameters([type(robot.managed.get_parameter("allowed"))(
        "allowed", value=True)])
    assert output("lifecycle", "set", "managed", "3") == "Transitioning successful\n"
    assert "/managed: active [3]" in output("lifecycle", "get").splitlines()
    assert "can't do that now; it can: deactivate, " in error(
        "lifecycle", "set", "managed", "configure")


@pytest.mark.usefixtures("robot")
def test_a_node_without_a_lifecycle_is_named() -> None:
    assert "/verbs/robot/get_state: no node offers this service" in error(
        "lifecycle", "get", "/verbs/robot")
