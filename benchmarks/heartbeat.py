"""Notices when the machine itself stands still: a process that only sleeps is late, too.

Other programs and a hypervisor take processors away; what is late then says nothing of the node.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from types import TracebackType

LATE = 0.03  # s
BEAT = f"""
import time
last = time.monotonic()
while True:
    time.sleep(0.005)
    now = time.monotonic()
    if now - last > {LATE}:
        print(last, now, flush=True)
    last = now
"""


class Heartbeat:
    """For the block. stalls: (from, to) in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []

    def __enter__(self) -> Heartbeat:
        self._process = subprocess.Popen([sys.executable, "-c", BEAT], text=True,
                                         stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            begin, end = line.split()
            self.stalls.append((float(begin), float(end)))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def stalled(self, begin: float, end: float) -> bool:
        """Whether the machine stood still at some moment between the two."""
        return any(a < end and b > begin for a, b in self.stalls)

    @property
    def longest(self) -> float:
        """Seconds."""
        return max((end - begin for begin, end in self.stalls), default=0.0)
