"""rclpy.service: answers requests by a callback."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from rclpy._entity import Entity, Work, decode

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.messages import serialize

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor
    from rclpy.qos import QoSProfile

    from nmap_reloc.standalone.dds import Request, Server


class Service(Entity):
    """A service; create it by Node.create_service."""

    def __init__(self, open_server: Callable[[Callable[[], None]], Server], srv_type: type[Any],
                 srv_name: str, callback: Callable[[Any, Any], Any],
                 callback_group: CallbackGroup, qos_profile: QoSProfile) -> None:
        """open_server(on_data) opens the DDS server; callback(request, response) -> response."""
        super().__init__(callback_group)
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.callback = callback
        self.qos_profile = qos_profile
        self._arrived = False
        self._waiting: deque[Request] = deque()
        self._server = open_server(self._on_data)

    @property
    def service_name(self) -> str:
        """The full name."""
        self._check()
        return self.srv_name

    def send_response(self, response: Any, header: Request) -> None:
        """Answers a request; TypeError where the response is of another type."""
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(f"{self.srv_name}: the callback must return a "
                            f"{self.srv_type.__name__}.Response, not {type(response).__name__}")
        self._check()
        try:
            self._server.reply(header, serialize(response))
        except NmapError:
            self._check()  # destroyed by another thread meanwhile
            raise

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
                self._waiting.extend(self._server.take())
            if not self._waiting:
                return None
            taken = self._waiting.popleft()
        request = decode(taken.cdr, self.srv_type.Request, f"a request to {self.srv_name}")
        if request is None:
            return None
        return Work(self.callback, (request, self.srv_type.Response()),
                    partial(self._answer, taken))

    def _answer(self, request: Request, response: Any) -> None:
        """Where the callback itself destroyed the service nobody is answered."""
        if not self._destroyed:
            self.send_response(response, request)

    def _close(self) -> None:
        self._waiting.clear()
        self._server.close()
