"""Does the reported covariance hold what it promises? And if not, by which factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError

Array = npt.NDArray[np.float64]

# The 95 % quantiles of chi-square: the squared Mahalanobis radius of the 95 % ellipsoid.
CHI2_95 = {3: 7.814727903251179, 6: 12.591587243743977}


@dataclass(frozen=True)
class Coverage:
    """position, pose: share of errors inside the 95 % ellipsoid (3 and 6 dimensions); factor: on
    the covariance, at which position would be 0.95; count: how many errors; half_width: of the
    95 % sampling interval of position, as a share."""

    position: float
    pose: float
    factor: float
    count: int
    half_width: float


def coverage(errors: Array, covariances: Array) -> Coverage:
    """errors [Q x 6], covariances [Q x 6 x 6], both as types.Estimate says.

    NmapError: no errors, shapes that do not match, or numbers that are not finite.
    """
    errors, covariances = np.asarray(errors, np.float64), np.asarray(covariances, np.float64)
    count = len(errors)
    if count == 0 or errors.shape != (count, 6) or covariances.shape != (count, 6, 6):
        raise NmapError(f"errors {errors.shape} with covariances {covariances.shape}: [Q x 6] and "
                        "[Q x 6 x 6] are needed; localize at least one query")
    if not (np.isfinite(errors).all() and np.isfinite(covariances).all()):
        raise NmapError(f"errors or covariances of {count} queries: not finite; leave out the "
                        "queries that were refused")
    position = mahalanobis(errors[:, :3], covariances[:, :3, :3])
    inside = float(np.mean(position <= CHI2_95[3]))
    return Coverage(
        position=inside,
        pose=float(np.mean(mahalanobis(errors, covariances) <= CHI2_95[6])),
        factor=float(np.quantile(position, 0.95) / CHI2_95[3]),
        count=count,
        half_width=float(1.96 * np.sqrt(inside * (1 - inside) / count)))


def mahalanobis(errors: Array, covariances: Array) -> Array:
    """Squared distances [Q] of errors [Q x D] under covariances [Q x D x D], in any unit."""
    # Balanced first: metres and radians may differ by orders of magnitude.
    unit = 1 / np.sqrt(np.einsum("qii->qi", covariances))
    balanced = covariances * unit[:, :, None] * unit[:, None, :]
    scaled = errors * unit
    return np.asarray(np.einsum("qi,qij,qj->q", scaled, np.linalg.pinv(balanced, hermitian=True),
                                scaled), np.float64)
