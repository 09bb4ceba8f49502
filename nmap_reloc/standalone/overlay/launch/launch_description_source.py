"""Where a launch description comes from."""

from __future__ import annotations

from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions


class LaunchDescriptionSource:
    """A launch description, at hand or loaded from a location that may need a context."""

    def __init__(self, launch_description: LaunchDescription | None = None,
                 location: SomeSubstitutionsType = "<string>",
                 method: str = "unspecified mechanism from a script") -> None:
        self._description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded: str | None = None
        self.method = method

    @property
    def location(self) -> str:
        """As it was given before, as it was found after get_launch_description."""
        if self._expanded is not None:
            return self._expanded
        return " + ".join(part.describe() for part in self._location)

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """None where it takes a context to find, or where it can't be read."""
        if self._description is None:
            try:
                return self._get_launch_description(
                    perform_substitutions(LaunchContext(), self._location))
            except Exception:  # whatever its author wrote; the launch itself will say it
                return None
        return self._description

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        if self._expanded is None:
            self._expanded = perform_substitutions(context, self._location)
        if self._description is None:
            self._description = self._get_launch_description(self._expanded)
        return self._description

    def _get_launch_description(self, location: str) -> LaunchDescription:
        raise RuntimeError("LaunchDescriptionSource.get_launch_description(): "
                           "called without launch description being set")
