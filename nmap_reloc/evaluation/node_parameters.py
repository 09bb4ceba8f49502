"""The parameters of reloc_node, from the file that the robot is started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import read_text
from nmap_reloc.nodes.described import build, specs
from nmap_reloc.nodes.reloc_parameters import RelocParameters

NODE = "reloc_node"


def node_parameters(path: Path | None, site: Path) -> RelocParameters:
    """Those of a ROS 2 parameters file, the rest at their defaults; of map, the site replaces it.

    Sections count as rclpy reads them: ``reloc_node``, ``/**``, ``/**/reloc_node``, or the node in
    any namespace; what another node declares is left alone. NmapError: no such file, not YAML,
    no such section, or a value that the node would refuse.
    """
    given = {} if path is None else _read(path)
    known = {spec.name for spec in specs(RelocParameters)} - {"map", "pose_file"}
    values = {name: value for name, value in given.items() if name in known}
    found: RelocParameters = build(RelocParameters, {**values, "map": str(site)})
    return found


def _read(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        sections = YAML(typ="safe").load(read_text(path))
    except YAMLError as error:
        line = str(error).splitlines()[0]
        raise NmapError(f"{path}: not YAML ({line}); correct the file") from None
    if not isinstance(sections, dict):
        raise NmapError(f"{path}: no ROS 2 parameters file; begin it with '{NODE}:'")
    found: dict[str, Any] = {}
    matching = [key for key in sections if str(key).rpartition("/")[2] in (NODE, "**")]
    for key in matching:
        section = sections[key]
        values = section.get("ros__parameters") if isinstance(section, dict) else None
        if not isinstance(values, dict):
            raise NmapError(f"{path} {key}: has no ros__parameters; indent the values below it")
        found |= values
    if not matching:
        raise NmapError(f"{path}: nothing for {NODE} (sections: "
                        f"{', '.join(map(str, sections)) or 'none'}); name one '{NODE}'")
    return found
