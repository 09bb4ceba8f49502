"""A TensorRT plan from an ONNX file: shape ranges, precision, calibration, progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nmap_reloc.engines.background import Progress
from nmap_reloc.engines.base import Arrays, EngineError, Precision
from nmap_reloc.engines.buffers import active, primary_context
from nmap_reloc.engines.shapes import Profile, check_axes, profile
from nmap_reloc.engines.tensorrt import libraries, logger_of
from nmap_reloc.errors import one_line


def build_plan(name: str, model: bytes, precision: Precision, workspace: int, progress: Progress,
               calibration: Iterable[Arrays] = ()) -> bytes:
    """Takes minutes; in any thread, frames go on. EngineError, with TensorRT's own reason.

    calibration: inputs of the usual size, for INT8.
    """
    trt, cuda = libraries()
    logger, monitor = logger_of(trt), _monitor(trt, progress)  # TensorRT holds neither
    logger.start()
    try:
        with active(primary_context(cuda)):
            builder = trt.Builder(logger)
            network = builder.create_network(0)  # since 10 every batch is explicit
            parser = trt.OnnxParser(network, logger)
            if not parser.parse(model):
                found = [one_line(parser.get_error(i).desc()) for i in range(parser.num_errors)]
                raise RuntimeError("TensorRT can't read the ONNX file: " + "; ".join(found[:2]))
            config = _config(trt, builder, network, name, precision, workspace)
            config.progress_monitor = monitor
            calibrator = _calibrator(trt, cuda, calibration)
            try:
                if precision is Precision.INT8:
                    config.int8_calibrator = calibrator
                plan = builder.build_serialized_network(network, config)
            finally:
                calibrator.free()
            if plan is None:
                raise RuntimeError("TensorRT built nothing")
            return bytes(plan)
    except (cuda.Error, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise EngineError(f"engine {name}: no plan could be built ({one_line(error)}); choose "
                           f"the onnx backend{logger.said()}") from error


def _config(trt: Any, builder: Any, network: Any, name: str, precision: Precision,
            workspace: int) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    declared = {i.name: tuple(i.shape) for i in inputs}
    check_axes(name, declared)
    ranges: Profile = profile(name, declared)
    shapes = builder.create_optimization_profile()
    for given, (least, usual, most) in ranges.items():
        shapes.set_shape(given, least, usual, most)
    config.add_optimization_profile(shapes)
    if precision is not Precision.FP32:
        config.set_flag(trt.BuilderFlag.FP16)
        config.set_flag(trt.BuilderFlag.PREFER_PRECISION_CONSTRAINTS)
        _keep_exact(trt, network)
    if precision is Precision.INT8:
        config.set_flag(trt.BuilderFlag.INT8)
        if not config.set_calibration_profile(shapes):
            raise RuntimeError("TensorRT refuses the calibration profile")
    return config


def _keep_exact(trt: Any, network: Any) -> None:
    """FP32 for what FP16 would spoil: pixels (1,600.25 is none in FP16), metres, and sums over
    an image. All of these are reductions, or come after the choice of the best (TopK) or from
    positions."""
    exact: set[str] = {"positions"}
    for i in range(network.num_layers):
        layer = network.get_layer(i)
        given = [layer.get_input(k) for k in range(layer.num_inputs)]
        made = [layer.get_output(k) for k in range(layer.num_outputs)]
        if layer.type == trt.LayerType.TOPK or any(
                tensor is not None and tensor.name in exact for tensor in given):
            exact.update(tensor.name for tensor in made)
        elif layer.type not in (trt.LayerType.REDUCE, trt.LayerType.NORMALIZATION):
            continue
        if layer.type == trt.LayerType.CAST:  # says its type itself
            continue
        real = [k for k, tensor in enumerate(made) if tensor.dtype == trt.float32]
        if real:  # indices stay integers
            layer.precision = trt.float32
        for k in real:
            layer.set_output_type(k, trt.float32)


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str, num_steps: int) -> None:
            self.steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress(phase_name, step + 1, self.steps.get(phase_name, 0))

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)
    return Monitor()


def _calibrator(trt: Any, cuda: Any, batches: Iterable[Arrays]) -> Any:
    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.batches = iter(batches)
            self.device: dict[str, Any] = {}

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]) -> list[int] | None:
            batch = next(self.batches, None)
            if batch is None:
                return None
            for name in names:
                if name not in self.device:
                    self.device[name] = cuda.mem_alloc(batch[name].nbytes)
                cuda.memcpy_htod(self.device[name], np.ascontiguousarray(batch[name]))
            return [int(self.device[name]) for name in names]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, cache: Any) -> None:
            """The plan is what is kept."""

        def free(self) -> None:
            while self.device:
                self.device.popitem()[1].free()
    return Calibrator()
