"""rclpy.client: asks a service."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._entity import Entity, Work, decode
from rclpy.task import Future

from nmap_reloc.standalone.messages import serialize

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.context import Context
    from rclpy.executors import Executor
    from rclpy.qos import QoSProfile

    from nmap_reloc.standalone import dds

GLANCE = 0.02  # s between two looks for a service


class Client(Entity):
    """A client; create it by Node.create_client. Replies arrive while an executor spins."""

    def __init__(self, context: Context,
                 open_client: Callable[[Callable[[], None]], dds.Client], srv_type: type[Any],
                 srv_name: str, qos_profile: QoSProfile, callback_group: CallbackGroup) -> None:
        """open_client(on_data) opens the DDS client."""
        super().__init__(callback_group)
        self.context = context
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.qos_profile = qos_profile
        self._pending_requests: dict[int, Future] = {}
        self._arrived = False
        self._waiting: deque[dds.Reply] = deque()
        self._client = open_client(self._on_data)

    @property
    def service_name(self) -> str:
        """The full name."""
        self._check()
        return self.srv_name

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """The response, None after the time; another thread must spin meanwhile.

        TypeError where the request is of another type.
        """
        event = threading.Event()
        future = self.call_async(request)
        future.add_done_callback(lambda _: event.set())
        if not future.done() and not event.wait(timeout_sec):
            self.remove_pending_request(future)
        return future.result()

    def call_async(self, request: Any) -> Future:
        """A future of the response; TypeError where the request is of another type."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"{self.srv_name}: a request must be a "
                            f"{self.srv_type.__name__}.Request, not {type(request).__name__}")
        self._check()
        future = Future()
        with self._lock:  # the reply may be there before the number is known
            self._pending_requests[self._client.send(serialize(request))] = future
        future.add_done_callback(self.remove_pending_request)
        return future

    def get_pending_request(self, sequence_number: int) -> Future:
        """The future of a request; KeyError where none waits."""
        with self._lock:
            return self._pending_requests[sequence_number]

    def remove_pending_request(self, future: Future) -> None:
        """The future will never be done: its response is ignored."""
        with self._lock:
            for number, pending in self._pending_requests.items():
                if pending is future:
                    del self._pending_requests[number]
                    return

    def service_is_ready(self) -> bool:
        """Says whether somebody would answer."""
        self._check()
        return self._client.ready()

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Until somebody would answer; False after the time or a shutdown."""
        end = float("inf") if timeout_sec is None else time.monotonic() + timeout_sec
        while self.context.ok() and not self.service_is_ready():
            left = end - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(GLANCE, left))
        return self.service_is_ready()

    def _on_data(self) -> None:
        """Called by DDS, in its own thread."""
        self._arrived = True
        self._wake()

    def _is_ready(self) -> bool:
        return self._arrived or bool(self._waiting)

    def _take(self, executor: Executor) -> Work | None:
        with self._lock:
            if self._destroyed:
                return None
            if self._arrived:
                self._arrived = False
                self._waiting.extend(self._client.take())
            if not self._waiting:
                return None
            reply = self._waiting.popleft()
            future = self._pending_requests.get(reply.sequence)
        if future is None:  # nobody waits for it any more
            return None
        response = decode(reply.cdr, self.srv_type.Response, f"a response of {self.srv_name}")
        if response is None:
            return None
        future._set_executor(executor)
        return Work(future.set_result, (response,))

    def _close(self) -> None:
        self._waiting.clear()
        self._client.close()
