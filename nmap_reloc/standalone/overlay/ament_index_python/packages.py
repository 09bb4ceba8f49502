"""Packages found in AMENT_PREFIX_PATH, as checkouts that Python imports from, or installed by pip.
"""

from __future__ import annotations

import importlib.util
import os
import re
import site
import sys
from pathlib import Path


class PackageNotFoundError(KeyError):
    """No such package."""

    def __str__(self) -> str:
        return str(self.args[0])


def _prefixes() -> list[Path]:
    ament = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [*(Path(prefix) for prefix in ament if prefix), Path(sys.prefix),
            Path(site.getuserbase())]


def _checkout(package_name: str) -> Path | None:
    """The folder with package.xml beside an imported package's own folder."""
    try:
        found = importlib.util.find_spec(package_name)
    except (ImportError, ValueError):  # no module of that name, or one that is half imported
        return None
    if found is None or found.origin is None:
        return None
    top = Path(found.origin).resolve().parent.parent
    manifest = top / "package.xml"
    if not manifest.is_file():
        return None
    named = re.search(r"<name>\s*([^<\s]+)\s*</name>", manifest.read_text(encoding="utf-8"))
    return top if named is not None and named.group(1) == package_name else None


def _installed(package_name: str) -> Path | None:
    marker = Path("share", "ament_index", "resource_index", "packages", package_name)
    for prefix in _prefixes():
        if (prefix / marker).is_file():
            return prefix
    return None


def get_package_prefix(package_name: str) -> str:
    """PackageNotFoundError. A checkout is its own prefix."""
    prefix = _checkout(package_name) or _installed(package_name)
    if prefix is None:
        searched = [str(path) for path in _prefixes()]
        raise PackageNotFoundError(f"package '{package_name}' not found, searching: {searched}")
    return str(prefix)


def get_package_share_directory(package_name: str, print_warning: bool = True) -> str:
    """The folder with the package's launch and config folders. PackageNotFoundError."""
    top = _checkout(package_name)
    if top is not None:
        return str(top)
    return os.path.join(get_package_prefix(package_name), "share", package_name)


def get_package_share_path(package_name: str, print_warning: bool = True) -> Path:
    return Path(get_package_share_directory(package_name))
