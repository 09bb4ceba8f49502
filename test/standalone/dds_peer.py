"""The other process of the DDS tests: python dds_peer.py ROLE [ARGUMENTS]. Speaks JSON lines."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from typing import Any

from nmap_reloc.standalone.dds import LATCHED, Domain, Qos
from nmap_reloc.standalone.messages import deserialize, message_class, serialize, service_class

IMAGE, STRING = "sensor_msgs/msg/Image", "std_msgs/msg/String"
BEST_EFFORT = Qos(reliable=False, depth=1)


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def image(number: int, size: int = 640 * 480 * 3) -> Any:
    """An image whose pixels follow from its number."""
    pixels = hashlib.shake_128(bytes([number])).digest(size)
    msg = message_class(IMAGE)(height=480, width=640, step=1920, encoding="rgb8", data=pixels)
    msg.header.stamp.sec, msg.header.frame_id = number, "camera"
    return msg


def wait(condition: Any, seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds} s in vain")
        time.sleep(0.005)


def images(domain: Domain, reliable: str, count: str) -> None:
    """Publishes numbered images once there is a reader."""
    writer = domain.writer("/image", IMAGE, Qos(reliable == "reliable", depth=20))
    wait(lambda: writer.matched() == 1)
    for number in range(int(count)):
        writer.write(serialize(image(number)))
        time.sleep(1 / 60)
    sys.stdin.readline()


def latched(domain: Domain) -> None:
    """Publishes two latched strings before anybody listens."""
    writer = domain.writer("/latched", STRING, LATCHED)
    for text in ("old", "new"):
        writer.write(serialize(message_class(STRING)(data=text)))
    say(published=2)
    sys.stdin.readline()


def burst(domain: Domain, count: str, reliable: str) -> None:
    """Publishes numbered strings as fast as it goes."""
    writer = domain.writer("/burst", STRING, Qos(reliable == "reliable", depth=int(count)))
    wait(lambda: writer.matched() == 1)
    for number in range(int(count)):
        writer.write(serialize(message_class(STRING)(data=str(number))))
    say(sent=int(count))
    sys.stdin.readline()


def flood(domain: Domain) -> None:
    """Publishes until it is killed."""
    writer = domain.writer("/flood", STRING, Qos())
    cdr = serialize(message_class(STRING)(data="x" * 1000))
    say(started=True)
    while True:
        writer.write(cdr)
        time.sleep(0.0002)


def server(domain: Domain) -> None:
    """Answers /set with what it was asked."""
    kind = service_class("std_srvs/srv/SetBool")
    came = threading.Event()
    served = domain.server("/set", "std_srvs/srv/SetBool", on_data=came.set)
    say(serving=True)
    while came.wait(15):
        came.clear()
        for request in served.take():
            asked = deserialize(request.cdr, kind.Request).data
            served.reply(request, serialize(kind.Response(success=asked, message=str(asked))))


def node(domain: Domain) -> None:
    """Is a node with a publisher, a subscriber, a service and a client."""
    mine = ("/peer", "other")
    domain.writer("/peer/out", IMAGE, BEST_EFFORT, node=mine)
    domain.reader("/peer/in", STRING, LATCHED, node=mine)
    domain.server("/peer/do", "std_srvs/srv/Trigger", node=mine)
    domain.client("/peer/ask", "std_srvs/srv/Trigger", node=mine)
    say(ready=True)
    sys.stdin.readline()


def listen(domain: Domain, *asked: str) -> None:
    """Listens on /heard0, /heard1 ... with a type and a reliability each; says what came."""
    readers = [domain.reader(f"/heard{i}", each.split(":")[0], Qos(each.endswith(":reliable")))
               for i, each in enumerate(asked)]
    say(listening=True)
    sys.stdin.readline()
    say(heard=[[len(reader.take()), reader.matched()] for reader in readers])


def leave_open(domain: Domain) -> None:
    """Ends while messages come and nothing is closed."""
    reader = domain.reader("/flood", STRING)
    reader.listen(lambda: reader.take())
    domain.writer("/unused", STRING)
    domain.server("/unused", "std_srvs/srv/Trigger", node=("/", "gone"))
    wait(lambda: reader.matched() == 1)
    time.sleep(0.2)


def main() -> None:
    role, *arguments = sys.argv[1:]
    domain = Domain(int(os.environ["PEER_DOMAIN"]) if "PEER_DOMAIN" in os.environ else None)
    globals()[role](domain, *arguments)
    if role != "leave_open":
        domain.close()


if __name__ == "__main__":
    main()
