"""Start-up and memory, in a process of its own that does nothing else: run by speed.py."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

STARTED = time.perf_counter()
PAGE = os.sysconf("SC_PAGE_SIZE")
WARM, STEADY = 10, 100


def measured(site: Path, frames: Path) -> dict[str, object]:
    """What the process prints. frames: .npz of images, cameras and poses (speed_frames.py)."""
    done = subprocess.run([sys.executable, __file__, str(site), str(frames)], check=True,
                          capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def page_faults() -> int:
    """How often the system gave this process a page of memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main(site: Path, frames: Path) -> None:
    import speed_frames

    from nmap_reloc.localizer import Localizer, LocalizerOptions

    imported = time.perf_counter()
    localizer = Localizer.open(site, "onnx", LocalizerOptions(precision="auto"))
    opened = time.perf_counter()
    known = speed_frames.load(frames)
    started = time.perf_counter()
    localizer.localize(known[0].image, known[0].camera, known[0].prior)
    first = time.perf_counter() - started

    def run(count: int) -> None:
        for k in range(count):
            frame = known[k % len(known)]
            localizer.localize(frame.image, frame.camera, frame.prior)
    run(WARM)
    before = resident()
    run(STEADY)
    grown = resident() - before
    faults = page_faults()
    run(STEADY)
    faults = page_faults() - faults
    tracemalloc.start()
    run(STEADY)  # until what Python and numpy keep for reuse is there
    start = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    run(STEADY)
    kept_bytes, peak = tracemalloc.get_traced_memory()
    print(json.dumps({
        "import_s": imported - STARTED, "open_s": opened - imported, "first_frame_s": first,
        "resident_bytes": before, "resident_growth_bytes": grown, "frames": STEADY,
        "pages_per_frame": faults / STEADY,
        "python_growth_bytes_per_frame": (kept_bytes - start) / STEADY,
        "python_peak_bytes_in_a_frame": peak - start, "torch": "torch" in sys.modules}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
