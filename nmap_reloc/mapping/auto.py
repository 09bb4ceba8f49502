"""Which representation serves a place best within a budget: each is built and tried."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.build import BuildOptions, Made, fingerprint_of, make
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order
from nmap_reloc.maps.tile import Json
from nmap_reloc.representations import available

log = logging.getLogger(__name__)


def choose(landmarks: Landmarks, site: Path, options: BuildOptions) -> Made:
    """The candidate by which most held-out views are found again; among those, by which they are
    found nearest. Each is within the budget.

    Its manifest's built.chosen has of each candidate: recall 0..1, median errors (map units,
    degrees), bytes; or why there are none. NmapError: no views are held out, no candidate fits.
    """
    if not landmarks.held_out:
        raise NmapError("representation auto: no held-out views to choose by; build with "
                        "--held-out 1 or more, or name a representation")
    tried: dict[str, Made] = {}
    said: dict[str, Json] = {}
    refused: list[NmapError] = []
    names = available(landmarks.features, options.weights)
    notes: dict[str, Json] = {"input": fingerprint_of(landmarks, options)}
    options = replace(options, budget=Order(landmarks, options.budget).wanted())
    # Room in the manifest for the numbers that are not known yet: within the budget, too.
    reserved = {name: [1.234, 1.234e-10, 1.234e-10, 10 ** 9] for name in names}
    for name in names:
        try:
            made = make(landmarks, site, replace(options, representation=name),
                        {**notes, "chosen": reserved})
        except NmapError as error:
            log.warning("%s: %s", name, error)
            refused.append(error)
            said[name] = "does not fit" if "can't be met" in str(error) else "failed"
            continue
        tried[name] = made
        said[name] = _numbers(made.recall, *made.median_error, made.bytes())
    if not tried:
        raise refused[0]
    best = min(tried, key=lambda name: (-tried[name].recall, tried[name].median_error[0],
                                        names.index(name)))
    chosen = tried[best]
    built = {**chosen.manifest.built, "chosen": said}
    return replace(chosen, manifest=replace(chosen.manifest, built=built))


def _numbers(recall: float, translation: float, rotation: float, size: int) -> Json:
    return [float(f"{recall:.3g}"), *(float(f"{value:.3g}") if np.isfinite(value) else None
                                      for value in (translation, rotation)), size]
