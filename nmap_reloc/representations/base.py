"""What the localizer asks of a representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from nmap_reloc.maps.tile import Tile
from nmap_reloc.types import Correspondences, Doubles, Features, Ints


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

    What load returns is what decode of the same decoder takes: its type is the decoder's own. A
    decoder may have a `solve` with the signature of pose.solve, which then gives the pose, and a
    `confirm` (as hybrid's) that looks again once there is a pose, or none.
    """

    name: str
    content_hash: str

    def load(self, tiles: Sequence[Tile]) -> Any: ...

    def decode(self, features: Features, active: Any, wanted: Ints | None = None
               ) -> Correspondences:
        """wanted: indices of the voxels to look at, None for all."""
        ...
