"""Work for executors: ready entities of nodes, tasks, and coroutines that may go on."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from rclpy._entity import Entity, Work
from rclpy.task import Task
from rclpy.timer import Timer

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.node import Node


class WorkQueue:
    """Finds what is ready and hands it out in turn; nothing ready is looked at twice in a round.

    One thread at a time asks; any thread may add tasks and set news.
    """

    def __init__(self) -> None:
        self.news = threading.Event()  # something changed: look again
        self._runnable: deque[Task] = deque()  # created, or resumed
        self._suspended: set[Task] = set()  # coroutines that await a future
        self._round: deque[tuple[Task | Entity, Node | None]] = deque()  # found, not handed out

    def add(self, task: Task) -> None:
        """A task that may run now."""
        self._suspended.discard(task)
        self._runnable.append(task)
        self.news.set()

    def suspend(self, task: Task) -> None:
        """Nobody polls a coroutine that awaits a future; another one gets its turn at once."""
        if task._awaits is None:
            self.add(task)
            return
        self._suspended.add(task)
        task._awaits._add_waker(lambda: self.add(task))

    def clear(self) -> None:
        """Forgets what was found."""
        self._round.clear()

    def next(self, executor: Executor,
             nodes: Callable[[], list[Node]]) -> tuple[Task | None, float | None]:
        """A task, or the seconds until a timer of the nodes is due (None: no timer will be)."""
        patience: float | None = None
        looked = False
        while True:
            while self._round:
                found, node = self._round.popleft()
                if isinstance(found, Task):
                    return found, None
                if node in nodes() and (task := self._begin(executor, found)) is not None:
                    return task, None
            if looked:
                return None, patience
            patience, looked = self._look(nodes()), True

    def _look(self, nodes: list[Node]) -> float | None:
        """Starts a round with all that is ready; the seconds until the next timer."""
        while self._runnable:
            self._round.append((self._runnable.popleft(), None))
        patience: float | None = None
        for node in nodes:
            for entity in node._entities():
                if isinstance(entity, Timer):
                    due = entity._deadline()
                    if due is None or due > 0:
                        if due is not None and (patience is None or due < patience):
                            patience = due
                        continue
                elif not entity._is_ready():
                    continue
                group = entity.callback_group
                if group is None or group.can_execute(entity):
                    self._round.append((entity, node))
        return patience

    def _begin(self, executor: Executor, entity: Entity) -> Task | None:
        """Takes the entity's work and its group's permission; None where one is not to be had."""
        group = entity.callback_group
        if group is not None and not group.beginning_execution(entity):
            return None
        work = None
        try:
            work = entity._take(executor)
        finally:
            if work is None:
                self._end(entity)
        if work is None:
            return None
        handler = self._run_coroutine if inspect.iscoroutinefunction(work.callback) else self._run
        return Task(handler, (entity, work), executor=executor)

    def _run(self, entity: Entity, work: Work) -> None:
        try:
            result = work.callback(*work.arguments)
            if work.finish is not None:
                work.finish(result)
        finally:
            self._end(entity)

    async def _run_coroutine(self, entity: Entity, work: Work) -> None:
        try:
            result = await work.callback(*work.arguments)
            if work.finish is not None:
                work.finish(result)
        finally:
            self._end(entity)

    def _end(self, entity: Entity) -> None:
        if entity.callback_group is not None:
            entity.callback_group.ending_execution(entity)
            self.news.set()  # others of the group may wait for this
