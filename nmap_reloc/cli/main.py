"""The command ``nmap-reloc``. Each command has its own file, imported only when it is run."""

from __future__ import annotations

import errno
import functools
import importlib
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nmap_reloc import __version__
from nmap_reloc.errors import NmapError

# (group, command): (where it is, what --help says of it); the group "" is nmap-reloc itself.
COMMANDS = {
    ("map", "build"): ("map_build:build", "Build a map from photographs, COLMAP or a bag."),
    ("map", "update"): ("map_update:update", "Put new images into a map."),
    ("map", "info"): ("map_info:info", "Say what is in a map."),
    ("map", "verify"): ("map_verify:verify", "Check a map's files, re-localize held-out views."),
    ("map", "attention"): ("map_attention:attention", "Show what the codes of a map look at."),
    ("train", "features"): ("train_features:train_features", "Train the feature extractor."),
    ("train", "maddr"): ("train_maddr:train_maddr", "Train the bottleneck and its matcher."),
    ("train", "neumap"): ("train_neumap:train_neumap", "Train the scene-agnostic decoder."),
    ("train", "squeezer"): ("train_squeezer:train_squeezer", "Train what selects points."),
    ("engines", "build"): ("engines:build", "Build the TensorRT plans of this device."),
    ("engines", "export"): ("engines:export", "Make a folder's ONNX files from its weights."),
    ("engines", "quantize"): ("engines:quantize", "Make the feature network in 8 bits for CPUs."),
    ("engines", "list"): ("engines:list_plans", "Say what runs networks here, list the plans."),
    ("engines", "check"): ("engines:check", "Compare a backend with onnxruntime on the CPU."),
    ("engines", "clear"): ("engines:clear", "Remove the TensorRT plans."),
    ("", "evaluate"): ("evaluate:evaluate", "Localize a scene's queries and report how well."),
    ("", "bench"): ("bench:bench", "Measure every representation on scenes."),
    ("", "simulate"): ("simulate:simulate", "Record simulated drives as ROS 2 bags."),
    ("", "demo"): ("demo:demo", "Build a small map, localize against it and show the result."),
    ("", "launch"): ("launch:launch", "Start nodes by a launch file, as `ros2 launch` does."),
    ("", "play"): ("play:play", "Publish a recording's messages, as `ros2 bag play` does."),
    ("topic", "list"): ("topic:list_topics", "Print the topics."),
    ("topic", "info"): ("topic:info", "Print a topic's type, publishers and subscribers."),
    ("topic", "echo"): ("topic:echo", "Print a topic's messages."),
    ("topic", "hz"): ("topic:hz", "Print how often messages arrive."),
    ("topic", "pub"): ("topic:pub", "Publish a message."),
    ("lifecycle", "nodes"): ("lifecycle:nodes", "Print the lifecycle nodes."),
    ("lifecycle", "get"): ("lifecycle:get", "Print the state of a lifecycle node."),
    ("lifecycle", "set"): ("lifecycle:change", "Make a lifecycle node do a transition."),
    ("lifecycle", "list"): ("lifecycle:list_transitions", "Print what a node can do now."),
    ("param", "list"): ("param:list_parameters", "Print the names of a node's parameters."),
    ("param", "get"): ("param:get", "Print a parameter's value."),
    ("param", "set"): ("param:change", "Set a parameter of a running node."),
    ("param", "describe"): ("param:describe", "Print type, description and limits."),
    ("node", "list"): ("node:list_nodes", "Print the names of running nodes."),
    ("node", "info"): ("node:info", "Print what a node subscribes, publishes and offers."),
    ("service", "list"): ("service:list_services", "Print the services."),
    ("service", "call"): ("service:call", "Call a service and print its answer."),
}
GROUPS = {
    "map": "Build and check maps.",
    "train": "Train the networks.",
    "engines": "What runs the networks, and its TensorRT plans.",
    "topic": "Topics of running nodes, as `ros2 topic` shows them.",
    "lifecycle": "States of lifecycle nodes, as `ros2 lifecycle` shows them.",
    "param": "Parameters of running nodes, as `ros2 param` shows them.",
    "node": "Running nodes, as `ros2 node` shows them.",
    "service": "Services of running nodes, as `ros2 service` shows them.",
}
# What a robot's installation leaves out, and which extra of setup.py brings it.
EXTRAS = {"torch": "train", "onnx": "train", "onnxscript": "train", "rosbags": "mapping",
          "PIL": "mapping", "pycolmap": "mapping", "faiss": "mapping",
          "matplotlib": "evaluation",
          "trimesh": "simulation", "embreex": "simulation", "cyclonedds": "standalone",
          "yaml": "standalone"}
INTERRUPTED = 130  # what a shell expects after Ctrl-C


class LazyGroup(TyperGroup):
    """Lists commands from COMMANDS and imports only the one that is run."""

    # The types of contexts and commands differ between typer's versions: Any.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        where = COMMANDS.get(("" if ctx.parent is None else ctx.info_name, name or ""))
        return name, command if where is None else _load(name or "", *where), rest


def _load(name: str, where: str, summary: str) -> Any:
    """The real command, with its own options and help."""
    module, function = where.split(":")
    implementation = getattr(importlib.import_module(f"nmap_reloc.cli.{module}"), function)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    # The function's own docstring is the long help; the summary stands where it has none.
    alone.command(name, help=None if implementation.__doc__ else summary)(
        _one_line_errors(implementation))
    return typer.main.get_command(alone)


def _one_line_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the user can act on becomes one line on stderr and an exit code."""
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except NmapError as problem:
            _fail(str(problem))
        except KeyboardInterrupt:
            print("interrupted; a rerun with the same arguments resumes", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except ModuleNotFoundError as problem:
            extra = EXTRAS.get((problem.name or "").split(".")[0])
            if extra is None:
                raise
            _fail(f"{problem.name}: not installed; pip install 'nmap_reloc[{extra}]'")
        except OSError as problem:
            if problem.errno is None:  # not the system's: a defect, to be seen whole
                raise
            _fail(_system_error(problem))
    return run


def _system_error(problem: OSError) -> str:
    remedy = {errno.ENOSPC: "; free some space and rerun",
              errno.EACCES: "; check its permissions"}.get(problem.errno or 0, "")
    return f"{problem.filename or 'writing'}: {(problem.strerror or '').lower()}{remedy}"


def _fail(message: str) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    raise typer.Exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit()


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False,
                  add_completion=False)


@app.callback()
def root(version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True,
                           help="Print the version.")] = False) -> None:
    """Visual relocalization against compressed neural maps."""


def _register() -> None:
    groups = {"": app}
    for group, summary in GROUPS.items():
        groups[group] = typer.Typer(cls=LazyGroup, no_args_is_help=True, help=summary)
        app.add_typer(groups[group], name=group)
    for (group, name), (_, summary) in COMMANDS.items():
        groups[group].command(name, help=summary)(_placeholder)


def _placeholder() -> None:
    """Stands for a command in lists until LazyGroup replaces it by the real one."""


_register()


def main() -> None:
    """The entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
