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
from nmap_reloc.outlook import Outlook
from nmap_reloc.pose import SolveOptions, solve
from nmap_reloc.representations import open_decoder
from nmap_reloc.representations.base import Confirms, Decoder, Discerns, Solves
from nmap_reloc.types import Camera, Correspondences, Estimate, Features, Image, PosePrior, Refusal


@dataclass(frozen=True)
class LocalizerOptions:
    """most_voxels: decoded at once; a site with fewer needs no choice. fewest_features: an image
    with less is refused. precision: of the extractor, fp32, fp16, int8, or auto: what this
    machine is fastest at; "": as the environment says, else the same on every CPU."""

    keypoints: int = 1024
    most_voxels: int = 128
    fewest_features: int = 16
    solve: SolveOptions = SolveOptions()
    gate: gate.GateOptions = gate.GateOptions()
    precision: str = ""


class Localizer:
    """Not thread-safe: one worker owns it. `active` may be replaced between two images.

    extractor: None where only features are localized. map_bytes: of all that localization needs.
    """

    def __init__(self, manifest: Manifest, tiles: Sequence[Tile], extractor: Extractor | None,
                 decoder: Decoder, options: LocalizerOptions, map_bytes: int = 0):
        self.manifest, self.options, self.map_bytes = manifest, options, map_bytes
        self.unit = manifest.unit
        self.extractor, self.decoder = extractor, decoder
        self._decode = decoder.decode_in_view if isinstance(decoder, Discerns) else (
            lambda features, loaded, voxels, _: decoder.decode(features, loaded, voxels))
        self._confirm = decoder.confirm if isinstance(decoder, Confirms) else None
        self._solve = decoder.solve if isinstance(decoder, Solves) else solve
        self.active = self.load(tiles)

    @staticmethod
    def open(path: Path, backend: str = "auto", options: LocalizerOptions | None = None,
             weights: Path | None = None, tiles: Sequence[str] | None = None) -> Localizer:
        """Opens a map; weights: folder of the decoder, None: the shipped one; tiles: ids of those
        to load now, None: all.

        NmapError: the map is damaged, or was built with other weights.
        """
        options = options or LocalizerOptions()
        site = Site.open(path)
        manifest = site.manifest
        extractor = open_extractor(manifest.features, options.keypoints, backend,
                                   options.precision)
        decoder = open_decoder(manifest.representation, manifest.features, backend, weights)
        check_weights(manifest, extractor.content_hash, decoder.content_hash)
        wanted = [entry.id for entry in manifest.tiles] if tiles is None else tiles
        return Localizer(manifest, [site.tile(name) for name in wanted], extractor, decoder,
                         options, site.bytes())

    def load(self, tiles: Sequence[Tile]) -> ActiveMap | None:
        """What `active` may be set to, None for no tiles. From any thread: images go on against
        the tiles that are active. NmapError: a tile that the decoder can't read."""
        return ActiveMap.load(tiles, self.decoder) if tiles else None

    def extract(self, image: Image, camera: Camera) -> tuple[Features, dict[str, float]]:
        """Features of an image and the milliseconds they took; errors: see localize."""
        if self.extractor is None:
            raise ValueError("a localizer without an extractor localizes features only")
        check_camera(camera, image.shape, "image")
        watch = Stopwatch()
        with watch("features"):
            features = self.extractor(image)
        return features, watch.milliseconds

    def localize(self, image: Image, camera: Camera, prior: PosePrior | None = None) -> Estimate:
        """image: as the extractor takes it; NmapError when the camera can't have taken it."""
        features, milliseconds = self.extract(image, camera)
        return self._answer(features, camera, prior, Stopwatch(milliseconds))

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
        if active is None:
            return watch.refuse("activation", "no tile is loaded")
        with watch("activate"):
            outlook = None if prior is None else Outlook.of(camera, prior)
            voxels = activation.select(active.loaded, active.index, features, outlook,
                                       options.most_voxels)
        if voxels is not None and not len(voxels):
            return watch.refuse("activation", "no voxel of the loaded tiles is in view")
        with watch("decode"):
            correspondences = self._decode(features, active.loaded, voxels, outlook)
        with watch("solve"):
            solution = self._solve(correspondences, camera, options.solve,
                                   None if prior is None else prior.map_from_camera)
        if self._confirm is not None:
            with watch("confirm"):
                solution, correspondences = self._confirm(
                    features, active.loaded, correspondences, camera, solution, options.solve)
        if isinstance(solution, Refusal):
            return replace(watch.refuse(solution.stage, solution.reason),
                           correspondences=correspondences)
        correspondences = replace(correspondences, points3D=solution.points3D, others=None)
        with watch("judge"):
            refusal = gate.judge(solution, correspondences, prior, options.gate)
        return Estimate(solution.map_from_camera, solution.covariance, correspondences,
                        solution.inliers, watch.milliseconds, refusal)


class Stopwatch:
    """Milliseconds per stage."""

    def __init__(self, milliseconds: dict[str, float] | None = None) -> None:
        self.milliseconds: dict[str, float] = dict(milliseconds or {})

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.milliseconds[stage] = (time.perf_counter() - start) * 1e3

    def refuse(self, stage: str, reason: str) -> Estimate:
        none: Correspondences | None = None
        return Estimate(None, None, none, None, self.milliseconds, Refusal(stage, reason))
