"""What a launch description is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Something that can be visited, which may yield further entities to visit."""

    def describe(self) -> str:
        return repr(self)

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Those that are visited whenever this one is."""
        return []

    def describe_conditional_sub_entities(
            self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """(on what condition, those that are visited then)."""
        return []

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do what is to be done now; the result is visited next."""
        return None

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """What the launch service waits for before it is idle."""
        return None
