"""reloc_node on a simulated place, over DDS: started, tracked, kidnapped, misled, restarted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.parameter import Parameter
from rclpy.time import Time
from reloc_scene import Scene, begin
from robot import image_message, info_message, initialised, parameters, until
from std_srvs.srv import Trigger
from synthetic_landmarks import world
from tf2_ros import Buffer, TransformListener

from nmap_reloc.errors import NmapError
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.maps.store import Site
from nmap_reloc.nodes.convert import pose_from_rigid, rigid_from_pose
from nmap_reloc.nodes.reloc_node import RelocNode


@pytest.fixture
def scene(place: Source, place_map: Path) -> Iterator[Scene]:
    made = begin(place, place_map)
    yield made
    made.close()


def test_the_robot_is_found_and_followed(scene: Scene) -> None:
    assert scene.robot.states == ["lost"]
    scene.start()
    assert until(lambda: scene.robot.states[-1] == "tracking")  # comes after the pose, or before
    for k in range(3, len(scene.robot.views)):
        count = len(scene.robot.poses)
        scene.look(k)
        if until(lambda count=count: len(scene.robot.poses) > count, 1.0):
            metres, degrees = scene.error(k)
            assert metres < 0.15 and degrees < 2
    assert len(scene.robot.poses) >= 6
    pose = scene.robot.poses[-1]
    assert pose.header.frame_id == "map"
    covariance = np.array(pose.pose.covariance).reshape(6, 6)
    assert np.linalg.eigvalsh(covariance)[0] > 0


def test_what_became_of_each_image_is_reported(scene: Scene) -> None:
    assert until(lambda: scene.robot.count_publishers("reloc_node/report"))
    scene.start()
    views = scene.robot.views
    scene.look(3, message=image_message(np.full_like(views[3].read(), 90)))
    scene.look(3, message=image_message(views[3].read(), encoding="rgb9"))
    assert until(lambda: len(scene.robot.reports) >= 5)
    first, *_, good, blank, broken = (json.loads(text) for text in scene.robot.reports)
    assert (first["state"], first["refused_by"]) == ("lost", "tracker")
    assert first["reason"] == "1 of 3 fixes agree"
    assert (good["state"], good["refused_by"], good["reason"]) == ("tracking", "", "")
    assert good["stamp"] == Time.from_msg(scene.robot.poses[-1].header.stamp).nanoseconds
    assert 12 <= good["inliers"] <= good["correspondences"] and good["milliseconds"]["features"]
    assert (blank["state"], blank["refused_by"]) == ("suspect", "features")
    assert "keypoints" in blank["reason"] and blank["inliers"] == 0
    assert broken["refused_by"] == "image" and "'rgb9'" in broken["reason"]


def test_tf_leads_from_the_map_to_the_robot_at_the_image_and_now(scene: Scene) -> None:
    buffer = Buffer()
    listener = TransformListener(buffer, scene.robot)
    scene.start()
    stamp = Time.from_msg(scene.robot.poses[-1].header.stamp)
    assert until(lambda: buffer.can_transform("map", "base_link", stamp), 1.0)
    found = buffer.lookup_transform("map", "base_link", stamp).transform.translation
    truth = scene.robot.truth(2).translation
    assert np.linalg.norm([found.x - truth[0], found.y - truth[1], found.z - truth[2]]) < 0.15
    for _ in range(20):  # a consumer at now never has to look into the future
        assert buffer.can_transform("map", "odom", scene.robot.get_clock().now())
        time.sleep(0.02)
    del listener


def test_a_kidnapped_robot_publishes_nothing_stale_and_is_found_again(scene: Scene) -> None:
    scene.start()
    count, far = len(scene.robot.poses), len(scene.robot.views) - 3
    scene.robot.slip = scene.robot.truth(2) @ scene.robot.truth(far).inverse()  # unnoticed
    for k in (far, far + 1, far + 2, far, far + 1, far + 2):
        scene.look(k)
        for pose in scene.robot.poses[count:]:
            assert np.linalg.norm(rigid_from_pose(pose.pose.pose).translation
                                  - scene.robot.truth(2).translation) > 0.5
    assert until(lambda: len(scene.robot.poses) > count)
    assert "suspect" in scene.robot.states
    assert until(lambda: scene.error(far + 2)[0] < 0.15)  # the last pose comes after its image
    assert scene.error(far + 2)[1] < 2


def test_while_lost_no_transform_is_sent(scene: Scene) -> None:
    scene.start()
    client = scene.robot.create_client(Trigger, "reloc_node/relocalize")
    assert client.wait_for_service(timeout_sec=10)
    assert client.call(Trigger.Request()).success
    assert until(lambda: scene.robot.states[-1] == "lost")
    time.sleep(0.2)
    sent = len(scene.robot.transforms)
    time.sleep(0.3)
    assert len(scene.robot.transforms) == sent
    scene.look(3, 4, 5)
    assert until(lambda: scene.robot.states[-1] == "tracking")


def test_an_initial_pose_is_confirmed_by_one_image(scene: Scene) -> None:
    message = PoseWithCovarianceStamped()
    message.header.frame_id = "map"
    near = scene.robot.truth(4) @ Rigid(rotation_from_vector([0, 0, 0.05]), np.array([0.1, 0, 0]))
    message.pose.pose = pose_from_rigid(near)
    message.pose.covariance = np.diag([0.25, 0.25, 0, 0, 0, 0.07]).reshape(36)
    scene.robot.move(4)
    time.sleep(0.2)
    scene.robot.initial.publish(message)
    assert until(lambda: scene.robot.states[-1] == "suspect")
    scene.look(4)
    assert until(lambda: scene.robot.poses)
    message.header.frame_id = "odom"
    scene.robot.initial.publish(message)
    assert until(lambda: "frame_id 'odom'" in scene.node.figures.last_error)
    assert scene.node.pipeline.tracker.state.value == "tracking"


def test_without_odometry_the_base_itself_is_put_in_the_map(place: Source, place_map: Path
                                                            ) -> None:
    scene = begin(place, place_map, odometry=False, odom_frame="")
    try:
        scene.look(0, 0, 0)
        assert until(lambda: scene.robot.poses)
        assert until(lambda: scene.robot.transforms)
        assert scene.robot.transforms[-1].child_frame_id == "base_link"
    finally:
        scene.close()


def test_bad_images_are_counted_and_the_next_good_one_is_localized(scene: Scene) -> None:
    scene.start()
    good = scene.robot.views[3]
    black = image_message(np.zeros((240, 320, 3), np.uint8))
    wrong = image_message(good.read(), encoding="rgb9")
    small = info_message(good.camera)
    small.width //= 2
    lost = image_message(good.read(), frame="nowhere")
    scene.look(3, message=black)
    scene.look(3, message=wrong)
    scene.look(3, info=small)
    scene.look(3, message=lost)
    assert scene.node.figures.dropped["image"] == 1
    assert scene.node.figures.dropped["camera"] == 1
    assert scene.node.figures.dropped["frame"] == 1
    count = len(scene.robot.poses)
    scene.look(3)
    assert until(lambda: len(scene.robot.poses) == count + 1)
    assert scene.error(3)[0] < 0.15


def test_tiles_come_and_go_while_it_localizes(place: Source, place_map: Path) -> None:
    scene = begin(place, place_map, tiles="managed")
    try:
        manifest = Site.open(place_map).manifest
        assert len(manifest.tiles) >= 2
        assert until(lambda: scene.robot.tiles)
        assert json.loads(scene.robot.tiles[-1])["tiles"] == []
        scene.look(0)
        assert scene.node.pipeline.tracker.reason == "no tile is loaded"
        for generation in range(1, 6):
            tiles = manifest.tiles if generation % 2 else manifest.tiles[:1]
            scene.robot.active_tiles.publish(type_string({
                "generation": generation, "map_version": 1, "site": manifest.site_id,
                "tiles": [{"id": t.id, "sha256": t.sha256} for t in tiles]}))
            assert until(lambda g=generation: json.loads(scene.robot.tiles[-1])["generation"] == g)
            assert len(json.loads(scene.robot.tiles[-1])["tiles"]) == len(tiles)
        scene.robot.active_tiles.publish(type_string({"generation": "?"}))
        assert until(lambda: "active_tiles" in scene.node.figures.last_error)
        scene.start()
    finally:
        scene.close()


def type_string(fields: dict[str, object]):
    from std_msgs.msg import String

    return String(data=json.dumps(fields))


def test_a_parameter_changes_between_two_images(scene: Scene) -> None:
    scene.start()
    done = scene.node.set_parameters([Parameter("min_inliers", value=9000)])
    assert done[0].successful
    scene.look(3)
    assert "at least 9000 are needed" in scene.node.pipeline.tracker.reason
    refused = scene.node.set_parameters([Parameter("min_inliers", value=-5)])
    assert not refused[0].successful and refused[0].reason


def test_a_robot_that_was_not_moved_knows_its_pose_after_a_restart(place: Source, place_map: Path,
                                                                    tmp_path: Path) -> None:
    file = str(tmp_path / "pose.json")
    scene = begin(place, place_map, pose_file=file)
    scene.start()
    scene.close()
    assert Path(file).is_file()
    scene = begin(place, place_map, pose_file=file)
    try:
        scene.look(2)
        assert until(lambda: scene.robot.poses), "one image should confirm the pose of the file"
    finally:
        scene.close()


def test_a_wrong_map_is_one_clear_line(tmp_path: Path) -> None:
    initialised()
    with pytest.raises(NmapError, match=r"manifest\.json is missing"):
        RelocNode(parameter_overrides=parameters(tmp_path))


def test_a_map_of_other_networks_needs_them_by_name(tmp_path: Path, neumap_weights: Path) -> None:
    initialised()
    made = replace(world(5, dimensions=128), extractor_hash=SiftExtractor().content_hash)
    build_site(made, tmp_path / "site", "neumap", options=BuildOptions(weights=neumap_weights))
    with pytest.raises(NmapError, match=r"decoder weights .* name the folder of its networks"):
        RelocNode(parameter_overrides=parameters(tmp_path / "site"))
    with pytest.raises(NmapError, match=r"parameter decoder .*: not there"):
        RelocNode(parameter_overrides=parameters(tmp_path / "site", decoder="/nowhere"))
    node = RelocNode(parameter_overrides=parameters(tmp_path / "site",
                                                    decoder=str(neumap_weights)))
    try:
        assert node.pipeline.localizer.active is not None
    finally:
        node.destroy_node()


@pytest.fixture(scope="module", autouse=True)
def shut_down() -> Iterator[None]:
    yield
    rclpy.try_shutdown()
