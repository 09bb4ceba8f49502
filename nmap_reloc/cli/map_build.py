"""``nmap-reloc map build SOURCE -o SITE``"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

DOUBTFUL = 0.5  # of the held-out views: fewer found again is worth a warning


def build(
    source: Annotated[Path, typer.Argument(
        help="A COLMAP model with images, a scene folder, a 7-Scenes or TUM folder, a ROS 2 bag, "
             "or a folder of photographs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the finished map.")],
    kind: Annotated[str | None, typer.Option(
        help="Kind of the source; default: detected.")] = None,
    features: Annotated[str, typer.Option(help="learned, or sift: needs no weights.")] = "learned",
    representation: Annotated[str, typer.Option(
        help="neumap, squeezer, hybrid, maddr, pq (its baseline), or landmarks: uncompressed. "
             "auto: builds each that fits and takes the one by which the held-out views are "
             "found best.")] = "neumap",
    budget: Annotated[str | None, typer.Option(
        help="Size of the finished map, retrieval included, as 200KB. Default: a hundredth of an "
             "uncompressed map.")] = None,
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")] = 1024,
    refine_poses: Annotated[bool, typer.Option(
        "--refine-poses", help="Bundle adjustment first, for poses that are off by pixels.")] =
        False,
    polish: Annotated[int, typer.Option(
        min=0, help="Gradient steps that adapt the codes to this scene.")] = 0,
    tile_size: Annotated[float | None, typer.Option(
        help="Side of a tile in map units; default: 20 m, one tile where the unit is arbitrary.",
    )] = None,
    held_out: Annotated[int | None, typer.Option(
        min=0, help="Views kept out to check the map; default: one in twenty, 8 at most.")] = None,
    frame: Annotated[str, typer.Option(help="Name of the map's frame.")] = "map",
    option: Annotated[list[str] | None, typer.Option(
        "--option", help="NAME=VALUE for this kind of source, as image_topic=/camera/image_raw; "
                         "may be repeated.")] = None,
    work: Annotated[Path | None, typer.Option(
        help="Folder of the stages' files, by which a build resumes and a later `map update` "
             "works; default: SITE.work.")] = None,
    backend: Annotated[str, typer.Option(help="What runs the networks.")] = "auto",
    decoder: Annotated[Path | None, typer.Option(
        help="Folder of the decoder's networks, where not the shipped ones.")] = None,
) -> None:
    """Build a map from posed images, a bag, or photographs (then up to scale).

    Every stage resumes where it was interrupted, and a rerun with unchanged input does nothing.
    A map that is already there is replaced only when the new one is finished.
    """
    from rich.console import Console

    from nmap_reloc.evaluation.options import parse_size
    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.build import AUTO, BuildOptions, build_site, unchanged
    from nmap_reloc.mapping.record import BuildRecord, work_folder
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.triangulate import build_landmarks, landmarks_file, landmarks_key
    from nmap_reloc.representations import network_name
    from nmap_reloc.text import size
    from nmap_reloc.weights import find

    say = Console(stderr=True)
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING)
    wanted = None if budget is None else parse_size(budget)
    network = None if representation == AUTO else network_name(representation, features)
    if network is not None:
        find(f"{network}.safetensors", decoder)  # now, not after an hour's work
    extractor = open_extractor(features, keypoints, backend)
    opened = open_source(source, kind=kind, **pairs(option or []))
    for warning in opened.warnings:
        say.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    if all(image.map_from_camera is None for image in opened.images):
        say.print("no poses: structure from motion; the map will be up to scale")
    work = work or work_folder(output)
    landmarks = build_landmarks(opened, extractor, work, refine_poses=refine_poses,
                                held_out=held_out)
    options = BuildOptions(representation, wanted, tile_size, frame, polish=polish,
                           weights=decoder)
    file = landmarks_file(work, landmarks_key(opened, extractor, refine_poses, held_out))
    BuildRecord.made_by(landmarks, options, file.name, extractor.keypoints,
                        opened.fingerprint).save(work)
    site = unchanged(output, landmarks, options)
    if site is not None:
        say.print(f"{output}: unchanged, nothing to do", markup=False, soft_wrap=True)
    else:
        site = build_site(landmarks, output, representation, wanted, options)
    built = site.manifest.built
    recall = built.get("recall")
    for name, numbers in built.get("chosen", {}).items():
        mark = "chosen" if name == site.manifest.representation else "tried"
        say.print(f"{mark} {name}: {told(numbers)}", markup=False, soft_wrap=True)
    Console().print(
        f"{output}: {size(site.bytes())} for {built['landmarks']} landmarks of {built['views']} "
        f"views, {landmarks.observation_bytes() / site.bytes():.0f} times smaller than "
        "uncompressed" + ("" if recall is None else
                          f"; held-out views found again: {recall:.0%}"), markup=False,
        soft_wrap=True)
    if recall is not None and recall < DOUBTFUL:
        say.print(f"warning: {output}: so few are found again that this map can't be relied on; "
                  "check whose poses these are (--option pose_frame=… of a bag), the intrinsics "
                  "and that views overlap", style="yellow", markup=False, soft_wrap=True)


def told(numbers: Any) -> str:
    """One entry of the manifest's built.chosen, for people."""
    from nmap_reloc.text import degrees, percent, size

    if isinstance(numbers, str):
        return numbers
    recall, translation, rotation, count = numbers
    errors = "" if translation is None else \
        f", median error {translation:.3g} map units and {degrees(rotation)}"
    return f"{percent(recall)} of held-out views{errors}, {size(count)}"


def pairs(words: list[str]) -> dict[str, Any]:
    """``["every=3"]`` -> ``{"every": 3}``; numbers and true/false become such."""
    from nmap_reloc.errors import NmapError

    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise NmapError(f"--option {word}: not NAME=VALUE; write it like every=3")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
