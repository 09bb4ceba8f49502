"""config/reloc.yaml and the README's tables, from the source that the nodes use.

    python -m nmap_reloc.nodes.parameter_docs            # prints the tables
    python -m nmap_reloc.nodes.parameter_docs --yaml     # prints config/reloc.yaml
    python -m nmap_reloc.nodes.parameter_docs --write    # writes both into this checkout
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.atomic import Writer, writing
from nmap_reloc.nodes.described import Spec, number, specs
from nmap_reloc.nodes.diagnostic_keys import Key
from nmap_reloc.nodes.reloc_keys import RELOC_KEYS
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.nodes.tile_keys import TILE_KEYS
from nmap_reloc.nodes.tile_manager_parameters import TileManagerParameters

NODES: dict[str, type[Any]] = {"reloc_node": RelocParameters,
                               "tile_manager": TileManagerParameters}
KEYS: dict[str, tuple[Key, ...]] = {"reloc_node": RELOC_KEYS, "tile_manager": TILE_KEYS}
CHECKOUT = Path(__file__).resolve().parents[2]
YAML, README = Path("config/reloc.yaml"), Path("README.md")
BEGIN, END = "<!-- {}:begin -->", "<!-- {}:end -->"
HEAD = """\
# Every parameter of both nodes with its default. Generated from the nodes' own source by
# `python -m nmap_reloc.nodes.parameter_docs --write`; copy it, keep what you change and pass it
# on with `params_file:=…`. What is not marked "read-only" can be changed with `ros2 param set`.
# Lengths are in map units: metres, where the map is metric.
"""


def yaml_text() -> str:
    """The contents of config/reloc.yaml. The keys match the nodes in any namespace."""
    lines = [HEAD.rstrip()]
    for node, cls in NODES.items():
        lines += ["", f"/**/{node}:", "  ros__parameters:"]
        group = ""
        for spec in specs(cls):
            if spec.group != group:
                group = spec.group
                lines += ["", f"    # ---- {group} ----"]
            comment = f"{spec.description} ({'; '.join(_facts(spec))})"
            lines += textwrap.wrap(comment, 95, initial_indent="    # ",
                                   subsequent_indent="    # ", break_on_hyphens=False)
            lines.append(f"    {spec.name}: {yaml_value(spec.default)}")
    return "\n".join(lines) + "\n"


def yaml_value(value: bool | int | float | str) -> str:
    """As YAML reads it back with the same type."""
    if isinstance(value, float):
        plain = number(value)
        return plain if "." in plain else f"{value:.1f}"
    return json.dumps(value)


def parameter_table() -> str:
    """Markdown, one table a node."""
    parts = []
    for node, cls in NODES.items():
        parts += [f"#### {node}", "",
                  "| parameter | type | default | range | unit | changes | what it is |",
                  "|---|---|---|---|---|---|---|"]
        parts += [f"| `{spec.name}` | {spec.type_name} | `{yaml_value(spec.default)}` | "
                  f"{spec.span()} | {spec.unit} | {'at start' if spec.read_only else 'any time'} "
                  f"| {_cell(spec.description)}{' Required.' if spec.required else ''} |"
                  for spec in specs(cls)]
        parts.append("")
    return "\n".join(parts).rstrip()


def diagnostics_table() -> str:
    """Markdown, one table a node: each key of /diagnostics and what turns it yellow or red."""
    parts = []
    for node, keys in KEYS.items():
        parts += [f"#### {node}", "", "| status | key | unit | WARN | ERROR | what it is |",
                  "|---|---|---|---|---|---|"]
        parts += [f"| {key.task} | `{key.name}` | {key.unit} | {_cell(key.warn_when())} | "
                  f"{_cell(key.error_when())} | {_cell(key.description)} |" for key in keys]
        parts.append("")
    return "\n".join(parts).rstrip()


def updated(readme: str) -> str:
    """The README with its generated parts as they ought to be. NmapError: a marker is missing."""
    for name, text in (("parameters", parameter_table()), ("diagnostics", diagnostics_table())):
        begin, end = BEGIN.format(name), END.format(name)
        before, found, rest = readme.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise NmapError(f"{README}: no {begin} … {end}; put both lines where the table is to "
                            "be")
        readme = f"{before}{begin}\n{text}\n{end}{after}"
    return readme


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Tables and YAML of the nodes' parameters")
    parser.add_argument("--yaml", action="store_true", help="print config/reloc.yaml")
    parser.add_argument("--write", action="store_true", help="write it and the README's tables")
    chosen = parser.parse_args(arguments)
    if not chosen.write:
        print(yaml_text() if chosen.yaml else f"{parameter_table()}\n\n{diagnostics_table()}",
              end="")
        return 0
    try:
        _write(CHECKOUT / YAML, yaml_text())
        _write(CHECKOUT / README, updated((CHECKOUT / README).read_text(encoding="utf-8")))
    except NmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _write(file: Path, text: str) -> None:
    data = text.encode()
    with writing(file, len(data)):
        Writer().write(file, data)


def _facts(spec: Spec) -> list[str]:
    facts = [spec.type_name + (f", {spec.unit}" if spec.unit else "")]
    if spec.span():
        facts.append(spec.span())
    facts += [word for word, holds in (("required", spec.required),
                                       ("read-only", spec.read_only)) if holds]
    return facts


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
