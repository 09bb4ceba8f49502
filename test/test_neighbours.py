"""Nearest neighbours by descriptor."""

from __future__ import annotations

import numpy as np

from nmap_reloc.neighbours import mutual


def test_mutual_pairs_are_each_others_nearest() -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=(20, 16)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    asked = known[rng.permutation(20)[:12]] + 0.05 * rng.normal(size=(12, 16)).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    keypoints, points, confidence = mutual(asked, known)
    assert len(keypoints) == 12 and confidence.min() > 0.3 and confidence.max() <= 1
    assert ((asked @ known.T).argmax(1)[keypoints] == points).all()
    one = mutual(asked, known[:1])
    assert len(one[0]) == 1 and np.isfinite(one[2]).all()
