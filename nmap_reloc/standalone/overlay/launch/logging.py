"""What launch and its processes say: on the console as asked for, and all of it in a file."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from pathlib import Path

_BASE = "ros_launch"
_SCREEN = {"screen": (True, True), "log": (False, True), "both": (True, True),
           "own_log": (False, False), "full": (True, True)}  # stdout, stderr


class _Config:
    """The folder of the log files and the level below which nothing is said."""

    def __init__(self) -> None:
        self._log_dir: str | None = None
        self.level = logging.INFO

    @property
    def log_dir(self) -> str:
        if self._log_dir is None:
            home = os.environ.get("ROS_HOME", os.path.join("~", ".ros"))
            root = os.environ.get("ROS_LOG_DIR", os.path.join(home, "log"))
            stamp = time.strftime("%Y-%m-%d-%H-%M-%S")
            folder = Path(root).expanduser() / f"{stamp}-{socket.gethostname()}-{os.getpid()}"
            folder.mkdir(parents=True, exist_ok=True)
            self._log_dir = str(folder)
        return self._log_dir

    @log_dir.setter
    def log_dir(self, folder: str) -> None:
        self._log_dir = str(folder)


launch_config = _Config()
_handlers: list[logging.Handler] = []


class _Formatter(logging.Formatter):
    """Lines of processes as they are, lines of launch with level and name."""

    def __init__(self, dated: bool) -> None:
        super().__init__()
        self._dated = dated

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if not getattr(record, "raw", False):
            name = record.name.removeprefix(_BASE + ".")
            text = f"[{record.levelname}] [{name}]: {text}"
        return f"{record.created:.7f} {text}" if self._dated else text


class _Screen(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard output as it is at the time of writing."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.setFormatter(_Formatter(dated=False))
        self.addFilter(lambda record: getattr(record, "on_screen", True))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            logging.getLogger(_BASE).removeHandler(self)  # nobody reads; the file has it all
        else:
            super().handleError(record)


class _File(logging.Handler):
    """launch.log in the log folder, opened when the first line comes."""

    def __init__(self) -> None:
        super().__init__()
        self._file: logging.FileHandler | None = None
        self.setFormatter(_Formatter(dated=True))

    def emit(self, record: logging.LogRecord) -> None:
        if self._file is None:
            try:
                path = os.path.join(launch_config.log_dir, "launch.log")
                self._file = logging.FileHandler(path, encoding="utf-8")
            except OSError as problem:  # the console still says everything that it should
                logging.getLogger(_BASE).removeHandler(self)
                get_logger("launch").warning(f"no log file is written: {problem}")
                return
            self._file.setFormatter(self.formatter)
        self._file.emit(record)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def reset() -> None:
    """Forget the log folder, level and handlers; the next line makes new ones."""
    launch_config.__init__()  # type: ignore[misc]
    base = logging.getLogger(_BASE)
    while _handlers:
        handler = _handlers.pop()
        base.removeHandler(handler)
        handler.close()


def get_logger(name: str | None = None) -> logging.Logger:
    """A logger of launch itself."""
    base = logging.getLogger(_BASE)
    if not _handlers:
        _handlers.extend([_Screen(), _File()])
        for handler in _handlers:
            base.addHandler(handler)
        base.propagate = False
    base.setLevel(launch_config.level)
    return base if name is None else logging.getLogger(f"{_BASE}.{name}")


class OutputLogger:
    """Writes lines of one stream of a process."""

    def __init__(self, name: str, on_screen: bool) -> None:
        self._logger = get_logger(name)
        self._extra = {"raw": True, "on_screen": on_screen}

    def info(self, line: str) -> None:
        self._logger.info("%s", line, extra=self._extra)


def get_output_loggers(process_name: str, output_config: str | dict[str, str]
                       ) -> tuple[OutputLogger, OutputLogger]:
    """(of stdout, of stderr) for an output such as 'screen', 'log' or 'both'. ValueError: else."""
    if isinstance(output_config, dict):
        both = output_config.get("both", ())
        screen = tuple("screen" in output_config.get(stream, ()) or "screen" in both
                       for stream in ("stdout", "stderr"))
    elif output_config in _SCREEN:
        screen = _SCREEN[output_config]
    else:
        raise ValueError(f"{output_config} is not a valid standard output config i.e. not one "
                         f"of: {', '.join(_SCREEN)}")
    return OutputLogger(process_name, screen[0]), OutputLogger(process_name, screen[1])
