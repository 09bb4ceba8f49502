"""What the tests of launch files share; it works with the real launch, too."""

from __future__ import annotations

import threading
from typing import Any

from launch import LaunchDescription, LaunchService

PATIENCE = 60.0  # s; only a failing test waits as long


def run(*entities: Any) -> int:
    """Launch them as a script does, until all is over; the launch's exit code."""
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(entities)))
    guard = threading.Timer(PATIENCE, service.shutdown)
    guard.daemon = True
    guard.start()
    try:
        return int(service.run())
    finally:
        alive = guard.is_alive()
        guard.cancel()
        assert alive, f"the launch did not end by itself within {PATIENCE:g} s"
