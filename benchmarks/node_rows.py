"""The rows of the table, each with its bar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from heartbeat import Heartbeat
from node_images import ImageCost
from node_phases import Following
from node_table import Row, both
from node_witness import SOON, Consumer, Witness, quantiles

from nmap_reloc import text

MEGABYTE = 1e6
AHEAD = 0.25  # s before a look in which what it needs is sent: tolerance and one period of TF
EARLY = 100  # swaps after which memory ought to be flat
NEAR = 50    # swaps to either side that stand for one


def overhead_rows(witness: Witness, calm: Following) -> list[Row]:
    """witness: /diagnostics at the end of the phase, its window as long as the phase."""
    spent = witness.number("overhead_p50"), witness.number("overhead_p95")
    total = quantiles(calm.delays)
    answer = witness.number("latency_p50"), witness.number("latency_p95")
    return [
        Row("node overhead: image callback to pose published, less the localizer's stages",
            both(spent), "≤ 5 ms median", spent[0] <= 5, {"p50": spent[0], "p95": spent[1]}),
        Row("image callback to pose published", both(answer), "", None,
            {"p50": answer[0], "p95": answer[1]}),
        Row(f"image published to pose received, {1 / calm.period:.1f} images a second",
            both(total), "", None, {"p50": total[0], "p95": total[1], "rate": 1 / calm.period}),
    ]


def swap_rows(witness: Witness, calm: Following, swapped: Following, spent: Sequence[float]
              ) -> list[Row]:
    """calm: the same images without swaps; spent: ms of each swap until confirmed."""
    usual, frame = quantiles(calm.delays)[0], swapped.period * 1e3
    extra = [(max(phase.delays, default=float("nan")) - usual) / frame
             for phase in (swapped, calm)]
    held, confirmed = witness.number("handover_ms"), quantiles(spent)
    dropped = f"{swapped.dropped} gave way to a newer one, {calm.dropped} without swaps"
    return [
        Row(f"images lost over {len(spent)} swaps", f"{swapped.lost} of {swapped.images} "
            f"({dropped}; {swapped.refused} refused, {calm.refused} without swaps)", "0",
            swapped.lost == 0 and swapped.refused <= calm.refused,
            {"lost": swapped.lost, "images": swapped.images, "dropped": swapped.dropped,
             "dropped_calm": calm.dropped, "refused": swapped.refused,
             "refused_calm": calm.refused}),
        Row("largest extra delay of an image, in periods of images", f"{extra[0]:.2f} "
            f"({extra[1]:.2f} without swaps)", "≤ 1", extra[0] <= 1,
            {"periods": extra[0], "periods_calm": extra[1]}),
        Row("localizer held up by a swap: one assignment, no lock", f"{held * 1e3:.2g} µs",
            "≤ 1 ms", held <= 1, {"ms": held}),
        Row("swap asked for to confirmed, beside the running localizer", both(confirmed), "", None,
            {"p50": confirmed[0], "p95": confirmed[1]}),
    ]


def tf_rows(consumer: Consumer, heartbeat: Heartbeat) -> list[Row]:
    """Of both phases."""
    delays, failures = consumer.delays, Counter(name for _, name in consumer.failures)
    good = float(np.isfinite(delays).mean()) if delays else float("nan")
    looks = len(consumer.margins) + failures.total()
    excused = sum(heartbeat.stalled(at - AHEAD, at) for at, _ in consumer.failures)
    said = ", ".join(f"{count} {name}" for name, count in failures.items()) or "none failed"
    said += f" ({excused} while the machine stood still)" if excused else ""
    finite = quantiles([ms for ms in delays if np.isfinite(ms)])
    margin = min(consumer.margins, default=float("nan"))
    return [
        Row(f"TF map → base_link at the image's stamp within {SOON * 1e3:.0f} ms of the pose",
            f"{text.percent(good)} of {len(delays)} poses, {both(finite)}", "100 %", good == 1,
            {"share": good, "poses": len(delays), "p50": finite[0], "p95": finite[1]}),
        Row("TF map → odom at now, while tracking", f"{looks} looks: {said}; reaches at least "
            f"{margin:.0f} ms beyond now; sent at least every {consumer.pause:.0f} ms",
            "never extrapolates", looks > 0 and failures.total() == excused,
            {"looks": looks, "failures": failures.total(), "while_stalled": excused,
             "margin_ms": margin, "pause_ms": consumer.pause,
             "longest_stall_ms": heartbeat.longest * 1e3}),
    ]


def memory_row(resident: Sequence[int], tiles: float) -> Row:
    """resident: bytes after each swap; tiles: bytes of a set of them.

    The least of some swaps: for a moment two or three sets are there, of which images in process
    hold one. Flat: what is left of the hundreds of sets that came and went is less than one.
    """
    def least(k: int) -> float:
        return min(resident[max(0, k - NEAR):k + NEAR]) / MEGABYTE
    first, middle, last = (least(k) for k in (EARLY, len(resident) // 2, len(resident)))
    return Row(f"resident memory at swap {EARLY}, {len(resident) // 2:,} and {len(resident):,}",
               f"{first:.1f}, {middle:.1f} and {last:.1f} MB ({last - first:+.1f})",
               f"flat: less than one set of tiles more ({tiles / MEGABYTE:.1f} MB)",
               last - first < tiles / MEGABYTE,
               {"first": first, "middle": middle, "last": last, "growth": last - first,
                "tiles": tiles / MEGABYTE})


def images_rows(cost: ImageCost) -> list[Row]:
    """Of 640x480 rgb8."""
    publish, travel = quantiles(cost.publish), quantiles(cost.travel)
    return [
        Row("publish a 640x480 rgb8 image: serialise and write, one subscriber", both(publish),
            "< 2 ms", publish[0] < 2, {"p50": publish[0], "p95": publish[1]}),
        Row("such an image from before that to the callback in another process",
            f"{both(travel)} ({len(cost.travel)} of {cost.sent} arrived)", "", None,
            {"p50": travel[0], "p95": travel[1], "sent": cost.sent, "arrived": len(cost.travel)}),
    ]
