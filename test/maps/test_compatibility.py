"""A map built with other networks is refused before it is asked anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.compatibility import check_weights


def test_equal_weights_pass(small: Any) -> None:
    check_weights(small.manifest, "a" * 64, "b" * 64)
    check_weights(replace(small.manifest, decoder_hash=""), "a" * 64, "anything")


def test_other_weights_are_named_with_the_remedy(small: Any) -> None:
    with pytest.raises(NmapError, match="extractor weights aaaaaaaaaaaa, these are "
                                        "cccccccccccc; rebuild the map with `nmap-reloc map"):
        check_weights(small.manifest, "c" * 64, "b" * 64)
    built = replace(small.manifest, built={"version": "0.1.0"})
    with pytest.raises(NmapError, match=r"decoder .* are none; .* nmap_reloc 0\.1\.0 that"):
        check_weights(built, "a" * 64, "")
