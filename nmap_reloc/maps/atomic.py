"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmap_reloc.errors import NmapError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)


class Writer:
    """Writes files atomically and can take back those, and the folders, that it created."""

    def __init__(self) -> None:
        self.created: list[Path] = []
        self.folders: list[Path] = []

    def folder(self, folder: Path) -> None:
        """Create it and its parents such that they survive a power cut. OSError."""
        if not folder.is_dir():
            self.folder(folder.parent)
            folder.mkdir(exist_ok=True)
            self.folders.append(folder)
            sync_folder(folder.parent)

    def write(self, file: Path, data: bytes) -> None:
        """Temporary file in the same folder, fsync, rename, fsync of the folder. OSError."""
        self.folder(file.parent)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        existed = file.exists()
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if not existed:
            self.created.append(file)
        sync_folder(file.parent)

    def undo(self) -> None:
        """Remove the files that were not there before, and new folders that this leaves empty."""
        for file in self.created:
            file.unlink(missing_ok=True)
        for folder in reversed(self.folders):
            with suppress(OSError):
                folder.rmdir()


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path, needed: int) -> Iterator[None]:
    """Turn an OSError inside into an NmapError that says what to do. needed: bytes."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            remedy = "free that much space there, or choose another folder"
        elif error.errno in CLOSED:
            remedy = "make it writable, or choose another folder"
        else:
            remedy = "choose another folder, or check the disk"
        raise NmapError(f"{path}: can't write {needed} bytes ({error.strerror}); {remedy} (what "
                        "was there before is unchanged)") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time, in any process; the lock goes with the process. NmapError: taken."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NmapError(f"{folder}: another process is writing this map; wait until it is "
                            "done, or choose another folder") from error
        yield
    finally:
        os.close(handle)
