"""TensorRT 10.3 for Python as nmap_reloc uses it, on onnxruntime: see signatures.txt."""

from __future__ import annotations

from fake_gpu import gpu

from tensorrt.builder import (
    Builder,
    BuilderFlag,
    DataType,
    IBuilderConfig,
    IHostMemory,
    IInt8EntropyCalibrator2,
    ILayer,
    ILogger,
    INetworkDefinition,
    IOptimizationProfile,
    IProgressMonitor,
    ITensor,
    LayerType,
    MemoryPoolType,
    OnnxParser,
    ParserError,
)
from tensorrt.runtime import (
    Dims,
    ExecutionContextAllocationStrategy,
    ICudaEngine,
    IExecutionContext,
    Runtime,
    TensorIOMode,
)

__version__ = gpu.version
float32, float16, int64 = DataType.FLOAT, DataType.HALF, DataType.INT64
int8, int32, uint8, bool = DataType.INT8, DataType.INT32, DataType.UINT8, DataType.BOOL

__all__ = [
    "Builder", "BuilderFlag", "DataType", "Dims", "ExecutionContextAllocationStrategy",
    "IBuilderConfig", "ICudaEngine", "IExecutionContext", "IHostMemory",
    "IInt8EntropyCalibrator2", "ILayer", "ILogger", "INetworkDefinition", "IOptimizationProfile",
    "IProgressMonitor", "ITensor", "LayerType", "MemoryPoolType", "OnnxParser", "ParserError",
    "Runtime", "TensorIOMode", "float16", "float32", "int64", "nptype"]


def nptype(trt_type: DataType) -> type:
    import numpy as np

    return {DataType.FLOAT: np.float32, DataType.HALF: np.float16, DataType.INT64: np.int64,
            DataType.INT32: np.int32, DataType.INT8: np.int8, DataType.BOOL: np.bool_,
            DataType.UINT8: np.uint8}[trt_type]
