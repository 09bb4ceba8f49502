"""Names: what is valid, what short ones mean, and how rules rename."""

from __future__ import annotations

import pytest
from rclpy.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
)
from rclpy.expand_topic_name import expand_topic_name
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.utilities import remove_ros_args
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.validate_topic_name import validate_topic_name
from rclpy_support import world
from std_msgs.msg import String
from std_srvs.srv import Trigger


def test_valid_names_pass() -> None:
    for name in ("chatter", "{node}/chatter", "~/chatter", "/a/b_1", "~"):
        assert validate_topic_name(name)
    assert validate_full_topic_name("/a/b_1")
    for namespace in ("/", "/a", "/a/b"):
        assert validate_namespace(namespace)
    assert validate_node_name("_n1")


@pytest.mark.parametrize(("name", "message"), [
    ("", "must not be empty"),
    ("/invalid_topic?", "must not contain characters other than alphanumerics"),
    ("invalid/42topic", "must not start with a number"),
    ("42topic", "must not start with a number"),
    ("topic/", "must not end with a forward slash"),
    ("a~", "unless it is the first character"),
    ("~ab", "not followed by a forward slash"),
    ("{a", "unmatched"),
    ("a}", "unmatched"),
    ("{a?}", "substitution name must not contain"),
])
def test_invalid_topic_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(InvalidTopicNameException, match=message):
        validate_topic_name(name)
    with pytest.raises(InvalidServiceNameException, match=message):
        validate_topic_name(name, is_service=True)


def test_other_invalid_names_are_refused() -> None:
    for name in ("relative", "/a//b", "/a/", "/1a", "/a b", "/~"):
        with pytest.raises(InvalidTopicNameException):
            validate_full_topic_name(name)
    for name in ("", "a b", "1a", "/a", "a/b"):
        with pytest.raises(InvalidNodeNameException):
            validate_node_name(name)
    for name in ("a", "/a/", "/a?b", "//"):
        with pytest.raises(InvalidNamespaceException):
            validate_namespace(name)


def test_the_flaw_is_pointed_at() -> None:
    with pytest.raises(InvalidNodeNameException) as error:
        validate_node_name("ab?")
    assert str(error.value).splitlines()[1:] == ["  'ab?'", "     ^"]


@pytest.mark.parametrize(("name", "full"), [
    ("chatter", "/ns/chatter"), ("/chatter", "/chatter"), ("~", "/ns/node"),
    ("~/chatter", "/ns/node/chatter"), ("{node}/chatter", "/ns/node/chatter"),
    ("{ns}/chatter", "/ns/chatter"), ("a/{node}", "/ns/a/node"),
])
def test_expanding(name: str, full: str) -> None:
    assert expand_topic_name(name, "node", "/ns") == full


def test_expanding_what_cannot_be() -> None:
    for topic, node, namespace in (("in?valid", "node", "/ns"), ("a", "no?de", "/ns"),
                                   ("a", "node", "relative")):
        with pytest.raises(ValueError):
            expand_topic_name(topic, node, namespace)


def test_a_node_has_the_names_it_is_given() -> None:
    with world() as there:
        node = there.node("my_node", namespace="ns/sub")
        assert node.get_name() == "my_node"
        assert node.get_namespace() == "/ns/sub"
        assert node.get_fully_qualified_name() == "/ns/sub/my_node"
        assert node.get_logger().name == "ns.sub.my_node"
        assert there.node("root").get_namespace() == "/"
        with pytest.raises(InvalidNodeNameException):
            there.node("bad?")
        with pytest.raises(InvalidNamespaceException):
            there.node("good", namespace="bad?")
        with pytest.raises(InvalidTopicNameException):
            node.create_publisher(String, "bad?", 1)
        with pytest.raises(InvalidTopicNameException):
            node.create_subscription(String, "bad/", lambda _: None, 1)
        with pytest.raises(InvalidServiceNameException):
            node.create_client(Trigger, "1bad")


def test_rules_rename_topics_and_services() -> None:
    with world("--ros-args", "-r", "image:=/camera/image", "-r", "rosservice://reset:=restart",
               "--remap", "~/pose:=where") as there:
        node = there.node("locator", namespace="/robot")
        assert node.create_publisher(String, "image", 1).topic_name == "/camera/image"
        assert node.create_publisher(String, "/image", 1).topic_name == "/image"
        assert node.resolve_topic_name("~/pose") == "/robot/where"
        assert node.resolve_topic_name("~/pose", only_expand=True) == "/robot/locator/pose"
        assert node.resolve_topic_name("reset") == "/robot/reset"
        assert node.resolve_service_name("reset") == "/robot/restart"
        assert node.resolve_service_name("image") == "/camera/image"


def test_rules_for_one_node_leave_others_alone() -> None:
    with world("--ros-args", "-r", "first:in:=out") as there:
        assert there.node("first").resolve_topic_name("in") == "/out"
        assert there.node("second").resolve_topic_name("in") == "/in"


def test_rules_rename_nodes_and_namespaces() -> None:
    with world("--ros-args", "-r", "__ns:=/fleet", "-r", "a:__node:=b") as there:
        node = there.node("a", namespace="/own")
        assert node.get_fully_qualified_name() == "/fleet/b"
        assert node.resolve_topic_name("~/x") == "/fleet/b/x"
        assert there.node("c").get_fully_qualified_name() == "/fleet/c"


def test_the_first_rule_that_matches_counts_and_a_nodes_own_before_all() -> None:
    with world("--ros-args", "-r", "in:=one", "-r", "in:=two") as there:
        assert there.node("n").resolve_topic_name("in") == "/one"
        own = ["--ros-args", "-r", "in:=own", "-r", "__node:=renamed"]
        node = there.node("m", cli_args=own)
        assert node.get_name() == "renamed"
        assert node.resolve_topic_name("in") == "/own"
        assert there.node("o", use_global_arguments=False).resolve_topic_name("in") == "/in"


def test_only_what_follows_ros_args_is_meant_for_ros() -> None:
    # No rules: ROS 2 still takes a bare `in:=out` for one, as ROS 1 did.
    with world("-p", "a:=1", "--ros-args", "-p", "b:=2", "--", "-p", "c:=3") as there:
        node = there.node(automatically_declare_parameters_from_overrides=True)
        assert [node.has_parameter(name) for name in "abc"] == [False, True, False]
    words = ["prog", "--flag", "--ros-args", "-r", "a:=b", "--", "word"]
    assert remove_ros_args(words) == ["prog", "--flag", "word"]


@pytest.mark.parametrize("args", [
    ["-r", "no_rule"], ["-r", "a b:=c"], ["-r", "__ns:=relative"], ["-r"], ["-p", "no_value"],
    ["--log-level", "loud"], ["--params-file", "/no/such/file.yaml"],
])
def test_ros_arguments_that_cannot_be_read_are_refused(args: list[str]) -> None:
    with pytest.raises(rclpy_implementation.RCLError), \
            world("--ros-args", *args):
        pass


def test_a_nodes_own_arguments_are_checked() -> None:
    with world() as there, pytest.raises(rclpy_implementation.RCLInvalidROSArgsError):
        there.node(cli_args=["--ros-args", "-r", "no_rule"])


def test_unknown_ros_arguments_are_refused() -> None:
    with pytest.raises(rclpy_implementation.UnknownROSArgsError, match="--no-such-argument"), \
            world("--ros-args", "--no-such-argument"):
        pass
