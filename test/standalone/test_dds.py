"""ROS 2's topics and services between real processes over real DDS."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("cyclonedds")

from standalone.dds_peer import IMAGE, STRING, image, wait
from standalone.dds_world import Inbox, Start, text

from nmap_reloc.standalone.dds import LATCHED, Domain, Qos, config
from nmap_reloc.standalone.messages import deserialize, message_class, serialize, service_class


@pytest.mark.parametrize("reliable", ["reliable", "best_effort"])
def test_images_arrive_as_they_were_sent(
        monkeypatch: pytest.MonkeyPatch, peer: Start, reliable: str) -> None:
    """Twenty images of 0.9 MB and none lost, though the receive buffer is an ordinary Linux's:
    it holds no image, and nearly all would be lost if best effort had its way."""
    monkeypatch.setattr(config, "LOOPBACK", config.LOOPBACK.replace("8MiB", "208KiB"))
    domain = Domain()
    inbox = Inbox(domain, "/image", IMAGE, Qos(reliable == "reliable", depth=20))
    started = time.time_ns()
    peer("images", reliable, "20")
    wait(lambda: len(inbox.samples) == 20)
    for number, sample in enumerate(inbox.samples):
        assert sample.cdr == serialize(image(number))
        assert started < sample.source_timestamp < time.time_ns()
    domain.close()


def test_latched_message_reaches_a_late_joiner(domain: Domain, peer: Start) -> None:
    peer("latched").hear()
    inbox = Inbox(domain, "/latched", STRING, LATCHED)
    wait(lambda: inbox.samples)
    volatile = Inbox(domain, "/latched", STRING, Qos())
    wait(lambda: volatile.reader.matched() == 1)
    time.sleep(0.1)
    assert inbox.texts() == ["new"] and not volatile.samples


def test_depth_keeps_the_newest(domain: Domain, peer: Start) -> None:
    newest = domain.reader("/burst", STRING, Qos(reliable=False, depth=1))
    sender = peer("burst", "50", "best_effort")
    assert sender.hear() == {"sent": 50}
    time.sleep(0.3)
    samples = newest.take()
    assert [deserialize(each.cdr, message_class(STRING)).data for each in samples] == ["49"]
    assert newest.take() == []


def test_what_came_before_the_callback_is_told(domain: Domain) -> None:
    """A latched message may come while the reader is being made."""
    domain.writer("/latched", STRING, LATCHED).write(text("early"))
    for _ in range(100):
        came = threading.Event()
        reader = domain.reader("/latched", STRING, LATCHED, came.set)
        assert came.wait(5) and len(reader.take()) == 1
        reader.close()


def test_five_hundred_messages_at_speed(domain: Domain, peer: Start) -> None:
    inbox = Inbox(domain, "/burst", STRING, Qos(depth=0))
    peer("burst", "500", "reliable")
    wait(lambda: len(inbox.samples) == 500)
    assert inbox.texts() == [str(number) for number in range(500)]


def test_service_between_processes(domain: Domain, peer: Start) -> None:
    kind = service_class("std_srvs/srv/SetBool")
    came = threading.Event()
    client = domain.client("/set", "std_srvs/srv/SetBool", on_data=came.set)
    other = domain.client("/set", "std_srvs/srv/SetBool")
    assert not client.ready()
    peer("server")
    wait(client.ready)
    for asked in (True, False):
        number = client.send(serialize(kind.Request(data=asked)))
        assert came.wait(5)
        came.clear()
        (reply,) = client.take()
        assert reply.sequence == number
        assert deserialize(reply.cdr, kind.Response) == kind.Response(
            success=asked, message=str(asked))
    assert other.take() == []


def test_server_takes_requests_in_order_and_knows_their_clients(domain: Domain) -> None:
    kind = service_class("std_srvs/srv/SetBool")
    server = domain.server("/set", "std_srvs/srv/SetBool")
    clients = [domain.client("/set", "std_srvs/srv/SetBool") for _ in range(2)]
    wait(lambda: all(client.ready() for client in clients) and server.matched() == 2)
    numbers = [client.send(serialize(kind.Request(data=True))) for client in clients]
    requests: list[Any] = []
    wait(lambda: requests.extend(server.take()) or len(requests) == 2)
    assert [request.sequence for request in requests] == numbers
    for request in reversed(requests):
        server.reply(request, serialize(kind.Response(message=str(request.sequence))))
    for client, number in zip(clients, numbers):
        replies: list[Any] = []
        wait(lambda: replies.extend(client.take()) or replies)  # noqa: B023
        assert [reply.sequence for reply in replies] == [number]
