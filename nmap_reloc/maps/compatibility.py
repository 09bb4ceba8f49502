"""Whether a map and this installation's networks belong together."""

from __future__ import annotations

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.manifest import Manifest


def check_weights(manifest: Manifest, extractor_hash: str, decoder_hash: str) -> None:
    """NmapError when the map was built with other weights than these.

    A map without a decoder network (decoder_hash "") goes with any decoder.
    """
    kinds = [("extractor", manifest.extractor_hash, extractor_hash)]
    if manifest.decoder_hash:
        kinds.append(("decoder", manifest.decoder_hash, decoder_hash))
    for kind, built, installed in kinds:
        if built != installed:
            version = manifest.built.get("version")
            which = f"nmap_reloc {version}" if version else "the version of nmap_reloc"
            named = "name the folder of its networks (decoder), " if kind == "decoder" else ""
            raise NmapError(
                f"map {manifest.site_id} version {manifest.map_version}: was built with {kind} "
                f"weights {_short(built)}, these are {_short(installed)}; {named}rebuild "
                f"the map with `nmap-reloc map build`, or install {which} that built it")


def _short(content_hash: str) -> str:
    return content_hash[:12] or "none"
