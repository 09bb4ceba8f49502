"""``nmap-reloc map attention SITE SCENE -o DIR``"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from nmap_reloc.types import Image

Item = TypeVar("Item")


def attention(
    site: Annotated[Path, typer.Argument(help="A neumap map: a folder made by `map build`.")],
    scene: Annotated[Path, typer.Argument(help="Images of the place (any source that `map build` "
                                               "takes).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pictures.")],
    images: Annotated[int, typer.Option(min=1, help="How many images, evenly spread.")] = 4,
    codes: Annotated[int, typer.Option(min=1, help="How many codes, the busiest.")] = 4,
    code: Annotated[list[int] | None, typer.Option(
        help="This very code instead; may be repeated.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of the scene; default: detected.")] = None,
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")] = 1024,
    decoder: Annotated[Path | None, typer.Option(
        help="Folder of the networks the map was built with, where not the shipped ones.")] = None,
) -> None:
    """Show what the codes of a map look at, as figures 5 and 6 of the NeuMap paper do.

    Writes code-NUMBER.jpg, one code's attention over several views, and regions-IMAGE.jpg, where
    any code is looked at: blue strongly, orange hardly.
    """
    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.maps.compatibility import check_weights
    from nmap_reloc.maps.store import Site
    from nmap_reloc.progress import track
    from nmap_reloc.representations import network_name
    from nmap_reloc.representations.neumap import attention as room
    from nmap_reloc.weights import content_hash

    opened = Site.open(site)
    manifest = opened.manifest
    extractor = open_extractor(manifest.features, keypoints)
    observer = room.Observer.open(opened, extractor, decoder)
    name = network_name("neumap", manifest.features) or ""
    check_weights(manifest, extractor.content_hash, content_hash(name, decoder))
    _check_codes(code or [], len(observer.voxels.levels), site)
    source = open_source(scene, kind=kind)
    chosen = spread(source.named("query") if (source.split or {}).get("query") else source.images,
                    images)
    views = [observer.look(image.read()) for image in track(chosen, "looking")]
    for number in code or room.busiest_codes(views, codes):
        print(_write(output / f"code-{number:06d}.jpg", room.figure_of_code(views, number)))
    for image, view in zip(chosen, views, strict=True):
        stem = Path(image.name).with_suffix("").as_posix().replace("/", "-")
        print(_write(output / f"regions-{stem}.jpg", room.figure_of_regions(view)))


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of them, evenly spread."""
    step = max(1.0, (len(items) - 1) / max(1, count - 1))
    return [items[round(i * step)] for i in range(min(count, len(items)))]


def _check_codes(wanted: list[int], known: int, site: Path) -> None:
    from nmap_reloc.errors import NmapError

    for code in wanted:
        if not 0 <= code < known:
            raise NmapError(f"--code {code}: {site} has codes 0 to {known - 1}; choose one")


def _write(path: Path, picture: Image) -> Path:
    import cv2

    from nmap_reloc.maps.atomic import Writer, writing

    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise ValueError(f"picture {picture.shape}: OpenCV can't write it as JPEG")
    with writing(path, data.nbytes):
        Writer().write(path, data.tobytes())
    return path
