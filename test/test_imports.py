"""Who may import whom: the robot stays free of the offline rooms, the core free of ROS."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "nmap_reloc"

# What the robot runs, and with it everything that these import.
ROBOT = ("types", "geometry", "errors", "camera", "undistort", "guided", "pose", "refine", "gate",
         "activation", "localizer", "progress", "features", "features.base", "features.sift",
         "features.learned", "features.extractor", "maps.*", "engines.*", "representations",
         "representations.*.decode", "nodes.*", "standalone.*")
OFFLINE_ROOMS = ("mapping", "evaluation", "simulation")
OFFLINE_FILES = ("network", "graphs", "train", "training", "encode", "export")
OFFLINE_LIBRARIES = {"torch", "torchvision", "matplotlib", "pandas", "rosbags", "scipy", "PIL",
                     "onnx", "onnxscript", "trimesh", "embreex"}
# engines/torch.py is the one door to torch, torch_graphs.py is behind it: engines/ opens it by
# name, only when asked for it.
TORCH_ENGINE = "nmap_reloc.engines.torch"
# The standalone overlay stands in for ROS 2 with rosbags' type store and CDR.
STANDALONE = "nmap_reloc.standalone"
ROS_ROOMS = ("nmap_reloc.nodes", STANDALONE)
ROS = {"rclpy", "sensor_msgs", "geometry_msgs", "nav_msgs", "std_msgs", "std_srvs", "tf2_msgs",
       "lifecycle_msgs", "visualization_msgs", "diagnostic_msgs", "builtin_interfaces", "tf2_ros",
       "cv_bridge", "diagnostic_updater", "launch", "launch_ros", "ament_index_python",
       "rosbag2_py", "cyclonedds"}


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(module: str) -> set[str]:
    """Absolute names of all that a file imports when it is imported: not in function bodies,
    not under TYPE_CHECKING; the packages on the way to a module count as imported too."""
    named: set[str] = set()
    pending: list[ast.AST] = [ast.parse(MODULES[module].read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
            continue
        named |= _named(node, module)
        pending.extend(ast.iter_child_nodes(node))
    return {".".join(name.split(".")[:depth]) for name in named
            for depth in range(1, name.count(".") + 2)}


def _named(node: ast.AST, module: str) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if not isinstance(node, ast.ImportFrom):
        return set()
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    # "from a import b": b may be a module of a, or a name in it.
    return {base} | {f"{base}.{alias.name}" for alias in node.names
                     if f"{base}.{alias.name}" in MODULES}


def _anywhere(module: str) -> set[str]:
    """Absolute names of all imports of a file, function bodies included."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return set().union(*(_named(node, module) for node in ast.walk(tree)))


def _matches(module: str, pattern: str) -> bool:
    mine, wanted = module.split(".")[1:], pattern.split(".")
    if wanted[-1] == "*":  # a whole room
        return mine[:len(wanted) - 1] == wanted[:-1]
    return len(mine) == len(wanted) and all(w in ("*", m)
                                            for m, w in zip(mine, wanted, strict=True))


def _offline(name: str) -> bool:
    parts = name.split(".")
    if parts[0] != "nmap_reloc":
        return parts[0] in OFFLINE_LIBRARIES
    return len(parts) > 1 and (parts[1] in OFFLINE_ROOMS or parts[-1] in OFFLINE_FILES)


def _robot_files() -> list[str]:
    return [m for m in MODULES if not m.startswith(TORCH_ENGINE) and not _offline(m)
            and any(_matches(m, p) for p in ROBOT)]


@pytest.mark.parametrize("start", _robot_files())
def test_what_the_robot_runs_reaches_nothing_offline(start: str) -> None:
    reached = {start: [start]}
    pending = [start]
    while pending:
        module = pending.pop()
        for name in sorted(_imports(module)):
            allowed = module.startswith(STANDALONE) and name.split(".")[0] == "rosbags"
            assert allowed or not _offline(name), " -> ".join([*reached[module], name])
            assert name != TORCH_ENGINE, " -> ".join([*reached[module], name])
            if name in MODULES and name not in reached:
                reached[name] = [*reached[module], name]
                pending.append(name)


@pytest.mark.parametrize("module", _robot_files())
def test_not_even_a_function_body_of_the_robot_imports_torch(module: str) -> None:
    roots = {name.split(".")[0] for name in _anywhere(module)}
    assert not roots & {"torch", "matplotlib", "pandas"}


@pytest.mark.parametrize("module", MODULES)
def test_only_nodes_and_standalone_know_ros(module: str) -> None:
    if not module.startswith(ROS_ROOMS):
        assert not {name.split(".")[0] for name in _anywhere(module)} & ROS


def test_importing_the_localizer_loads_nothing_offline() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import nmap_reloc.localizer, sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "nmap_reloc.localizer" in loaded
    assert [name for name in loaded if _offline(name) or name.split(".")[0] in ROS] == []


def test_no_file_names_a_place_on_one_machine() -> None:
    places = tuple(f"/{place}/" for place in ("work", "home", "root", "Users"))
    kinds = {".py", ".cfg", ".toml", ".xml", ".yaml", ".md", ".json"}
    tops = [top for top in PACKAGE.parent.iterdir()
            if not top.name.startswith(".") and top.name not in ("build", "install", "log")]
    for path in [path for top in tops for path in (top.rglob("*") if top.is_dir() else [top])]:
        if path.suffix in kinds:
            text = path.read_text(encoding="utf-8")
            assert not any(place in text for place in places), path
