"""Entropy coding: what goes in comes out, in little more than it carries."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.rans import PRECISION, Decoder, Tables, encode, lanes_for, shares

Batches = list[tuple[np.ndarray, np.ndarray]]


def tables() -> Tables:
    return Tables(shares(np.array([[1, 1, 1, 1], [90, 9, 1, 0], [0, 0, 5, 0]])))


def batches(seed: int, sizes: list[int]) -> Batches:
    random = np.random.default_rng(seed)
    chances = tables().frequencies / 2 ** PRECISION
    made = []
    for size in sizes:
        which = random.integers(0, 3, size)
        made.append((which, np.array([random.choice(4, p=chances[w]) for w in which], np.int64)))
    return made


@pytest.mark.parametrize("lanes", [1, 4, 64])
@pytest.mark.parametrize("sizes", [[0], [1], [5, 0, 700, 3], [64, 64]])
def test_batches_come_back(lanes: int, sizes: list[int]) -> None:
    made = batches(0, sizes)
    decoder = Decoder(tables(), encode(tables(), made, lanes), lanes)
    for which, symbols in made:
        np.testing.assert_array_equal(decoder.take(which), symbols)
    decoder.finish()


def test_it_takes_what_the_symbols_carry() -> None:
    made = batches(1, [20_000])
    which, symbols = made[0]
    carried = -np.log2(tables().frequencies[which, symbols] / 2 ** PRECISION).sum()
    words = encode(tables(), made, lanes_for(20_000))
    assert carried < 16 * len(words) < 1.005 * carried + 32 * lanes_for(20_000)


def test_words_that_lack_or_are_left_over_are_noticed() -> None:
    made = batches(2, [500])
    words = encode(tables(), made, 4)
    for damaged in (words[:-1], words[:5], np.append(words, words[-1]), words ^ 1):
        with pytest.raises(NmapError, match="damaged"):
            decoder = Decoder(tables(), damaged, 4)
            decoder.take(made[0][0])
            decoder.finish()


def test_what_cannot_be_coded_is_refused() -> None:
    with pytest.raises(ValueError, match="frequency is 0"):
        encode(tables(), [(np.array([2]), np.array([0]))], 1)
    with pytest.raises(ValueError, match="add up"):
        Tables(np.array([[1, 2, 3]]))


def test_shares_add_up_and_forget_no_symbol() -> None:
    counts = np.array([[10 ** 9, 1, 0], [0, 0, 0], [1, 1, 1]])
    made = shares(counts)
    assert (made.sum(1) == 2 ** PRECISION).all()
    assert made[0, 1] == 1 and made[0, 2] == 0 and (made[1] > 0).all()
