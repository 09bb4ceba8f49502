"""tf2_ros.buffer: transforms between frames, now or as soon as they are known."""

from __future__ import annotations

import time as wall
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.task import Future
from tf2_msgs.srv import FrameGraph
from tf2_ros._buffer_core import BufferCore
from tf2_ros._exceptions import TransformException

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.time import Time

NO_WAIT = Duration()


class Buffer(BufferCore):
    """What a TransformListener fills. timeouts are wall time: a stopped sim clock ends them too.

    cache_time: how long transforms are kept (10 s). node: offers the frames on the service
    tf2_frames, and its clock is followed: when that jumps backwards, for example because a bag
    starts over, all but static transforms are forgotten.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        super().__init__(cache_time)
        self._new_data_callbacks: list[Callable[[], None]] = []
        if node is not None:
            self.srv = node.create_service(FrameGraph, "tf2_frames", self._on_frame_graph)
            self.clock = node.get_clock()
            threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1),
                                      on_clock_change=True)
            self.jump_handle = self.clock.create_jump_callback(
                threshold, post_callback=self.time_jump_callback)

    def _on_frame_graph(self, request: FrameGraph.Request,
                        response: FrameGraph.Response) -> FrameGraph.Response:
        response.frame_yaml = self.all_frames_as_yaml()
        return response

    def time_jump_callback(self, time_jump: Any) -> None:
        """Forgets what belongs to a time that is no more."""
        get_logger("tf2_buffer").warning("Detected jump back in time. Clearing tf buffer.")
        self.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Adds one; a broken one is logged and ignored."""
        super().set_transform(transform, authority)
        self._call_new_data_callbacks()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Adds one that holds at all times."""
        super().set_transform_static(transform, authority)
        self._call_new_data_callbacks()

    def lookup_transform(self, target_frame: str, source_frame: str, time: Time,
                         timeout: Duration = NO_WAIT) -> TransformStamped:
        """``target_from_source``, waited for at most timeout; raises a TransformException.

        Blocks its thread: transforms must arrive in another one meanwhile.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(self, target_frame: str, target_time: Time, source_frame: str,
                              source_time: Time, fixed_frame: str,
                              timeout: Duration = NO_WAIT) -> TransformStamped:
        """The source at its time, seen from the target at its own; fixed_frame stands still."""
        self.can_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame,
                                timeout)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame,
                                               source_time, fixed_frame)

    def can_transform(self, target_frame: str, source_frame: str, time: Time,
                      timeout: Duration = NO_WAIT, return_debug_tuple: bool = False
                      ) -> bool | tuple[bool, str]:
        """Whether lookup_transform would answer; with return_debug_tuple also why not."""
        answer = self._wait(
            lambda: self.can_transform_core(target_frame, source_frame, time), timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(self, target_frame: str, target_time: Time, source_frame: str,
                           source_time: Time, fixed_frame: str, timeout: Duration = NO_WAIT,
                           return_debug_tuple: bool = False) -> bool | tuple[bool, str]:
        """Whether lookup_transform_full would answer; with return_debug_tuple also why not."""
        answer = self._wait(lambda: self.can_transform_full_core(
            target_frame, target_time, source_frame, source_time, fixed_frame), timeout)
        return answer if return_debug_tuple else answer[0]

    def _wait(self, ask: Callable[[], tuple[bool, str]], timeout: Duration) -> tuple[bool, str]:
        """The first good answer, or the last one when the time ran out."""
        end = wall.monotonic() + timeout.nanoseconds * 1e-9
        with self._changed:
            while not (answer := ask())[0]:
                remaining = end - wall.monotonic()
                if remaining <= 0:
                    break
                self._changed.wait(remaining)
        return answer

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """A Future of the transform."""
        return self._future(
            lambda: self.lookup_transform_core(target_frame, source_frame, time))

    def wait_for_transform_full_async(self, target_frame: str, target_time: Time,
                                      source_frame: str, source_time: Time,
                                      fixed_frame: str) -> Future:
        """A Future of the transform."""
        return self._future(lambda: self.lookup_transform_full_core(
            target_frame, target_time, source_frame, source_time, fixed_frame))

    async def lookup_transform_async(self, target_frame: str, source_frame: str,
                                     time: Time) -> TransformStamped:
        """The transform as soon as it is known."""
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

    async def lookup_transform_full_async(self, target_frame: str, target_time: Time,
                                          source_frame: str, source_time: Time,
                                          fixed_frame: str) -> TransformStamped:
        """The transform as soon as it is known."""
        await self.wait_for_transform_full_async(target_frame, target_time, source_frame,
                                                 source_time, fixed_frame)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame,
                                               source_time, fixed_frame)

    def _future(self, look_up: Callable[[], TransformStamped]) -> Future:
        future = Future()

        def try_again() -> None:
            if future.done() or future.cancelled():
                return
            try:
                future.set_result(look_up())
            except TransformException:
                return  # not known yet: the next transform calls again

        with self._changed:
            try_again()
            if not future.done():
                self._new_data_callbacks.append(try_again)
                future.add_done_callback(lambda _: self._forget(try_again))
        return future

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._changed:
            if callback in self._new_data_callbacks:
                self._new_data_callbacks.remove(callback)

    def _call_new_data_callbacks(self) -> None:
        with self._changed:
            callbacks = list(self._new_data_callbacks)
        for callback in callbacks:
            callback()
