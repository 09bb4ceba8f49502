"""Service definitions that the type store lacks, in ROS 2's own notation (Jazzy)."""

SERVICES = {
    "std_srvs/srv/Empty": "---",
    "std_srvs/srv/SetBool": "bool data\n---\nbool success\nstring message",
    "std_srvs/srv/Trigger": "---\nbool success\nstring message",
    "lifecycle_msgs/srv/ChangeState": "lifecycle_msgs/Transition transition\n---\nbool success",
    "lifecycle_msgs/srv/GetState": "---\nlifecycle_msgs/State current_state",
    "lifecycle_msgs/srv/GetAvailableStates": "---\nlifecycle_msgs/State[] available_states",
    "lifecycle_msgs/srv/GetAvailableTransitions":
        "---\nlifecycle_msgs/TransitionDescription[] available_transitions",
    "rcl_interfaces/srv/DescribeParameters":
        "string[] names\n---\nrcl_interfaces/ParameterDescriptor[] descriptors",
    "rcl_interfaces/srv/GetParameters":
        "string[] names\n---\nrcl_interfaces/ParameterValue[] values",
    "rcl_interfaces/srv/GetParameterTypes": "string[] names\n---\nuint8[] types",
    "rcl_interfaces/srv/ListParameters":
        "uint64 DEPTH_RECURSIVE=0\nstring[] prefixes\nuint64 depth\n---\n"
        "rcl_interfaces/ListParametersResult result",
    "rcl_interfaces/srv/SetParameters":
        "rcl_interfaces/Parameter[] parameters\n---\nrcl_interfaces/SetParametersResult[] results",
    "rcl_interfaces/srv/SetParametersAtomically":
        "rcl_interfaces/Parameter[] parameters\n---\nrcl_interfaces/SetParametersResult result",
    "rcl_interfaces/srv/GetLoggerLevels":
        "string[] names\n---\nrcl_interfaces/LoggerLevel[] levels",
    "rcl_interfaces/srv/SetLoggerLevels":
        "rcl_interfaces/LoggerLevel[] levels\n---\nrcl_interfaces/SetLoggerLevelsResult[] results",
    "nav_msgs/srv/GetMap": "---\nnav_msgs/OccupancyGrid map",
    "sensor_msgs/srv/SetCameraInfo":
        "sensor_msgs/CameraInfo camera_info\n---\nbool success\nstring status_message",
    "tf2_msgs/srv/FrameGraph": "---\nstring frame_yaml",
}
