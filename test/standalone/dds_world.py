"""What the DDS tests share: the other process, and a reader that keeps what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from standalone.dds_peer import STRING

from nmap_reloc.standalone.dds import Domain, Qos, Sample
from nmap_reloc.standalone.messages import deserialize, message_class, serialize

PEER = Path(__file__).with_name("dds_peer.py")
Start = Callable[..., "Peer"]


class Peer:
    """A process of dds_peer.py."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PEER), *arguments], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        heard: dict[str, Any] = json.loads(self.process.stdout.readline())
        return heard

    def release(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


class Inbox:
    """A reader and what it took, in order."""

    def __init__(self, domain: Domain, topic: str, type_name: str, qos: Qos) -> None:
        self.samples: list[Sample] = []
        self.reader = domain.reader(topic, type_name, qos)
        self.reader.listen(self._take)

    def _take(self) -> None:
        self.samples.extend(self.reader.take())

    def texts(self) -> list[str]:
        return [deserialize(each.cdr, message_class(STRING)).data for each in self.samples]


def text(data: str) -> bytes:
    return serialize(message_class(STRING)(data=data))
