"""The ways of choosing that the quadratic programme is compared with."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_landmarks import world

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.selection import Selection
from nmap_reloc.representations.squeezer.clusters import seen_by
from nmap_reloc.representations.squeezer.covers import at_random, k_cover, probabilistic_k_cover


def test_each_gives_as_many_as_asked_and_none_twice() -> None:
    scene = world(3)
    for choose in (at_random, k_cover, probabilistic_k_cover):
        for count in (1, 40, len(scene)):
            chosen = choose(scene, count)
            assert len(chosen) == len(set(chosen.tolist())) == count


def test_k_cover_serves_the_least_served_view_better_than_chance() -> None:
    scene = world(3)
    seen = seen_by(scene)

    def served(chosen: np.ndarray) -> int:
        return min(int(np.isin(points, chosen).sum()) for points in seen)

    assert served(k_cover(scene, 60)) > served(at_random(scene, 60))


def test_a_way_or_share_that_there_is_not() -> None:
    with pytest.raises(NmapError, match=r"'best'.*learned, qp, spatial"):
        Selection("best")
    with pytest.raises(NmapError, match=r"1\.5.*1\.5%"):
        Selection(share=1.5)
