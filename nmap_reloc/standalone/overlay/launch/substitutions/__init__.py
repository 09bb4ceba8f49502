"""Text that is known only at launch."""

from launch.substitutions.boolean import (
    AllSubstitution,
    AndSubstitution,
    AnySubstitution,
    EqualsSubstitution,
    IfElseSubstitution,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
)
from launch.substitutions.text import (
    AnonName,
    Command,
    EnvironmentVariable,
    FindExecutable,
    LaunchConfiguration,
    LocalSubstitution,
    PathJoinSubstitution,
    PythonExpression,
    SubstitutionFailure,
    TextSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)

__all__ = ["AllSubstitution", "AndSubstitution", "AnonName", "AnySubstitution", "Command",
           "EnvironmentVariable", "EqualsSubstitution", "FindExecutable", "IfElseSubstitution",
           "LaunchConfiguration", "LocalSubstitution", "NotEqualsSubstitution", "NotSubstitution",
           "OrSubstitution", "PathJoinSubstitution", "PythonExpression", "SubstitutionFailure",
           "TextSubstitution", "ThisLaunchFile", "ThisLaunchFileDir"]
