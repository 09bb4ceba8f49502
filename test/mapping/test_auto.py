"""representation auto: each candidate is built within the budget, the best by held-out views."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_landmarks import world

from nmap_reloc.cli.map_build import told
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.build import AUTO, BuildOptions, build_site, unchanged
from nmap_reloc.representations import available

LANDMARKS = world(1, dimensions=128)


def test_the_better_of_those_that_fit(neumap_weights: Path, tmp_path: Path) -> None:
    assert {"neumap", "landmarks"} <= set(available("sift", neumap_weights))
    options = BuildOptions(weights=neumap_weights)
    budget = 6_000_000  # the uncompressed map fits as well
    site = build_site(LANDMARKS, tmp_path / "site", AUTO, budget, options)
    chosen = site.manifest.built["chosen"]
    tried = {name: numbers for name, numbers in chosen.items() if isinstance(numbers, list)}
    assert {"neumap", "landmarks"} <= set(tried)
    best = min(tried, key=lambda name: (-tried[name][0], tried[name][1]))
    taken = tried[site.manifest.representation]
    assert taken[:2] == tried[best][:2]  # two may be equal to three digits
    assert site.manifest.built["recall"] == pytest.approx(taken[0], abs=1e-3)
    assert site.bytes() <= budget
    assert "% of held-out views, median error" in told(tried[best])
    again = BuildOptions(AUTO, budget, weights=neumap_weights)
    assert unchanged(tmp_path / "site", LANDMARKS, again) is not None


def test_what_does_not_fit_is_said(neumap_weights: Path, tmp_path: Path) -> None:
    options = BuildOptions(weights=neumap_weights)
    site = build_site(LANDMARKS, tmp_path / "site", AUTO, 12_000, options)
    assert site.manifest.built["chosen"]["landmarks"] == "does not fit"
    assert site.manifest.representation != "landmarks" and site.bytes() <= 12_000
    with pytest.raises(NmapError, match=r"can't be met"):
        build_site(LANDMARKS, tmp_path / "other", AUTO, 100, options)
    assert not (tmp_path / "other").exists()


def test_nothing_to_choose_by(neumap_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(NmapError, match="no held-out views to choose by"):
        build_site(world(1, dimensions=128, held_out=0), tmp_path / "site", AUTO, 12_000,
                   BuildOptions(weights=neumap_weights))
