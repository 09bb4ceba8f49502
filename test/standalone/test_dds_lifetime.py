"""Closing, ending and failing while messages come."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("cyclonedds")

from standalone.dds_peer import IMAGE, STRING, image, wait
from standalone.dds_world import Inbox, Start, text

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.dds import Domain, Qos, waiter
from nmap_reloc.standalone.messages import serialize


def test_closing_while_messages_come(domain: Domain, peer: Start) -> None:
    peer("flood").hear()
    for _ in range(30):
        inbox = Inbox(domain, "/flood", STRING, Qos())
        wait(lambda: len(inbox.samples) > 3)  # noqa: B023
        inbox.reader.close()
        inbox.reader.close()
        assert inbox.reader.take() == [] and inbox.reader.matched() == 0


def test_a_domain_closes_from_its_own_callback(peer: Start) -> None:
    peer("flood").hear()
    domain = Domain()
    closed = threading.Event()

    def close() -> None:
        domain.close()
        closed.set()

    domain.reader("/flood", STRING, Qos(), close)
    assert closed.wait(10)
    with pytest.raises(NmapError, match="/late: ROS domain"):
        domain.writer("/late", STRING)


def test_threads_write_and_take_while_others_close(domain: Domain) -> None:
    inbox = Inbox(domain, "/busy", STRING, Qos(depth=1000))
    refused: list[str] = []

    def publish() -> None:
        for _ in range(50):
            writer = domain.writer("/busy", STRING)
            closer = threading.Timer(0.002, writer.close)
            closer.start()
            try:
                while True:
                    writer.write(text("busy"))
            except NmapError as problem:
                refused.append(str(problem))
            closer.join()

    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(refused) == 150 and inbox.samples


def test_a_process_ends_cleanly_though_nothing_was_closed(peer: Start) -> None:
    peer("flood").hear()
    leaving = [peer("leave_open") for _ in range(3)]
    assert [each.process.wait(20) for each in leaving] == [0, 0, 0]


def test_a_frozen_reader_does_not_stop_a_best_effort_writer(domain: Domain, peer: Start) -> None:
    frozen = peer("listen", f"{IMAGE}:best_effort")
    frozen.hear()
    inbox = Inbox(domain, "/heard0", IMAGE, Qos(reliable=False, depth=100))
    writer = domain.writer("/heard0", IMAGE, Qos(reliable=False, depth=1))
    wait(lambda: writer.matched() == 2)
    os.kill(frozen.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    for number in range(30):
        writer.write(serialize(image(number)))
    assert time.monotonic() - started < 5 and inbox.samples


def test_a_callback_that_fails_does_not_silence_others(
        domain: Domain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    # A logger made after ROS 2's launch was imported hands nothing on to the root.
    monkeypatch.setattr(logging.getLogger(waiter.__name__), "propagate", True)

    def fail() -> None:
        raise ValueError("my mistake")

    domain.reader("/both", STRING, Qos(), fail)
    inbox = Inbox(domain, "/both", STRING, Qos())
    writer = domain.writer("/both", STRING)
    writer.write(text("hello"))
    wait(lambda: inbox.samples)
    wait(lambda: "my mistake" in caplog.text)
