"""What the localizer asks of a representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from nmap_reloc.geometry import Rigid
from nmap_reloc.maps.tile import Tile
from nmap_reloc.outlook import Outlook
from nmap_reloc.pose import Solution, SolveOptions
from nmap_reloc.types import Camera, Correspondences, Doubles, Features, Ints, Refusal


class Loaded(Protocol):
    """Tiles made ready to decode: their voxels in the order of the tiles.

    centres [V x 3] and side of the voxels, map units.
    """

    @property
    def centres(self) -> Doubles: ...

    @property
    def side(self) -> float: ...

    def __len__(self) -> int: ...

    def nbytes(self) -> int:
        """Memory held, bytes."""
        ...


class Decoder(Protocol):
    """content_hash: of its network, "" where it has none; maps carry it.

    What load returns is what decode of the same decoder takes: its type is the decoder's own.
    """

    name: str
    content_hash: str

    def load(self, tiles: Sequence[Tile]) -> Any: ...

    def decode(self, features: Features, active: Any, wanted: Ints | None = None
               ) -> Correspondences:
        """wanted: indices of the voxels to look at, None for all."""
        ...


@runtime_checkable
class Discerns(Protocol):
    """A decoder that leaves out what the camera can't see of a voxel."""

    def decode_in_view(self, features: Features, active: Any, wanted: Ints | None,
                       outlook: Outlook | None) -> Correspondences:
        """outlook: None where nothing is known of it."""
        ...


@runtime_checkable
class Solves(Protocol):
    """A decoder that finds the pose in a way of its own."""

    def solve(self, correspondences: Correspondences, camera: Camera, options: SolveOptions,
              guess: Rigid | None) -> Solution | Refusal: ...


@runtime_checkable
class Confirms(Protocol):
    """A decoder that looks again once there is a pose, or none."""

    def confirm(self, features: Features, active: Any, pairs: Correspondences, camera: Camera,
                solution: Solution | Refusal, solving: SolveOptions
                ) -> tuple[Solution | Refusal, Correspondences]: ...
