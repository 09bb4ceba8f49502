"""The numbers of speed.json as the README's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmap_reloc import text
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.files import write_text

MARKS = ("<!-- speed:begin -->", "<!-- speed:end -->")


def markdown(found: dict[str, Any]) -> str:
    """What was measured against which bar, and on what."""
    rows = [("what", "measured", "bar"), ("---", "---", "---"),
            *_query(found["query"], found["node_runs"]), *_voxels(found["voxels"]),
            *_large(found["large_site"]), *_process(found["process"]), _gpu(found["gpu"])]
    known = found["machine"]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", f"Measured by `make bench` on {known['cpu']}, {known['cores']} cores, "
              f"{found['scene']}, a map of {text.size(found['map_bytes'])}; other programs kept "
              f"{found['load']:.1f} processors busy when it began, so trust the ratios, taken in "
              "turn, more than milliseconds, and those of processor time most."]
    return "\n".join(lines)


def _both(ratio: dict[str, float]) -> str:
    return f"{ratio['wall']:.2f}× ({ratio['processor']:.2f}× in processor time)"


def _query(query: dict[str, Any], node_runs: str) -> list[tuple[str, str, str]]:
    names = {"tracking": "tracking frame, FP32", "tracking, int8": "tracking frame, int8",
             "classical": "SIFT, brute-force matching, PnP (OpenCV)"}
    names["tracking, int8" if node_runs == "int8" else "tracking"] += " (what the node takes here)"
    rows = []
    for name, shown in names.items():
        per = query["per_sift"][name]
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in query["stages"].get(
            name, {}).items())
        rows.append((f"{shown} / OpenCV SIFT (1,024) alone",
                     _both(per) + (f"; ms: {stages}" if stages else ""),
                     "1×" if name != "classical" else "–"))
    speeds = query["images_per_second"]
    rows.append(("images per second, FP32 / int8", " / ".join(
        f"{speeds[name]:.0f}" for name in ("tracking", "tracking, int8")), "–"))
    return rows


def _voxels(voxels: dict[str, Any]) -> list[tuple[str, str, str]]:
    batched = voxels["batched"]
    per = voxels["loop_per_batched"][64]
    return [("decode of 64 voxels: one voxel at a time / all at once", _both(per), "5× or more"),
            ("decode of 1 / 10³ voxels", f"{batched[1]:.1f} / {batched[1000]:.0f} ms: "
             f"{batched[1000] / batched[1]:.1f}× for 1,000× as many", "less than linear")]


def _large(large: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(f"lost frame / tracking frame, {large['tiles']:,} tiles, {large['voxels']:,} voxels, "
             f"{text.size(large['memory_bytes'])} loaded",
             f"{_both(large['per_tracking'])}; {text.percent(large['accepted'])} of lost frames "
             "accepted", "3×")]


def _process(process: dict[str, Any]) -> list[tuple[str, str, str]]:
    growth = process["resident_growth_bytes"]
    return [
        ("resident memory of a process that localizes",
         f"{text.size(process['resident_bytes'])}, {growth / 1e3:+.0f} KB over "
         f"{process['frames']} frames; torch imported: {'yes' if process['torch'] else 'no'}",
         "400 MB, no torch"),
        ("steady state: pages of memory that a frame takes from the system",
         f"{process['pages_per_frame']:.2g}", "0"),
        ("Python memory: kept per frame, peak within one",
         f"{process['python_growth_bytes_per_frame']:.0f} B, "
         f"{text.size(process['python_peak_bytes_in_a_frame'])}", "–"),
        ("start: import, open map, first frame", ", ".join(
            f"{process[name]:.2f} s" for name in ("import_s", "open_s", "first_frame_s")), "–")]


def _gpu(gpu: dict[str, Any]) -> tuple[str, str, str]:
    what, bar = "tracking frame, torch with CUDA graphs, FP16", "5 ms"
    if "why_not" in gpu:
        return f"GPU: {what}", f"not measured ({gpu['why_not']})", bar
    ways = "; ".join(f"{name} {_way(gpu[name])}" for name in ("plain", "compiled"))
    return (f"{gpu['device']}: {what}",
            f"{ways}; the card's FP16 peak is {gpu['peak_tflops_fp16']:.0f} TFLOPS", bar)


def _way(way: dict[str, Any]) -> str:
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in way["stages"].items())
    networks = ", ".join(f"{name} {one['milliseconds']:.2f} ms, {one['share_of_peak']:.1%} of peak"
                         for name, one in way["networks"].items())
    return f"{text.milliseconds(way['milliseconds'])} (ms: {stages}; on the card: {networks})"


def write_between(readme: Path, table: str, marks: tuple[str, str] = MARKS) -> None:
    """Replaces what stands between the two markers. NmapError: they are not there."""
    first, last = marks
    page = readme.read_text(encoding="utf-8")
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise NmapError(f"{readme}: has no place for the table; put {first} and {last} on lines "
                        "of their own where it shall stand")
    write_text(readme, f"{before}{first}\n{table}\n{last}{after}")
