"""The sessions of onnxruntime that run one network: one for any sizes, one for each that comes.

A camera's images are all of one size. A session that knows it computes no shapes and joins more
operators: a twentieth of the time is spared at every image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from nmap_reloc.engines.base import Arrays
from nmap_reloc.errors import NmapError, one_line

KEPT = 2  # sizes that the network is ready for at a time
# Microseconds that a thread without work looks for some before it sleeps. To be woken costs as
# much, between a hundred operators of one run; for longer it would stand in other programs' way.
SPIN = 50


def bounds_spinning(version: str) -> bool:
    """Whether this onnxruntime can end it; an older one spins for milliseconds, or never."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return (major, minor) >= (1, 26)


class Sessions:
    """any: the session that takes every size."""

    def __init__(self, path: Path, providers: Sequence[Any], threads: int):
        """threads: of an operator, 0: onnxruntime's choice. NmapError: it can't load the file."""
        self._path, self._providers, self._threads = path, list(providers), threads
        try:
            self._network = path.read_bytes()  # the same from now on, whatever the file becomes
        except OSError as error:
            raise NmapError(f"network {path}: {error.strerror}; install the package again"
                            ) from error
        self.any = self._loaded({})
        self._axes = {i.name: i.shape for i in self.any.get_inputs()}  # names, where they vary
        self._of_size: dict[tuple[tuple[str, int], ...], Any] = {}  # the last one used at the end

    def of_size(self, inputs: Arrays) -> Any:
        """The session for the sizes of these inputs; the first time it is loaded for them."""
        sizes = tuple((axis, size) for name, value in inputs.items() for axis, size
                      in zip(self._axes[name], value.shape, strict=True) if isinstance(axis, str))
        session = self._of_size.pop(sizes, None) or self._loaded(dict(sizes))
        self._of_size[sizes] = session
        if len(self._of_size) > KEPT:
            del self._of_size[next(iter(self._of_size))]
        return session

    def close(self) -> None:
        """May be called again."""
        self.any = None
        self._of_size.clear()

    def _loaded(self, sizes: dict[str, int]) -> Any:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self._threads
        settings.log_severity_level = 3
        spin = SPIN if bounds_spinning(onnxruntime.__version__) else 0
        settings.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin > 0)))
        settings.add_session_config_entry("session.intra_op.spin_duration_us", str(spin))
        for axis, size in sizes.items():
            settings.add_free_dimension_override_by_name(axis, size)
        try:
            return onnxruntime.InferenceSession(self._network, settings,
                                                providers=self._providers)
        except Exception as error:  # onnxruntime's own types are not public
            reason = one_line(error, 120)
            raise NmapError(f"network {self._path}: onnxruntime can't load it ({reason}); install "
                            "the package again") from error
