"""What descriptors say without the matcher; not in the paper.

The matcher judges a landmark beside the others of its view, and says little of a view from
elsewhere, of which hardly anything is there. Nearest neighbours know nothing of what is beside
them: where enough of them agree on a pose, it is right or a coincidence that can be reckoned.
"""

from __future__ import annotations

import numpy as np

from nmap_reloc.neighbours import mutual
from nmap_reloc.representations.maddr.views import Views, shown_in, similar
from nmap_reloc.types import Correspondences, Features


def nearest(features: Features, active: Views) -> Correspondences:
    """Keypoints and landmarks of the similar views that are each other's nearest, the surest
    first."""
    some = shown_in(active, similar(features, active, np.arange(len(active), dtype=np.int32)))
    keypoints, landmarks, sure = mutual(features.descriptors, active.descriptors[some])
    order = np.argsort(-sure, kind="stable")
    keypoints, landmarks = keypoints[order], some[landmarks[order]]
    return Correspondences(
        features.keypoints[keypoints].astype(np.float64), active.positions[landmarks],
        sure[order], keypoints, active.owners[landmarks])
