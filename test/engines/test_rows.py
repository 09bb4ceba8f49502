"""Rows that are worked on side by side give what they give together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_inputs import query

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Arrays
from nmap_reloc.engines.rows import FEWEST, Outputs, RowsAtOnce
from nmap_reloc.engines.shapes import row_inputs


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("rows", [1, 2 * FEWEST - 1, 2 * FEWEST + 1, 777])
def test_the_answer_does_not_depend_on_how_many_work(neumap_weights: Path, rows: int,
                                                     threads: int) -> None:
    alone, many = (open_engine("neumap-sift-decode", "onnx", neumap_weights, n)
                   for n in (1, threads))
    a, b = alone(query(rows, 90)), many(query(rows, 90))
    np.testing.assert_array_equal(a["voxel"], b["voxel"])
    for name in ("coordinates", "confidence"):
        assert len(a[name]) == rows
        np.testing.assert_allclose(a[name], b[name], atol=1e-5)
    many.close()
    many.close()
    alone.close()


@pytest.mark.parametrize(("rows", "threads", "parts"), [
    (FEWEST, 4, 1), (2 * FEWEST, 4, 2), (6 * FEWEST, 4, 4), (7 * FEWEST + 5, 3, 6), (999, 1, 1)])
def test_rows_are_shared_out_evenly(rows: int, threads: int, parts: int) -> None:
    who: list[int] = []

    def run(given: Arrays) -> Outputs:
        who.append(len(given["x"]))
        return [given["x"] + given["all"].sum(), given["x"][:, None]]

    at_once = RowsAtOnce(["x"], threads)
    first, second = at_once(run, {"x": np.arange(rows), "all": np.array([2, 3])})
    np.testing.assert_array_equal(first, np.arange(rows) + 5)
    np.testing.assert_array_equal(second, np.arange(rows)[:, None])
    assert len(who) == parts and sum(who) == rows and max(who) - min(who) <= 1
    at_once.close()


@pytest.mark.parametrize("bad", [0, FEWEST, 3 * FEWEST])
def test_an_error_in_any_part_is_raised(bad: int) -> None:
    def run(given: Arrays) -> Outputs:
        if bad in given["x"]:
            raise ValueError(f"row {bad}")
        return [given["x"]]

    at_once = RowsAtOnce(["x"], 4)
    with pytest.raises(ValueError, match=f"row {bad}"):
        at_once(run, {"x": np.arange(4 * FEWEST)})
    at_once.close()


def test_rows_are_those_that_the_axes_say() -> None:
    assert row_inputs("neumap-sift-decode") == ["asked", "first", "chosen"]
    assert row_inputs("features") == row_inputs("neumap-meet") == []
