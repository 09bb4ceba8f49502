"""A TensorRT plan from an ONNX file: profile, precision, calibration, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nmap_reloc.engines.base import Arrays, EngineFailed, Precision
from nmap_reloc.engines.shapes import Profile, profile
from nmap_reloc.engines.tensorrt import active, libraries, logger_of, one_line

Progress = Callable[[str, int, int], bool]  # phase, step, steps -> go on?


def build_plan(network_name: str, model: bytes, precision: Precision, workspace: int,
               progress: Progress, calibration: Iterable[Arrays] = ()) -> tuple[bytes, Profile]:
    """A serialised engine; takes minutes, may run in any thread. EngineFailed, with TensorRT's
    reason. calibration: inputs of the usual size, for INT8."""
    trt, cuda = libraries()
    errors: list[str] = []
    logger = logger_of(trt, errors)

    def failed(what: str) -> EngineFailed:
        return EngineFailed(f"engine {network_name}: {what} ({errors[-1] if errors else 'no reason'}"
                            " given); choose the onnx backend, or report it")
    try:
        with active(cuda.Device(0).retain_primary_context()):
            builder = trt.Builder(logger)
            network = builder.create_network(0)  # 10 knows explicit batches only
            parser = trt.OnnxParser(network, logger)
            if not parser.parse(model):
                errors += [one_line(parser.get_error(i).desc())
                           for i in range(parser.num_errors)]
                raise failed("TensorRT can't read the ONNX file")
            inputs = [network.get_input(i) for i in range(network.num_inputs)]
            ranges = profile(network_name, {i.name: tuple(i.shape) for i in inputs})
            config = _config(trt, builder, network, ranges, precision, workspace)
            config.progress_monitor = _monitor(trt, progress)
            calibrator = _calibrator(trt, cuda, calibration)
            if precision is Precision.INT8:
                config.int8_calibrator = calibrator
            plan = builder.build_serialized_network(network, config)
            calibrator.free()
            if plan is None:
                raise failed("TensorRT built nothing")
            return bytes(plan), ranges
    except (cuda.Error, RuntimeError, ValueError, TypeError) as error:
        errors.append(one_line(error))
        raise failed("building failed") from error


def _config(trt: Any, builder: Any, network: Any, ranges: Profile, precision: Precision,
            workspace: int) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    shapes = builder.create_optimization_profile()
    for name, (least, usual, most) in ranges.items():
        shapes.set_shape(name, least, usual, most)
    config.add_optimization_profile(shapes)
    if precision is not Precision.FP32:
        config.set_flag(trt.BuilderFlag.FP16)
        config.set_flag(trt.BuilderFlag.PREFER_PRECISION_CONSTRAINTS)
        _keep_exact(trt, network)
    if precision is Precision.INT8:
        config.set_flag(trt.BuilderFlag.INT8)
        config.set_calibration_profile(shapes)
    return config


def _keep_exact(trt: Any, network: Any) -> None:
    """FP32 for what FP16 would spoil: pixels (1,600.25 is none in FP16), metres, and sums over
    an image. All of these are reductions or come after the choice of the best (TopK)."""
    exact: set[str] = set()
    for i in range(network.num_layers):
        layer = network.get_layer(i)
        given = [layer.get_input(k) for k in range(layer.num_inputs)]
        made = [layer.get_output(k) for k in range(layer.num_outputs)]
        after = any(tensor is not None and tensor.name in exact for tensor in given)
        if after or layer.type == trt.LayerType.TOPK:
            exact.update(tensor.name for tensor in made)
        elif layer.type not in (trt.LayerType.REDUCE, trt.LayerType.NORMALIZATION):
            continue
        if all(tensor.dtype == trt.float32 for tensor in made):  # indices stay integers
            layer.precision = trt.float32
            for k in range(layer.num_outputs):
                layer.set_output_type(k, trt.float32)


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
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
    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc, name-defined]
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
            """The plan is kept; what led to it need not be."""

        def free(self) -> None:
            while self.device:
                self.device.popitem()[1].free()
    return Calibrator()
