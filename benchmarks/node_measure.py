"""All measurements of one run, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import rclpy
from heartbeat import Heartbeat
from node_images import image_cost
from node_phases import Trial, sustainable
from node_place import Place
from node_process import NodeProcess
from node_robot import Robot, Spinning
from node_rows import images_rows, memory_row, overhead_rows, swap_rows, tf_rows
from node_table import Row
from node_witness import Consumer, Witness

MEMORY_PERIOD = 0.5  # s between two images while memory is looked at


@dataclass(frozen=True)
class Plan:
    """images: of each steady phase; swaps: while they flow; memory_swaps: while the memory is
    followed; rate: images per second, 0: what the machine sustains."""

    images: int
    swaps: int
    memory_swaps: int
    rate: float


def measure(place: Place, log: Path, keypoints: int, plan: Plan) -> list[Row]:
    """The rows of the table. NmapError: the node does not start, or does not localize."""
    rclpy.init()
    try:
        given = {"map": place.site.resolve(), "tiles": "managed", "keypoints": keypoints}
        with (Spinning(Robot(place.views, place.manifest)) as robot,
              Spinning(Witness()) as witness, NodeProcess(given, log) as node):
            rows = _with_node(Trial(place, robot, node, witness), plan)
        return rows + images_rows(image_cost(plan.images))
    finally:
        rclpy.try_shutdown()


def _with_node(trial: Trial, plan: Plan) -> list[Row]:
    trial.connect()
    usual = sustainable(trial.find())
    period = 1 / plan.rate if plan.rate else usual
    with (Spinning(Consumer(trial.witness, trial.place.manifest.frame)) as consumer,
          Heartbeat() as heartbeat):
        window = min(600.0, max(1.0, plan.images * period))
        trial.witness.set("diagnostics_window", window)
        consumer.start()
        calm, _ = trial.follow(plan.images, period, f"{1 / period:.1f} images a second")
        rows = overhead_rows(trial.witness, calm)
        swapped, spent = trial.follow(max(plan.images, plan.swaps), period,
                                      f"the same with {plan.swaps} swaps", plan.swaps)
        consumer.stop()
        rows += swap_rows(trial.witness, calm, swapped, spent) + tf_rows(consumer, heartbeat)
    resident = trial.many_swaps(plan.memory_swaps, MEMORY_PERIOD)
    trial.witness.news()
    rows.append(memory_row(resident, trial.witness.number("bytes")))
    return rows
