"""reloc_node in a process of its own, and how much memory that takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from nmap_reloc.errors import NmapError

START = "from nmap_reloc.executables import reloc_node; raise SystemExit(reloc_node())"
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE = 20.0  # s for a clean end


class NodeProcess:
    """For the block: the executable with these parameters; what it prints goes to `log`."""

    def __init__(self, parameters: Mapping[str, object], log: Path):
        self._log = log
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        # Two processors or few more: a pool of threads in each library would only take turns.
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", START, "--ros-args", *given], env=environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def check(self) -> None:
        """NmapError when the node has ended."""
        if self._process.poll() is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise NmapError(f"reloc_node ended with {self._process.returncode}: "
                            f"{said[-1] if said else 'no word'} (all of it: {self._log})")

    def resident(self) -> int:
        """Bytes in memory now."""
        self.check()
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * PAGE

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            if kind is None:
                raise NmapError(f"reloc_node did not end within {PATIENCE:g} s of SIGINT; see "
                                f"{self._log}") from None
