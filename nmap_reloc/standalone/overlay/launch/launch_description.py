"""The description of a system that can be launched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from launch.action import Action
from launch.actions.configurations import DeclareLaunchArgument, ResetLaunchConfigurations
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity


class LaunchDescription(LaunchDescriptionEntity):
    """Entities in the order in which they are visited."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None, *,
                 deprecated_reason: str | None = None) -> None:
        self.entities = list(initial_entities or [])
        self.deprecated_reason = deprecated_reason

    @property
    def deprecated(self) -> bool:
        return self.deprecated_reason is not None

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        self.entities.append(entity)

    def add_action(self, action: Action) -> None:
        self.add_entity(action)

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if self.deprecated:
            from launch.logging import get_logger

            get_logger("launch").warning(
                f"deprecated launch description: {self.deprecated_reason}")
        return self.entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self.entities

    def get_launch_arguments(self, conditional_inclusion: bool = False
                             ) -> list[DeclareLaunchArgument]:
        """All arguments that can be known without launching, the first of each name."""
        return [argument for argument, _ in
                self.get_launch_arguments_with_include_launch_description_actions(
                    conditional_inclusion)]

    def get_launch_arguments_with_include_launch_description_actions(
            self, conditional_inclusion: bool = False
    ) -> list[tuple[DeclareLaunchArgument, tuple[Any, ...]]]:
        """Each argument with the include actions on the way to it, the outermost first."""
        found: dict[str, tuple[DeclareLaunchArgument, tuple[Any, ...]]] = {}
        _collect(self.entities, conditional_inclusion, (), found)
        return list(found.values())


def _collect(entities: Iterable[LaunchDescriptionEntity], conditional: bool,
             includes: tuple[Any, ...],
             found: dict[str, tuple[DeclareLaunchArgument, tuple[Any, ...]]]) -> None:
    for entity in entities:
        if isinstance(entity, ResetLaunchConfigurations):
            return  # what comes after can't be set from outside
        if isinstance(entity, DeclareLaunchArgument) and entity.name not in found:
            entity._conditionally_included = conditional or entity.condition is not None
            found[entity.name] = entity, includes
        inside = (*includes, entity) if hasattr(entity, "launch_arguments") else includes
        _collect(entity.describe_sub_entities(), conditional, inside, found)
        for _, parts in entity.describe_conditional_sub_entities():
            _collect(parts, True, inside, found)
