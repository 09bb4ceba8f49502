"""Folders of packages."""

from __future__ import annotations

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch import LaunchContext, SomeSubstitutionsType, Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

__all__ = ["FindPackage", "FindPackagePrefix", "FindPackageShare"]


class FindPackage(Substitution):
    """A folder of a package. PackageNotFoundError."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        self.package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        name = " + ".join(part.describe() for part in self.package)
        return f"{type(self).__name__}(pkg={name})"

    def find(self, package_name: str) -> str:
        raise NotImplementedError(type(self).__name__)

    def perform(self, context: LaunchContext) -> str:
        return self.find(perform_substitutions(context, self.package))


class FindPackagePrefix(FindPackage):
    """Where a package is installed."""

    def find(self, package_name: str) -> str:
        return get_package_prefix(package_name)


class FindPackageShare(FindPackage):
    """Where a package's launch files, configurations and other shared files are."""

    def find(self, package_name: str) -> str:
        return get_package_share_directory(package_name)
