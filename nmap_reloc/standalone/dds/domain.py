"""A participant in a ROS 2 domain, over Cyclone DDS."""

from __future__ import annotations

import atexit
import itertools
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.dds import names
from nmap_reloc.standalone.dds.config import (
    checked_domain_id,
    configuration,
    domain_id_from_environment,
)
from nmap_reloc.standalone.dds.discovery import Discovery, RawEndpoint
from nmap_reloc.standalone.dds.endpoints import Place, Reader, Writer
from nmap_reloc.standalone.dds.graph import Graph, Node
from nmap_reloc.standalone.dds.native import check, lib
from nmap_reloc.standalone.dds.qos import SERVICES, Qos, native_qos
from nmap_reloc.standalone.dds.services import Client, Server
from nmap_reloc.standalone.dds.waiter import Waiter
from nmap_reloc.standalone.typestore import known, type_hash

OnData = Callable[[], None]


@dataclass(frozen=True)
class Endpoint:
    """A publisher or subscriber in the domain. node: None where its node is not known;
    gid [16 bytes]; type_hash: RIHS01_..., or empty."""

    topic: str
    type_name: str
    node: Node | None
    qos: Qos
    gid: bytes
    type_hash: str


class Domain:
    """Makes writers, readers, clients and servers, and lists those of everybody.

    on_data is called from one thread, with no lock held, whenever something new has come; it
    should be quick. All methods may be called from any thread."""

    def __init__(self, domain_id: int | None = None) -> None:
        self.domain_id = (domain_id_from_environment() if domain_id is None
                          else checked_domain_id(domain_id))
        self._lock = threading.Lock()
        self._closed = False
        lossless = _ground.enter(self.domain_id)
        with native_qos(Qos(), "enclave=/;") as native:
            participant = lib.dds_create_participant(self.domain_id, native, None)
        if participant < 0:
            _ground.leave(self.domain_id)
        self._participant = check(participant, f"joining ROS domain {self.domain_id}")
        self._waiter = Waiter(self._participant)
        self._place = Place(self._participant, self._waiter, lossless, self._forget)
        self._discovery = Discovery(self._participant)
        self._graph = Graph(self._place)
        self._identities = itertools.count(1)
        _open_domains.add(self)

    @property
    def gid(self) -> bytes:
        """The participant's GUID [16 bytes]."""
        return self._graph.gid

    def writer(self, topic: str, type_name: str, qos: Qos | None = None, *,
               node: tuple[str, str] | None = None) -> Writer:
        """Publishes on a topic (/fully/qualified). node: (namespace, name) that it belongs to."""
        writer = Writer(self._at(topic), names.topic_name(topic), names.dds_type(type_name),
                        qos or Qos(), _type_data(type_name))
        self._attach(node, [], [writer.gid])
        return writer

    def reader(self, topic: str, type_name: str, qos: Qos | None = None,
               on_data: OnData | None = None, *, node: tuple[str, str] | None = None) -> Reader:
        """Subscribes to a topic. on_data: called when there is something to take, perhaps before
        this returns; Reader.listen sets it later."""
        reader = Reader(self._at(topic), names.topic_name(topic), names.dds_type(type_name),
                        qos or Qos(), _type_data(type_name), on_data)
        self._attach(node, [reader.gid], [])
        return reader

    def client(self, service: str, type_name: str, qos: Qos | None = None,
               on_data: OnData | None = None, *, node: tuple[str, str] | None = None) -> Client:
        """Calls a service. on_data: called when there are replies to take."""
        client = Client(self._at(service), service, type_name, qos or SERVICES, self._identity(),
                        on_data)
        self._attach(node, [client.reader.gid], [client.writer.gid])
        return client

    def server(self, service: str, type_name: str, qos: Qos | None = None,
               on_data: OnData | None = None, *, node: tuple[str, str] | None = None) -> Server:
        """Offers a service. on_data: called when there are requests to take."""
        server = Server(self._at(service), service, type_name, qos or SERVICES, self._identity(),
                        on_data)
        self._attach(node, [server.reader.gid], [server.writer.gid])
        return server

    def add_node(self, namespace: str, name: str) -> None:
        """Lists a node even before it has endpoints."""
        self._graph.add_node(Node(namespace, name))

    def remove_node(self, namespace: str, name: str) -> None:
        """Takes a node off the list."""
        self._graph.remove_node(Node(namespace, name))

    def topics(self) -> dict[str, list[str]]:
        """Types of each ROS topic that anybody writes or reads."""
        found: dict[str, set[str]] = {}
        for entry in self._discovery.writers() + self._discovery.readers():
            topic = names.ros_topic(entry.topic)
            if topic is not None:
                found.setdefault(topic, set()).add(names.ros_type(entry.type_name))
        return {topic: sorted(types) for topic, types in sorted(found.items())}

    def services(self) -> dict[str, list[str]]:
        """Types of each service that anybody offers or calls."""
        found: dict[str, set[str]] = {}
        for entry in self._discovery.writers() + self._discovery.readers():
            service = names.ros_service(entry.topic, entry.type_name)
            if service is not None:
                found.setdefault(service[0], set()).add(service[1])
        return {service: sorted(types) for service, types in sorted(found.items())}

    def publishers(self, topic: str | None = None) -> list[Endpoint]:
        """Who publishes on a topic; on any where none is named."""
        return self._endpoints(self._discovery.writers(), topic)

    def subscribers(self, topic: str | None = None) -> list[Endpoint]:
        """Who subscribes to a topic; to any where none is named."""
        return self._endpoints(self._discovery.readers(), topic)

    def servers(self) -> list[tuple[str, str, Node | None]]:
        """Name, type and node of each service that is offered: its request topic is read."""
        return self._callers(self._discovery.readers())

    def clients(self) -> list[tuple[str, str, Node | None]]:
        """Name, type and node of each service that is called: its request topic is written."""
        return self._callers(self._discovery.writers())

    def nodes(self) -> list[Node]:
        """(namespace, name) of all nodes of the domain; two of one name are listed twice."""
        return self._graph.nodes(self._discovery.participants())

    def close(self) -> None:
        """Leaves the domain with all that was made here. Safe to call again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._graph.close()
        self._waiter.close()
        lib.dds_delete(self._participant)
        _ground.leave(self.domain_id)
        _open_domains.discard(self)

    def _at(self, name: str) -> Place:
        if self._closed:
            raise NmapError(f"{name}: ROS domain {self.domain_id} has been left; join it anew")
        return self._place

    def _attach(self, node: tuple[str, str] | None, readers: list[bytes],
                writers: list[bytes]) -> None:
        if node is not None:
            self._graph.attach(Node(*node), readers, writers)

    def _forget(self, gid: bytes) -> None:
        self._graph.detach(gid)

    def _identity(self) -> str:
        """Names a client or server: the participant's prefix and a number, as rmw_cyclonedds."""
        number = next(self._identities).to_bytes(4, "big")
        first, *rest = self.gid[:12] + number
        return ".".join((f"{first:2x}".strip().zfill(2), *(f"{byte:x}" for byte in rest)))

    def _endpoints(self, entries: list[RawEndpoint], topic: str | None) -> list[Endpoint]:
        owners = self._graph.owners()
        found = []
        for entry in entries:
            name = names.ros_topic(entry.topic)
            if name is not None and topic in (None, name):
                found.append(Endpoint(name, names.ros_type(entry.type_name),
                                      owners.get(entry.gid), entry.qos, entry.gid,
                                      entry.type_hash))
        return found

    def _callers(self, entries: list[RawEndpoint]) -> list[tuple[str, str, Node | None]]:
        owners = self._graph.owners()
        found = []
        for entry in entries:
            service = names.ros_service(entry.topic, entry.type_name)
            if service is not None and entry.topic.startswith(names.REQUEST):
                found.append((*service, owners.get(entry.gid)))
        return found


class _Ground:
    """The DDS domains of this process, each configured once and left by its last participant."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._domains: dict[int, tuple[int, int, bool]] = {}  # handle, participants, lossless

    def enter(self, domain_id: int) -> bool:
        """Configures the domain unless it is in use here, or the environment configures it.

        Says whether what is lost on the way is to be repaired for best-effort readers, too."""
        with self._lock:
            handle, count, lossless = self._domains.get(domain_id, (0, 0, False))
            if count == 0:
                xml, lossless = configuration(domain_id)
                if xml:
                    handle = check(lib.dds_create_domain(domain_id, xml.encode()),
                                   f"configuring ROS domain {domain_id}")
            self._domains[domain_id] = (handle, count + 1, lossless)
            return lossless

    def leave(self, domain_id: int) -> None:
        """Ends the domain with its last participant."""
        with self._lock:
            handle, count, lossless = self._domains.pop(domain_id)
            if count > 1:
                self._domains[domain_id] = (handle, count - 1, lossless)
            elif handle:
                lib.dds_delete(handle)


def _type_data(type_name: str) -> str:
    """USER_DATA of an endpoint. A type without a known definition is carried without a hash."""
    return f"typehash={type_hash(type_name)};" if known(type_name) else ""


@atexit.register
def _close_all() -> None:
    """DDS threads must not meet an interpreter that is half gone."""
    for domain in list(_open_domains):
        domain.close()


_ground = _Ground()
_open_domains: weakref.WeakSet[Domain] = weakref.WeakSet()
