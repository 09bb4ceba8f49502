"""Where am I? One image in, one estimate out. Start reading here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nmap_reloc import activation, gate
from nmap_reloc.camera import check_camera
from nmap_reloc.features import open_extractor
from nmap_reloc.features.base import Extractor
from nmap_reloc.maps.active import ActiveMap
from nmap_reloc.maps.compatibility import check_weights
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.maps.store import Site
from nmap_reloc.maps.tile import Tile
from nmap_reloc.pose import SolveOptions, solve
from nmap_reloc.representations import open_decoder
from nmap_reloc.representations.base import Decoder
from nmap_reloc.types import Camera, Correspondences, Estimate, Features, Image, PosePrior, Refusal


@dataclass(frozen=True)
class LocalizerOptions:
    """most_voxels: decoded at once; a site with fewer needs no choice. fewest_features: an image
    with less is refused."""

    keypoints: int = 1024
    most_voxels: int = 128
    fewest_features: int = 16
    solve: SolveOptions = SolveOptions()
    gate: gate.GateOptions = gate.GateOptions()


class Localizer:
    """Not thread-safe: one worker owns it. `active` may be replaced between two images.

    extractor: None where only features are localized. map_bytes: of all that localization needs.
    """

    def __init__(self, manifest: Manifest, tiles: Sequence[Tile], extractor: Extractor | None,
                 decoder: Decoder, options: LocalizerOptions, map_bytes: int = 0):
        self.manifest, self.options, self.map_bytes = manifest, options, map_bytes
        self.unit = manifest.unit
        self.extractor, self.decoder = extractor, decoder
        self.active = ActiveMap.load(tiles, decoder)

    @staticmethod
    def open(path: Path, backend: str = "auto", options: LocalizerOptions | None = None,
             weights: Path | None = None) -> Localizer:
        """Opens a map with all its tiles; weights: folder of the decoder, None: the shipped one.

        NmapError: the map is damaged, or was built with other weights.
        """
        options = options or LocalizerOptions()
        site = Site.open(path)
        manifest = site.manifest
        extractor = open_extractor(manifest.features, options.keypoints, backend)
        decoder = open_decoder(manifest.representation, manifest.features, backend, weights)
        check_weights(manifest, extractor.content_hash, decoder.content_hash)
        tiles = [site.tile(entry.id) for entry in manifest.tiles]
        return Localizer(manifest, tiles, extractor, decoder, options, site.bytes())

    def localize(self, image: Image, camera: Camera, prior: PosePrior | None = None) -> Estimate:
        """image: as the extractor takes it; NmapError when the camera can't have taken it."""
        if self.extractor is None:
            raise ValueError("a localizer without an extractor localizes features only")
        check_camera(camera, image.shape, "image")
        watch = Stopwatch()
        with watch("features"):
            features = self.extractor(image)
        return self._answer(features, camera, prior, watch)

    def localize_features(self, features: Features, camera: Camera,
                          prior: PosePrior | None = None) -> Estimate:
        """The same from features of the map's extractor."""
        check_camera(camera, (features.height, features.width), "image of the features")
        return self._answer(features, camera, prior, Stopwatch())

    def _answer(self, features: Features, camera: Camera, prior: PosePrior | None,
                watch: Stopwatch) -> Estimate:
        options, active = self.options, self.active
        if len(features) < options.fewest_features:
            return watch.refuse("features", f"{len(features)} keypoints: at least "
                                            f"{options.fewest_features} are needed")
        with watch("activate"):
            voxels = activation.select(active.loaded, active.index, features, camera, prior,
                                       options.most_voxels)
        if voxels is not None and not len(voxels):
            return watch.refuse("activation", "no voxel of the loaded tiles is in view")
        with watch("decode"):
            correspondences = self.decoder.decode(features, active.loaded, voxels)
        with watch("solve"):
            solution = solve(correspondences, camera, options.solve)
        if isinstance(solution, Refusal):
            return replace(watch.refuse(solution.stage, solution.reason),
                           correspondences=correspondences)
        with watch("judge"):
            refusal = gate.judge(solution, correspondences, prior, options.gate)
        return Estimate(solution.map_from_camera, solution.covariance, correspondences,
                        solution.inliers, watch.milliseconds, refusal)


class Stopwatch:
    """Milliseconds per stage."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.milliseconds[stage] = (time.perf_counter() - start) * 1e3

    def refuse(self, stage: str, reason: str) -> Estimate:
        none: Correspondences | None = None
        return Estimate(None, None, none, None, self.milliseconds, Refusal(stage, reason))
