"""Scenes to train on: each another place, all of them such as can be made."""

from __future__ import annotations

from nmap_reloc.simulation.classroom import varied


def test_scenes_to_train_on_differ_and_can_be_made() -> None:
    scenes = [varied(k, 0) for k in range(12)]
    for scene in scenes:
        scene.check()
    assert len({scene.seed for scene in scenes}) == 12
    assert {scene.world for scene in scenes} == {"rooms", "lane"}
    assert len({(scene.size, scene.extent, scene.detail) for scene in scenes}) == 12
    assert varied(3, 0) == scenes[3] != varied(3, 1)
