"""Localizes a camera in a map: reloc_node and the tile manager that feeds it.

    ros2 launch nmap_reloc reloc.launch.py map:=/maps/site image:=/camera/image_raw \
        camera_info:=/camera/camera_info
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.conditions import IfCondition
from launch.events import matches_action
from launch.events.process import ShutdownProcess
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition

PACKAGE = "nmap_reloc"
FLAG = ["true", "false"]
NO_ODOMETRY = "none"
# What rviz shows by absolute name, moved into the namespace.
SHOWN = ["reloc_node/pose", "reloc_node/path", "reloc_node/markers", "reloc_node/debug_image",
         "tile_manager/markers", "initialpose"]


def arguments() -> list[DeclareLaunchArgument]:
    """All that can be said on the command line."""
    def argument(name: str, description: str, default: object = None, **kwargs: object
                 ) -> DeclareLaunchArgument:
        return DeclareLaunchArgument(name, description=description, default_value=default,
                                     **kwargs)

    return [
        argument("map", "Folder of the map: what `nmap-reloc map build` made."),
        argument("image", "Topic of the camera's images.", "camera/image_raw"),
        argument("camera_info", "Topic of the camera's intrinsics.", "camera/camera_info"),
        argument("compressed", "Subscribe the compressed images, on <image>/compressed.",
                 "false", choices=FLAG),
        argument("odom_frame", f"Frame of the odometry in TF; '{NO_ODOMETRY}': there is no "
                 "odometry, map -> base_frame is published. Default: what params_file says.", ""),
        argument("base_frame", "Frame of the robot. Default: what params_file says.", ""),
        argument("use_sim_time", "Time comes from /clock (simulation, bags).", "false",
                 choices=FLAG),
        argument("params_file", "Parameters of the nodes; the arguments given here win.",
                 PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "reloc.yaml"])),
        argument("namespace", "Namespace of the nodes and of relative topics.", ""),
        argument("rviz", "Start rviz2 with the package's view.", "false", choices=FLAG),
        argument("autostart", "Configure and activate the tile manager; 'false' leaves that to a "
                 "lifecycle manager.", "true", choices=FLAG),
        argument("log_level", "Of the nodes: debug, info, warn, error or fatal.", "info"),
    ]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*arguments(), OpaqueFunction(function=start), rviz()])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Both nodes, and the tile manager's way to active. RuntimeError: params_file is no file."""
    params_file = LaunchConfiguration("params_file").perform(context)
    if not Path(params_file).is_file():  # launch would go on with the defaults
        raise RuntimeError(f"params_file {params_file}: no such file")
    common = {
        "namespace": LaunchConfiguration("namespace"),
        "output": "screen",
        "ros_arguments": ["--log-level", LaunchConfiguration("log_level")],
    }
    always = {
        "map": ParameterValue(LaunchConfiguration("map"), value_type=str),
        "use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool),
    }
    tile_manager = LifecycleNode(
        package=PACKAGE, executable="tile_manager_node", name="tile_manager",
        parameters=[params_file, always],
        remappings=[(name, f"reloc_node/{name}")
                    for name in ("pose", "loaded_tiles", "tile_candidates")], **common)
    # Alone the tile manager has nothing to do; others that were launched beside go on.
    stop = EmitEvent(event=ShutdownProcess(process_matcher=matches_action(tile_manager)))
    localizer = Node(
        package=PACKAGE, executable="reloc_node", name="reloc_node",
        parameters=[params_file, {**always, "tiles": "managed", **asked_for(context)}],
        remappings=camera(context), on_exit=[stop], **common)
    if LaunchConfiguration("autostart").perform(context) == "true":
        return [*activation(tile_manager), localizer, tile_manager, configuration(tile_manager)]
    return [localizer, tile_manager]


def asked_for(context: LaunchContext) -> dict[str, object]:
    """Parameters that the command line overrides; what it leaves out, params_file decides."""
    said = {name: LaunchConfiguration(name).perform(context)
            for name in ("odom_frame", "base_frame")}
    chosen: dict[str, object] = {name: value for name, value in said.items() if value}
    if chosen.get("odom_frame") == NO_ODOMETRY:
        chosen["odom_frame"] = ""
    chosen["compressed"] = LaunchConfiguration("compressed").perform(context) == "true"
    return chosen


def camera(context: LaunchContext) -> list[tuple[str, str]]:
    """Remappings of the camera's topics."""
    image = LaunchConfiguration("image").perform(context)
    compressed = LaunchConfiguration("compressed").perform(context) == "true"
    if compressed and not image.endswith("/compressed"):
        image += "/compressed"
    return [("image", image),
            ("camera_info", LaunchConfiguration("camera_info").perform(context))]


def configuration(node: LifecycleNode) -> EmitEvent:
    """Asks the node to configure, as soon as it is there."""
    return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node),
                                       transition_id=Transition.TRANSITION_CONFIGURE))


def activation(node: LifecycleNode) -> list[RegisterEventHandler]:
    """Activates the node when it has been configured."""
    activate = EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node),
                                           transition_id=Transition.TRANSITION_ACTIVATE))
    return [RegisterEventHandler(OnStateTransition(
        target_lifecycle_node=node, start_state="configuring", goal_state="inactive",
        entities=[activate]))]


def rviz() -> Node:
    view = PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "reloc.rviz"])
    use_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    return Node(package="rviz2", executable="rviz2", name="rviz2", output="screen",
                namespace=LaunchConfiguration("namespace"), arguments=["-d", view],
                parameters=[{"use_sim_time": use_sim_time}],
                remappings=[(f"/{topic}", topic) for topic in SHOWN],
                condition=IfCondition(LaunchConfiguration("rviz")))
