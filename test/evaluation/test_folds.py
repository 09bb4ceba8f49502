"""Map images as queries, each of a map that was made without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from known_answers import circle, images
from test_bench import ORDER, KnownWorkshop

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bench import Order, bench
from nmap_reloc.evaluation.folds import folds
from nmap_reloc.mapping.sources.base import Source


def scene(count: int, split: bool) -> Source:
    """Of so many map images, and with a split two queries more."""
    found = tuple(images(list(circle(count + 2 * split))))
    names = tuple(image.name for image in found)
    return Source(Path("kitchen"), "scene", found, "metre",
                  {"map": names[:count], "query": names[count:]} if split else None, (), "print")


@pytest.mark.parametrize("split", [False, True])
def test_each_map_image_is_asked_once_and_not_of_its_own_map(split: bool) -> None:
    whole = scene(7, split)
    names = [image.name for image in whole.images][:7]
    parts = folds(whole, 3)
    asked = [name for part in parts for name in (part.split or {})["query"]]
    assert sorted(asked) == sorted(names)
    for part in parts:
        assert part.split is not None
        assert sorted(part.split["map"] + part.split["query"]) == sorted(names)
    assert len({part.fingerprint for part in (*parts, whole)}) == 4


@pytest.mark.parametrize(("count", "wanted"), [(6, 1), (4, 2), (6, 7)])
def test_folds_that_leave_too_little_are_refused(count: int, wanted: int) -> None:
    with pytest.raises(NmapError, match=f"kitchen: {count} map images .* in {wanted} folds: give "
                                        f"--folds from 2 to {count}"):
        folds(scene(count, False), wanted)


def test_a_row_is_over_all_folds(tmp_path: Path) -> None:
    plan = Order(ORDER.kinds, ORDER.budgets, {"kitchen": 200_000}, speed_images=0, folds=3)
    rows = bench({"kitchen": scene(6, False)}, plan, KnownWorkshop(tmp_path), lambda _: None)
    assert [row.scene for row in rows] == ["kitchen-3-folds"] * 3
    assert rows[0].evaluation is not None
    assert sorted(query.name for query in rows[0].evaluation.queries) == sorted(
        image.name for image in scene(6, False).images)
    assert rows[2].problem == "--budget 200: too small; the smallest is 1000"


def test_a_scene_of_too_few_images_is_refused_before_any_is_measured(tmp_path: Path) -> None:
    plan = Order(ORDER.kinds, ORDER.budgets, speed_images=0, folds=3)
    workshop = KnownWorkshop(tmp_path)
    with pytest.raises(NmapError, match="in 3 folds"):
        bench({"kitchen": scene(6, False), "hall": scene(3, False)}, plan, workshop,
              lambda _: None)
    assert not workshop.asked
