"""The page: whole, self-contained, small, and right about what it says."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from known_answers import Answer, KnownLocalizer, circle, images

from nmap_reloc.evaluation.evaluate import Evaluation, evaluate
from nmap_reloc.evaluation.pictures import draw_matches
from nmap_reloc.evaluation.plan import plan_of
from nmap_reloc.evaluation.plots import error_cdf, plan_view
from nmap_reloc.evaluation.report import report
from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Refusal

VOID = {"meta", "img", "br", "link"}


class Checker(HTMLParser):
    """Every element is closed in order; collects ids and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.addresses.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def evaluation(unit: str = "metre", refused: tuple[int, ...] = (3,), count: int = 8) -> Evaluation:
    poses = circle(count)
    random = np.random.default_rng(1)
    answers = [Answer(tuple(random.normal(size=3) * 0.02), 0.2) for _ in poses]
    for i in refused:
        answers[i] = Answer(refusal=Refusal("solve", "9 inliers <b>: 12 are needed"))
    return evaluate(KnownLocalizer(poses, answers, unit), images(list(poses)),
                    bytes_by_part={"neumap": 39_000, "manifest": 1_000})


@pytest.fixture(scope="module")
def page() -> str:
    return report(evaluation(), "a <scene>", "site")


def check_page(page: str) -> None:
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    assert len(checker.ids) == len(set(checker.ids))
    assert "<script" not in page
    assert all(address.startswith(("#", "data:image/")) for address in checker.addresses)
    assert {address[1:] for address in checker.addresses if address[0] == "#"} <= set(checker.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(checker.ids)
    assert not re.search(r"url\((?!#)|@import", page)
    assert len(page) < 2_000_000


def test_page_is_whole_and_needs_nothing_else(page: str) -> None:
    check_page(page)
    assert "a &lt;scene&gt; localized in site" in page


def test_page_says_what_was_measured(page: str) -> None:
    for words in ("7 / 8", "40 KB", "39 KB", "neumap", "87.5 %", "5 cm, 5°", "1 % of span, 2°",
                  "003.png", "9 inliers &lt;b&gt;: 12 are needed", "1 by solve", "decode"):
        assert words in page
    assert page.count("<img") == 6


def test_page_of_refusals_only() -> None:
    found = report(evaluation(refused=tuple(range(8))), "scene", "site")
    check_page(found)
    assert "0 / 8" in found and "8 by solve" in found


def test_page_of_one_standing_camera_in_an_arbitrary_unit() -> None:
    found = report(evaluation("arbitrary", refused=(), count=1), "scene", "site")
    check_page(found)
    assert "1 / 1" in found and "every query was localized" in found
    assert "1 % of span, 2°" in found and "5 cm, 5°" not in found


def test_figures_are_the_same_every_time() -> None:
    found = evaluation()
    assert plan_view(found) == plan_view(found)
    assert error_cdf(found) == error_cdf(found)


def test_inliers_are_drawn_where_they_are() -> None:
    query = evaluation().queries[0]
    matches, inliers = query.estimate.correspondences, query.estimate.inliers
    assert matches is not None and inliers is not None
    plain = np.full((120, 160), 128, np.uint8)
    drawn = draw_matches(plain, query, width=320).astype(int)
    assert drawn.shape == (240, 320, 3)
    green = drawn[..., 1] - (drawn[..., 0] + drawn[..., 2]) / 2 > 40
    rows, columns = np.nonzero(green)
    seen = np.stack([columns, rows], axis=1) + 0.5
    distances = np.linalg.norm(seen[:, None] - 2 * matches.points2D[inliers][None], axis=2)
    assert len(seen) > 100
    assert distances.min(axis=1).max() < 5


@pytest.mark.parametrize(("down", "labels"), [
    ((0, 0, -1), ("x", "y")), ((0, 1, 0), ("x", "z")), ((0, -1, 0), ("x", "−z"))])
def test_plan_looks_from_above_and_is_not_mirrored(down: tuple[int, ...],
                                                   labels: tuple[str, str]) -> None:
    y = np.array(down, np.float64)
    z = np.cross([1.0, 0, 0], y)
    rotation = np.stack([[1.0, 0, 0], y, z], axis=1)
    poses = [Rigid(rotation, np.array([float(i), 0, 0])) for i in range(5)]
    plan = plan_of(poses)
    assert plan.labels == labels
    np.testing.assert_allclose(np.cross(*plan.axes), -y, atol=1e-12)


def test_plan_of_a_tilted_frame_is_level() -> None:
    turn = Rigid.from_quaternion([0.8, 0.4, 0.3, 0.2], [0, 0, 0])
    poses = [turn @ pose for pose in circle(12)]
    plan = plan_of(poses)
    flat = plan.flatten([pose.translation for pose in poses])
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 2.0, atol=1e-9)
    np.testing.assert_allclose(np.cross(*plan.axes), turn.rotation[:, 2], atol=1e-9)
