"""Threads of onnxruntime look for work no longer than they are told to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nmap_reloc.engines.sessions import bounds_spinning

IDLE = """
import sys, time
from pathlib import Path
import numpy as np
from nmap_reloc.engines.onnx import OnnxEngine
engine = OnnxEngine(Path(sys.argv[1]))
image, slots = np.zeros((1, 1, 480, 640), np.float32), np.zeros(1000, np.float32)
spent = []
for _ in range(20):
    engine({"image": image, "slots": slots})
    before = time.process_time()
    time.sleep(0.05)
    spent.append(time.process_time() - before)
print(sum(spent) / len(spent))
"""


def test_between_two_images_threads_sleep(feature_weights: Path) -> None:
    """In a process of its own: no other thread's work is counted."""
    answer = subprocess.run([sys.executable, "-c", IDLE, str(feature_weights / "features.onnx")],
                            check=True, capture_output=True, text=True)
    assert float(answer.stdout) < 2e-3  # seconds of processor time


@pytest.mark.parametrize(("version", "bounded"), [
    ("1.17.3", False), ("1.25.1", False), ("1.26.0", True), ("1.31.1", True), ("2.0.0", True),
    ("1.30.0.dev20260801", True)])
def test_who_knows_the_bound(version: str, bounded: bool) -> None:
    assert bounds_spinning(version) is bounded
