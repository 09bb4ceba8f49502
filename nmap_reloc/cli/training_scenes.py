"""What `train neumap`, `train maddr` and `train squeezer` share: options, scenes, saving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nmap_reloc.mapping.landmarks import Landmarks

Scenes = Annotated[list[Path], typer.Argument(
    help="Scenes (any source that `map build` takes, photographs without poses too): the more, "
         "the better.")]
Output = Annotated[Path, typer.Option(
    "--output", "-o", help="Folder for the weights and the ONNX files.")]
Features = Annotated[str, typer.Option(help="learned or sift.")]
Keypoints = Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")]
Simulated = Annotated[int, typer.Option(
    min=0, help="Simulated scenes to add; rendered into the work folder once.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Work = Annotated[Path, typer.Option(help="Where landmarks are kept.")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads, 0: all.")]
WORK = Path(".cache/training")


@dataclass(frozen=True)
class Lesson:
    """name: of the network; dimensions: of a descriptor; landmarks: of the map images of scenes,
    all of them mapped; output: where log, weights and graphs go."""

    name: str
    dimensions: int
    landmarks: list[Landmarks]
    output: Path

    @property
    def log(self) -> Path:
        return self.output / f"{self.name}.log"

    def save(self, network: Any) -> None:
        """Weights and graphs of a network with a `shape`; prints the graphs' paths."""
        from nmap_reloc.engines.export import export, graphs_of, save_network

        save_network(network, asdict(network.shape), self.output / f"{self.name}.safetensors")
        for graph in graphs_of(self.name):
            print(export(graph, self.output))


def prepare(representation: str, scenes: Sequence[Path], output: Path, features: str,
            keypoints: int, simulated: int, seed: int, work: Path, threads: int) -> Lesson:
    """Everything before the first step. work: where landmarks are kept for the next run.

    NmapError: a scene can't be read or mapped.
    """
    import torch

    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.triangulate import build_landmarks
    from nmap_reloc.representations import network_name
    from nmap_reloc.simulation.classroom import simulated_scenes

    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    output.mkdir(parents=True, exist_ok=True)
    extractor = open_extractor(features, keypoints)
    landmarks = [build_landmarks(open_source(scene), extractor,
                                 work / f"{scene.resolve().name}-{extractor.name}", held_out=0)
                 for scene in (*scenes, *simulated_scenes(work, simulated))]
    return Lesson(network_name(representation, features) or "", extractor.dimensions, landmarks,
                  output)
