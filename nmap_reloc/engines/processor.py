"""What this machine's processor is fast at, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# Products of 8-bit numbers summed in 32 bits, four or more an instruction; without them 8 bits
# are hardly faster than FP32. All are instructions that onnxruntime's kernels know.
EIGHT_BITS = {"amx_int8": "AMX-int8", "avx512_vnni": "AVX512-VNNI", "avx_vnni": "AVX-VNNI",
              "asimddp": "ARM's dot product"}


def eight_bit_products(cpuinfo: Path = CPUINFO) -> str | None:
    """What the instructions are called that all processors have; None: there are none, or nobody
    says so (macOS, a container without /proc)."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # A line per processor: "flags : …" on x86, "Features : …" on ARM.
    pairs = (line.partition(":") for line in text.splitlines())
    every = [set(words.split()) for key, _, words in pairs if key.strip() in ("flags", "Features")]
    common = set.intersection(*every) if every else set()
    return next((name for flag, name in EIGHT_BITS.items() if flag in common), None)
