"""The one thread that waits for data and tells the readers' owners."""

from __future__ import annotations

import ctypes as ct
import logging
import threading
from collections.abc import Callable

from nmap_reloc.standalone.dds.native import DATA_AVAILABLE, INFINITY, check, lib

AT_ONCE = 64  # entities that one wake-up can name; the rest are named by the next
STOP = 0


class Waiter:
    """Calls each reader's on_data when samples came, from one thread and with no lock held.

    Readers stay quiet until something new comes, whether or not they were emptied."""

    def __init__(self, participant: int) -> None:
        self._waitset = check(lib.dds_create_waitset(participant), "waiting for data")
        self._guard = check(lib.dds_create_guardcondition(participant), "waiting for data")
        check(lib.dds_waitset_attach(self._waitset, self._guard, STOP), "waiting for data")
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="dds_waiter", daemon=True)
        self._thread.start()

    def add(self, reader: int, on_data: Callable[[], None]) -> None:
        """Watches a reader from now on; what it has already got is told, too."""
        self._callbacks[reader] = on_data
        check(lib.dds_set_status_mask(reader, DATA_AVAILABLE), "watching a reader")
        check(lib.dds_waitset_attach(self._waitset, reader, reader), "watching a reader")

    def remove(self, reader: int) -> None:
        """Stops watching; on_data may still be running in its thread, but is not called again."""
        if self._callbacks.pop(reader, None) is not None:
            lib.dds_waitset_detach(self._waitset, reader)

    def close(self) -> None:
        """Ends the thread, and waits for it unless it is the caller."""
        self._stopped = True
        lib.dds_set_guardcondition(self._guard, True)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        triggered = (ct.c_ssize_t * AT_ONCE)()
        status = ct.c_uint32()
        while not self._stopped:
            count = lib.dds_waitset_wait(self._waitset, triggered, AT_ONCE, INFINITY)
            if count < 0:  # the participant is gone
                return
            for reader in triggered[:min(count, AT_ONCE)]:
                if reader == STOP:
                    continue
                # Before the call, so that what comes during it wakes us again.
                lib.dds_take_status(reader, status, DATA_AVAILABLE)
                on_data = self._callbacks.get(reader)
                if on_data is not None and not self._stopped:
                    self._call(on_data)

    def _call(self, on_data: Callable[[], None]) -> None:
        try:
            on_data()
        except Exception:
            # One subscriber's mistake must not silence the others.
            logging.getLogger(__name__).exception("a subscriber's callback failed")
