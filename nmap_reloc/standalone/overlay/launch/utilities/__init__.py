"""What users of substitutions need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.event_handler import as_list as normalize_to_list_of_entities
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution

if TYPE_CHECKING:
    import asyncio

    from launch.launch_context import LaunchContext

__all__ = ["is_a_subclass", "normalize_to_list_of_entities", "normalize_to_list_of_substitutions",
           "perform_substitutions", "perform_typed_substitution",
           "visit_all_entities_and_collect_futures"]

WORDS = {"true": True, "1": True, "false": False, "0": False}


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Text, a path, a substitution or several of them -> substitutions. TypeError: else."""
    from launch.substitutions import TextSubstitution

    if isinstance(subs, Substitution):
        return [subs]
    if isinstance(subs, (str, Path)):
        return [TextSubstitution(text=str(subs))]
    if isinstance(subs, Iterable):
        return [one for part in subs for one in normalize_to_list_of_substitutions(part)]
    raise TypeError("Failed to normalize given item of type "
                    f"'{type(subs)}', when only 'str' or 'launch.Substitution' were expected")


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    return "".join(context.perform_substitution(sub) for sub in subs)


def perform_typed_substitution(context: LaunchContext, value: Any, data_type: type) -> Any:
    """A value, or substitutions that say one, as bool, int, float or str. ValueError: neither."""
    if isinstance(value, (bool, int, float)):
        return data_type(value)
    text = perform_substitutions(context, normalize_to_list_of_substitutions(value))
    if data_type is not bool:
        return data_type(text)
    try:
        return WORDS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"cannot convert '{text}' to a bool") from None


def is_a_subclass(obj: Any, entity_type: type) -> bool:
    return isinstance(obj, entity_type)


def visit_all_entities_and_collect_futures(
        entity: LaunchDescriptionEntity, context: LaunchContext
) -> list[tuple[LaunchDescriptionEntity, asyncio.Future[None]]]:
    """Depth first: an entity, then those that it yields."""
    yielded = entity.visit(context)
    future = entity.get_asyncio_future()
    futures = [] if future is None else [(entity, future)]
    for one in yielded or []:
        futures += visit_all_entities_and_collect_futures(one, context)
    return futures
