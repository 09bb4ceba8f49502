"""The TensorRT engine of a network: its plan from the cache, else built and cached."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from nmap_reloc.engines.background import Progress
from nmap_reloc.engines.base import Arrays, EngineError, EngineOptions, Precision
from nmap_reloc.engines.cache import EngineCache, PlanKey
from nmap_reloc.engines.device import device_thread
from nmap_reloc.engines.shapes import RANGES, graph_of
from nmap_reloc.engines.tensorrt import TensorrtEngine, device_facts
from nmap_reloc.engines.tensorrt_build import build_plan
from nmap_reloc.errors import NmapError

log = logging.getLogger(__name__)


class Plans:
    """How one network becomes a TensorRT engine on this device.

    EngineError: there is no TensorRT, or no device.
    """

    def __init__(self, network: str, path: Path, options: EngineOptions) -> None:
        facts = device_facts()
        self.network, self._model, self._options = network, path.read_bytes(), options
        wanted = options.precision or Precision.FP16
        # Codes are no images: what calibrates INT8 is there for the feature network only.
        self.precision = wanted if graph_of(network) == "features" or \
            wanted is not Precision.INT8 else Precision.FP16
        self.cache = EngineCache(options.cache)
        self.key = PlanKey.of(network, self._model, self.precision.value, facts,
                              RANGES[graph_of(network)])
        self._where = (f"tensorrt {facts['tensorrt']}, {self.precision.value}, on "
                       f"{facts['device']}")

    def cached(self) -> TensorrtEngine | None:
        """From the cache; None: there is no plan that TensorRT takes."""
        plan = self.cache.load(self.key)
        if plan is None:
            return None
        try:
            return TensorrtEngine(self.network, plan, device_thread(), self._where)
        except EngineError as problem:
            log.warning("%s: its plan is built again", problem)
            self.cache.drop(self.key)
            return None

    def build(self, progress: Progress, calibration: Iterable[Arrays] | None = None
              ) -> TensorrtEngine:
        """Builds and caches. EngineError: TensorRT can't, or progress said stop."""
        if self.precision is Precision.INT8 and calibration is None:
            raise EngineError(f"engine {self.network}: INT8 is calibrated with images; run "
                               "`nmap-reloc engines build --precision int8 --images FOLDER` first")
        started = time.monotonic()
        plan = build_plan(self.network, self._model, self.precision, self._options.workspace,
                          progress, calibration or ())
        engine = TensorrtEngine(self.network, plan, device_thread(), self._where)
        try:
            path = self.cache.store(self.key, plan)
            log.info("engine %s: built in %.0f s, kept as %s", self.network,
                     time.monotonic() - started, path)
        except NmapError as problem:  # it runs all the same
            log.warning("engine %s: built, but not kept: %s", self.network, problem)
        return engine
