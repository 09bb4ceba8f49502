"""Plays a bag, localizes its images online and writes what came out, and when.

    ros2 launch nmap_reloc replay.launch.py bag:=/bags/drive map:=/maps/site output:=/tmp/drive \
        image:=/camera/image_raw camera_info:=/camera/camera_info

Writes OUTPUT/trajectory.tum and OUTPUT/online.json when the bag has ended.
"""

import shutil
import sys
from collections.abc import Callable

from launch import Action, LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "nmap_reloc"
CLOCK = 100  # Hz of /clock


def generate_launch_description() -> LaunchDescription:
    reloc = PathJoinSubstitution([FindPackageShare(PACKAGE), "launch", "reloc.launch.py"])
    return LaunchDescription([
        DeclareLaunchArgument("bag", description="The recording: a folder, .mcap or .db3."),
        DeclareLaunchArgument("output", description="Folder of the results."),
        DeclareLaunchArgument("map", description="Folder of the map."),
        DeclareLaunchArgument("image", description="Topic of the camera's images.",
                              default_value="camera/image_raw"),
        DeclareLaunchArgument("rate", description="Speed of the replay.", default_value="1.0"),
        DeclareLaunchArgument("delay", description="Seconds that the nodes get before `ros2 bag` "
                              "plays. (`nmap-reloc play` waits until the images are subscribed.)",
                              default_value="5.0"),
        DeclareLaunchArgument("grace", description="Seconds that the nodes get after the bag's "
                              "end.", default_value="2.0"),
        DeclareLaunchArgument("ground_truth", description="Topic of the true poses, noted in the "
                              "results for who compares.", default_value=""),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(reloc),
            launch_arguments=[("map", LaunchConfiguration("map")),
                              ("image", LaunchConfiguration("image")),
                              ("use_sim_time", "true")]),
        evaluation(),
        OpaqueFunction(function=play),
    ])


def evaluation() -> Node:
    """The node that notes what the others publish; without it there is nothing to do."""
    def text(name: str) -> ParameterValue:
        return ParameterValue(LaunchConfiguration(name), value_type=str)

    return Node(
        package=PACKAGE, executable="evaluation_node", name="evaluation", output="screen",
        namespace=LaunchConfiguration("namespace"),
        parameters=[{"output": text("output"), "bag": text("bag"),
                     "ground_truth": text("ground_truth"), "use_sim_time": True}],
        remappings=[(name, f"reloc_node/{name}")
                    for name in ("pose", "state", "report", "loaded_tiles")],
        on_exit=unless_ending(Shutdown(reason="the evaluation has ended")))


def play(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The player, and the end of all some seconds after its end."""
    player = ExecuteProcess(cmd=command(context), name="player", output="screen")
    end = TimerAction(period=LaunchConfiguration("grace"),
                      actions=[Shutdown(reason="the bag has ended")])
    return [RegisterEventHandler(OnProcessExit(target_action=player,
                                               on_exit=unless_ending(end))), player]


def unless_ending(action: Action) -> Callable[..., list[Action] | None]:
    """What is done at a process's exit; nothing when all are being ended: launch_ros fails at a
    second Shutdown."""
    def chosen(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        return None if context.is_shutdown else [action]

    return chosen


def command(context: LaunchContext) -> list[str]:
    """Of `ros2 bag play`, or where there is no ros2, of `nmap-reloc play`."""
    bag, rate, delay = (LaunchConfiguration(name).perform(context)
                        for name in ("bag", "rate", "delay"))
    if shutil.which("ros2") is not None:
        return ["ros2", "bag", "play", bag, "--clock", str(CLOCK), "--rate", rate,
                "--delay", delay]
    return [sys.executable, "-m", "nmap_reloc.cli.main", "play", bag, "--clock", "--rate", rate,
            "--wait-for-subscribers", image_topic(context)]


def image_topic(context: LaunchContext) -> str:
    """The topic that reloc_node subscribes, as it is in the bag."""
    image, namespace, compressed = (LaunchConfiguration(name).perform(context)
                                    for name in ("image", "namespace", "compressed"))
    if not image.startswith("/"):
        image = f"/{namespace.strip('/')}/{image}".replace("//", "/")
    return image + ("/compressed" if compressed == "true"
                    and not image.endswith("/compressed") else "")
