"""What every training loop does after its losses: an optimiser step and a line in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

KEPT = 0.98  # of a running mean, each step
LARGEST_GRADIENT = 1.0


class Trainer:
    """options: the run's settings, the log's first line; every: steps between later lines."""

    def __init__(self, network: nn.Module, optimiser: torch.optim.Optimizer,
                 schedule: torch.optim.lr_scheduler.LRScheduler, log: Path,
                 options: Mapping[str, Any], every: int):
        self._network, self._optimiser, self._schedule = network, optimiser, schedule
        self._log, self._every = log, every
        self._start, self._done = time.monotonic(), 0
        self._running: dict[str, float] = {}
        log.write_text(json.dumps(options) + "\n")

    def step(self, parts: Mapping[str, Tensor]) -> None:
        """parts: the weighted losses by name; the log has the running mean of each."""
        self._optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), LARGEST_GRADIENT)
        self._optimiser.step()
        self._schedule.step()
        for name, value in parts.items():
            before = self._running.get(name, value.item())
            self._running[name] = KEPT * before + (1 - KEPT) * value.item()
        self._done += 1
        if self._done % self._every == 0:
            line = {"step": self._done, "seconds": round(time.monotonic() - self._start),
                    **{name: round(value, 4) for name, value in self._running.items()}}
            with self._log.open("a") as stream:
                stream.write(json.dumps(line) + "\n")
