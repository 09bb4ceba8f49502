"""The greedy choice of a submodular worth, lazily (Minoux, 1978): what a candidate adds only falls
as others are chosen, so it is asked again only when it is the best that may still come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

import numpy as np

from nmap_reloc.mapping.information import Indices


def choose_greedily(gains: Mapping[int, float], gain: Callable[[int], float],
                    take: Callable[[int], None], count: int, nearly: float = 1.0) -> Indices:
    """At most `count` candidates, in the order in which they are chosen.

    gains: of each candidate while nothing is chosen; gain: what one adds now; take: called with
    one that is chosen; nearly: share of the best that may still come with which one is taken.
    """
    heap = [(-value, index) for index, value in gains.items()]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        index = heapq.heappop(heap)[1]
        now = gain(index)
        if heap and now < nearly * -heap[0][0]:
            heapq.heappush(heap, (-now, index))
            continue
        chosen.append(index)
        take(index)
    return np.array(chosen, np.int64)
