"""rclpy.context: the time between init and shutdown."""

from __future__ import annotations

import atexit
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import ismethod
from typing import TYPE_CHECKING, Any

from rclpy._arguments import Arguments
from rclpy._rclpy_pybind11 import RCLError

from nmap_reloc.standalone.dds import Domain
from nmap_reloc.standalone.dds.config import domain_id_from_environment

if TYPE_CHECKING:
    from rclpy.node import Node

# All that are valid; replaced, never changed: a signal handler reads it without a lock.
_valid_contexts: tuple[Context, ...] = ()
_registry_lock = threading.Lock()


class Context:
    """Arguments of the process, the DDS domain, and who must know of the shutdown."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._callbacks: list[Any] = []  # of users: called by shutdown, not by a signal
        self._wakers: list[Any] = []  # of executors and sleepers: called in both cases
        self._initialized = False
        self._valid = False
        self._exiting = False
        self._arguments = Arguments.parse([])
        self._domain_id = 0
        self._domain: Domain | None = None
        self._nodes: weakref.WeakSet[Node] = weakref.WeakSet()

    def init(self, args: list[str] | None = None, *, initialize_logging: bool = True,
             domain_id: int | None = None) -> None:
        """Reads the ROS arguments (of sys.argv unless given); only once.

        UnknownROSArgsError and RCLInvalidROSArgsError for arguments that are none.
        """
        from rclpy import _log_levels  # it needs the clock, which needs this module

        with self._lock:
            if domain_id is not None and domain_id < 0:
                raise RuntimeError(f"Domain id ({domain_id}) should not be lower than zero.")
            if self._initialized:
                raise RuntimeError("Context.init() must only be called once")
            self._arguments = Arguments.parse(sys.argv if args is None else args)
            self._domain_id = domain_id_from_environment() if domain_id is None else domain_id
            self._initialized = self._valid = True
        if initialize_logging:
            _log_levels.configure(self._arguments)
        _register(self)

    def ok(self) -> bool:
        """Says whether the context is initialized and not shut down."""
        return self._valid

    def get_domain_id(self) -> int:
        """The number of the DDS domain; RuntimeError before init."""
        if not self._initialized:
            raise RuntimeError("Context must be initialized before it can have a domain id")
        return self._domain_id

    def shutdown(self) -> None:
        """The end; RuntimeError before init, RCLError a second time."""
        if not self._initialized:
            raise RuntimeError("Context must be initialized before it can be shutdown")
        if not self._shut_down():
            raise RCLError("failed to shutdown: rcl_shutdown already called on the given context")

    def try_shutdown(self) -> None:
        """The end, where it has not come yet."""
        self._shut_down()

    def _shut_down(self) -> bool:
        """False where it was over already."""
        with self._lock:
            if not self._valid:
                return False
            self._valid = False
            callbacks, self._callbacks = self._callbacks, []
        _unregister(self)
        # Without the lock: a callback may wait for a thread that needs it.
        _call(callbacks)
        self._wake()
        self._close()
        return True

    def _wake(self) -> None:
        _call(list(self._wakers))

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Calls back at the shutdown, at once where it is over; methods are held weakly.

        As in the real rclpy a shutdown by a signal calls nobody.
        """
        if not callable(callback):
            raise TypeError("callback should be a callable, got {}", type(callback))
        with self._lock:
            if not self._initialized or self._valid:
                self._callbacks.append(_weak(callback, self._callbacks))
                return
        callback()

    @contextmanager
    def _waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Within the block wake() is called by every kind of shutdown."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)

    def _wake_at_shutdown(self, wake: Callable[[], None]) -> None:
        """The same for as long as the method's object lives."""
        self._wakers.append(_weak(wake, self._wakers))

    # The domain: opened for the first node; closed by shutdown and, after a signal, with the last
    # node or at exit.

    def _open_domain(self) -> Domain:
        with self._lock:
            if self._domain is None:
                if not self._valid:
                    raise RCLError("the given context is not valid: it is shut down")
                self._domain = Domain(self._domain_id)
            return self._domain

    def _close_if_unused(self) -> None:
        with self._lock:
            if not self._valid and not self._nodes:
                self._close()

    def _close(self) -> None:
        with self._lock:
            domain, self._domain = self._domain, None
        if domain is not None:
            domain.close()

    def __enter__(self) -> Context:
        self.init()
        return self

    def __exit__(self, *_: object) -> None:
        self.try_shutdown()


def _call(callbacks: list[Any]) -> None:
    for reference in callbacks:
        callback = reference() if isinstance(reference, weakref.WeakMethod) else reference
        if callback is not None:
            callback()


def _weak(callback: Callable[[], None], home: list[Any]) -> Any:
    """A method as a weak reference that leaves its list with the object; else the callable."""
    if not ismethod(callback):
        return callback

    def forget(reference: Any) -> None:
        if reference in home:
            home.remove(reference)

    return weakref.WeakMethod(callback, forget)


def _register(context: Context) -> None:
    global _valid_contexts
    with _registry_lock:
        _valid_contexts = (*_valid_contexts, context)
    _opened.add(context)


def _unregister(context: Context) -> None:
    global _valid_contexts
    with _registry_lock:
        _valid_contexts = tuple(other for other in _valid_contexts if other is not context)


def invalidate_all() -> tuple[Context, ...]:
    """For signal handlers: no context is valid from now on. Takes no lock; wakes nobody."""
    contexts = _valid_contexts
    for context in contexts:
        context._valid = False
    return contexts


def wake_all(contexts: tuple[Context, ...]) -> None:
    """The rest of a shutdown by a signal, outside the handler."""
    for context in contexts:
        _unregister(context)
        context._wake()


_opened: weakref.WeakSet[Context] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Leaves the domains; daemon threads may still run, and shall not complain of it."""
    for context in list(_opened):
        context._exiting = True
        context._close()
