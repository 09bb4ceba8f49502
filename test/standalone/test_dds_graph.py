"""Who is in the domain, who matches whom, and where a participant listens."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("cyclonedds")

from standalone.dds_peer import IMAGE, STRING, wait
from standalone.dds_world import Inbox, Start, text

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.dds import LATCHED, Domain, Node, Qos, config
from nmap_reloc.standalone.messages import type_hash


def test_discovery_lists_another_process(domain: Domain, peer: Start) -> None:
    other = peer("node")
    other.hear()
    node = Node("/peer", "other")
    wait(lambda: node in domain.nodes() and len(domain.services()) == 2)
    wait(lambda: all(each.node == node for each in domain.publishers("/peer/out"))
         and domain.publishers("/peer/out"))
    assert domain.topics() == {"/peer/in": [STRING], "/peer/out": [IMAGE]}
    trigger = ["std_srvs/srv/Trigger"]
    assert domain.services() == {"/peer/ask": trigger, "/peer/do": trigger}
    wait(lambda: domain.clients() == [("/peer/ask", trigger[0], node)])  # it was made last
    assert domain.servers() == [("/peer/do", trigger[0], node)]
    (publisher,) = domain.publishers("/peer/out")
    assert publisher.qos == Qos(reliable=False, depth=1)
    assert publisher.type_hash == type_hash(IMAGE)
    (subscriber,) = domain.subscribers("/peer/in")
    assert subscriber.qos == LATCHED and subscriber.node == node
    assert domain.subscribers("/peer/out") == []
    other.release()
    wait(lambda: not domain.nodes() and not domain.topics() and not domain.services())


def test_own_nodes_are_listed_and_leave() -> None:
    mine, seen = Domain(), Domain()
    try:
        mine.add_node("/", "bare")
        writer = mine.writer("/out", STRING, node=("/ns", "busy"))
        both = [Node("/", "bare"), Node("/ns", "busy")]
        assert mine.nodes() == both
        wait(lambda: seen.nodes() == both)
        wait(lambda: [each.node for each in seen.publishers("/out")] == [both[1]])
        writer.close()
        mine.remove_node("/ns", "busy")
        wait(lambda: seen.nodes() == both[:1] and not seen.publishers("/out"))
    finally:
        mine.close()
        seen.close()


def test_another_domain_is_silent(domain: Domain, peer: Start) -> None:
    inbox = Inbox(domain, "/latched", STRING, LATCHED)
    peer("latched", PEER_DOMAIN=str((domain.domain_id + 1) % 100)).hear()
    near = peer("latched")
    near.hear()
    wait(lambda: inbox.samples)
    time.sleep(0.3)
    assert inbox.reader.matched() == 1
    # it may have been found between the two that the near one writes, each of which comes once
    assert len({sample.publication for sample in inbox.samples}) == 1
    assert len({sample.cdr for sample in inbox.samples}) == len(inbox.samples)


def test_who_hears_whom(domain: Domain, peer: Start) -> None:
    cases = [  # offered, type and reliability asked for, whether it is heard
        ("reliable", STRING, "reliable", True),
        ("reliable", STRING, "best_effort", True),
        ("best_effort", STRING, "best_effort", True),
        ("best_effort", STRING, "reliable", False),  # as in ROS 2: incompatible
        ("reliable", "std_msgs/msg/UInt8", "reliable", False),
    ]
    writers = [domain.writer(f"/heard{i}", STRING, Qos(case[0] == "reliable"))
               for i, case in enumerate(cases)]
    other = peer("listen", *(f"{kind}:{asked}" for _, kind, asked, _ in cases))
    other.hear()
    for i, case in enumerate(cases):
        wait(lambda: len(domain.subscribers(f"/heard{i}")) == 1)  # noqa: B023
        wait(lambda: writers[i].matched() == case[3])  # noqa: B023
    time.sleep(0.3)  # the other side, too, must have found us
    for writer in writers:
        writer.write(text("hello"))
    time.sleep(0.3)
    other.release()
    assert other.hear()["heard"] == [[int(case[3])] * 2 for case in cases]


def test_matched_counts_rise_and_fall(domain: Domain) -> None:
    best_effort = Qos(reliable=False, depth=1)
    writer = domain.writer("/count", STRING, best_effort)
    readers = [domain.reader("/count", STRING, best_effort) for _ in range(3)]
    wait(lambda: writer.matched() == 3 and all(each.matched() == 1 for each in readers))
    readers[0].close()
    wait(lambda: writer.matched() == 2)
    writer.close()
    wait(lambda: not any(each.matched() for each in readers))


def test_two_types_on_one_topic_do_not_mix(domain: Domain) -> None:
    text_box = Inbox(domain, "/mixed", STRING, Qos())
    number_box = Inbox(domain, "/mixed", "std_msgs/msg/UInt8", Qos())
    writer = domain.writer("/mixed", STRING)
    wait(lambda: writer.matched())
    writer.write(text("hello"))
    wait(lambda: text_box.samples)
    assert writer.matched() == 1 and not number_box.samples
    assert domain.topics()["/mixed"] == [STRING, "std_msgs/msg/UInt8"]


@pytest.mark.parametrize("value", ["233", "-1", "seven", "1.5"])
def test_wrong_domain_id(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", value)
    with pytest.raises(NmapError, match=f"ROS_DOMAIN_ID {value}: .* from 0 to 232"):
        Domain()


@pytest.mark.parametrize("domain_id", [0, 232])
def test_first_and_last_domain(domain_id: int) -> None:
    Domain(domain_id).close()


def test_where_a_participant_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "CYCLONEDDS_URI"):
        monkeypatch.delenv(name, raising=False)
    xml, lossless = config.configuration(7)
    assert 'name="lo"' in xml and "<Peer address=\"localhost\"/>" in xml and lossless
    assert "<MaxAutoParticipantIndex>119<" in xml
    assert "<MaxAutoParticipantIndex>62<" in config.configuration(232)[0]
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    xml, lossless = config.configuration(7)
    assert 'name="lo"' not in xml and not lossless
    monkeypatch.setenv("ROS_LOCALHOST_ONLY", "1")
    assert 'name="lo"' in config.configuration(7)[0]
    monkeypatch.setenv("CYCLONEDDS_URI", "<CycloneDDS/>")
    assert config.configuration(7) == ("", False)
    monkeypatch.setenv("ROS_LOCALHOST_ONLY", "0")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "MOON")
    with pytest.raises(NmapError, match="ROS_AUTOMATIC_DISCOVERY_RANGE MOON: not known"):
        config.configuration(7)
