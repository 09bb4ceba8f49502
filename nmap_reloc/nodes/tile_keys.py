"""The keys of tile_manager in /diagnostics."""

from __future__ import annotations

from typing import TypeAlias

from nmap_reloc.nodes.diagnostic_keys import ERROR, OK, WARN, Key, named
from nmap_reloc.nodes.figures import TileFigures
from nmap_reloc.nodes.tile_manager_parameters import MEGABYTE, TileManagerParameters

RECENT = 30.0  # seconds
Figures: TypeAlias = TileFigures
Limits: TypeAlias = TileManagerParameters


def _lag(figures: Figures, limits: Limits) -> int:
    if figures.lag is None or figures.lag <= limits.lag_warn:
        return OK
    return ERROR if figures.lag > limits.lag_error else WARN


def _wanted(figures: Figures, limits: Limits) -> int:
    active = figures.lifecycle == "active"
    return ERROR if active and not figures.tiles_wanted else OK


def _megabytes(count: float) -> float:
    return count / MEGABYTE


TILE_KEYS = (
    Key("tiles", "state", "unconfigured, inactive or active.", lambda f, p: f.lifecycle,
        judge=lambda f, p: OK if f.lifecycle == "active" else WARN, warn="not active"),
    Key("tiles", "why", "What decides which tiles are wanted.", lambda f, p: f.why,
        judge=lambda f, p: WARN if f.mode == "outside" else OK, warn="off the map"),
    Key("tiles", "mode", "follow, outside, all, candidates or search.", lambda f, p: f.mode),
    Key("tiles", "map", "Folder of the map.", lambda f, p: f.map),
    Key("tiles", "site", "Id of the map.", lambda f, p: f.site),
    Key("tiles", "map_version", "Version of the map.", lambda f, p: f.map_version),
    Key("tiles", "tiles_total", "Tiles of the map.", lambda f, p: f.tiles_total),
    Key("tiles", "tiles_wanted", "Tiles asked for.", lambda f, p: f.tiles_wanted, judge=_wanted,
        error="none while active"),
    Key("tiles", "tiles_loaded", "Tiles that reloc_node has confirmed.",
        lambda f, p: f.tiles_loaded),
    Key("tiles", "generation", "Number of the set asked for.", lambda f, p: f.generation),
    Key("tiles", "confirmed", "Number of the set that reloc_node has confirmed.",
        lambda f, p: f.confirmed),
    Key("tiles", "waiting", "For the confirmation of the newest set.", lambda f, p: f.waiting,
        "s", ("confirm_timeout", "")),
    Key("tiles", "resent", "How often the newest set was sent again.", lambda f, p: f.resent),
    Key("tiles", "memory_wanted", "Memory of the tiles asked for, estimated.",
        lambda f, p: _megabytes(f.bytes_wanted), "MB"),
    Key("tiles", "memory_loaded", "Memory of the tiles loaded, as reloc_node says.",
        lambda f, p: _megabytes(f.bytes_loaded), "MB",
        judge=lambda f, p: WARN if 2 * f.bytes_loaded > p.memory_budget * MEGABYTE else OK,
        warn="> `memory_budget` / 2"),
    Key("tiles", "left_out", "Tiles wanted that do not fit in memory_budget.",
        lambda f, p: named(f.left_out) or "none",
        judge=lambda f, p: WARN if f.left_out else OK, warn="any"),
    Key("tiles", "refused_tiles", "Tiles that are missing or that reloc_node refused.",
        lambda f, p: named(tuple(f.refused)) or "none",
        judge=lambda f, p: ERROR if f.refused else OK, error="any"),
    Key("tiles", "refused_reason", "Why, of the first of them; or why the last set was not "
        "loaded.", lambda f, p: next(iter(f.refused.values()), f.refused_set),
        judge=lambda f, p: WARN if f.refused_set else OK, warn="a whole set was not loaded"),
    Key("tiles", "pose_age", "Since the last pose.", lambda f, p: f.pose_age, "s"),
    Key("tiles", "speed", "Speed of the robot.", lambda f, p: f.speed, "m/s"),
    Key("tiles", "lag", "The robot travels faster than tiles load: how long it has been in a "
        "tile that is not loaded.", lambda f, p: f.lag, "s", judge=_lag, warn="> `lag_warn`",
        error="> `lag_error`"),
    Key("tiles", "lag_tile", "That tile.", lambda f, p: f.lag_tile),
    Key("tiles", "lags", "How often that happened.", lambda f, p: f.lags),
    Key("tiles", "bad_messages", "Messages that could not be used.", lambda f, p: f.bad_messages),
    Key("tiles", "last_error", "What went wrong last.", lambda f, p: f.last_error,
        judge=lambda f, p: WARN if f.error_age < RECENT else OK,
        warn=f"in the last {RECENT:g} s"),
)
