"""Lazily chosen is what choosing the best anew each time gives."""

from __future__ import annotations

import numpy as np

from nmap_reloc.mapping.greedy import choose_greedily


def test_the_same_as_asking_everybody_each_time() -> None:
    rng = np.random.default_rng(0)
    sets = rng.random((40, 60)) < 0.15  # what each candidate covers
    covered = np.zeros(60, bool)

    def gain(index: int) -> float:
        return float((sets[index] & ~covered).sum())

    def take(index: int) -> None:
        covered[:] |= sets[index]

    chosen = choose_greedily({i: gain(i) for i in range(40)}, gain, take, 12)
    total, left = np.zeros(60, bool), set(range(40))
    for index in chosen.tolist():
        gains = {i: int((sets[i] & ~total).sum()) for i in left}
        assert gains[index] == max(gains.values())
        total |= sets[index]
        left.remove(index)
    assert len(chosen) == 12 and np.array_equal(total, covered)


def test_no_more_than_there_are() -> None:
    taken: list[int] = []
    chosen = choose_greedily({5: 1.0, 3: 2.0}, lambda _: 1.0, taken.append, 9)
    assert chosen.tolist() == taken == [3, 5]
    assert not len(choose_greedily({}, lambda _: 1.0, taken.append, 9))
