"""Coverage of the 95 % ellipse, and the factor that repairs it."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.calibration import CHI2_95, coverage

RNG = np.random.default_rng(0)


def test_quantiles() -> None:
    stats = pytest.importorskip("scipy.stats")
    for dimensions, quantile in CHI2_95.items():
        assert quantile == pytest.approx(stats.chi2.ppf(0.95, dimensions), abs=1e-12)


@pytest.mark.parametrize("optimism", [0.25, 1.0, 4.0])
def test_the_factor_makes_coverage_95_percent(optimism: float) -> None:
    root = RNG.normal(size=(6, 6)) * np.array([1, 1, 1, 1e-3, 1e-3, 1e-3])[:, None]
    true = root @ root.T
    errors = RNG.multivariate_normal(np.zeros(6), true, 20000)
    said = np.broadcast_to(true / optimism, (20000, 6, 6))
    found = coverage(errors, said)
    assert found.factor == pytest.approx(optimism, rel=0.05)
    assert coverage(errors, said * found.factor).position == pytest.approx(0.95, abs=1e-3)
    if optimism == 1.0:
        assert found.position == pytest.approx(0.95, abs=0.01)
        assert found.pose == pytest.approx(0.95, abs=0.01)
        assert found.half_width == pytest.approx(0.003, abs=0.0005)


def test_useless_input_is_named() -> None:
    with pytest.raises(NmapError, match="localize at least one query"):
        coverage(np.empty((0, 6)), np.empty((0, 6, 6)))
    with pytest.raises(NmapError, match="not finite"):
        coverage(np.full((1, 6), np.nan), np.eye(6)[None])
