"""Which node has which endpoints: what `ros2 node list` and `ros2 node info` show."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.dds.endpoints import Place, Reader, Writer
from nmap_reloc.standalone.dds.names import dds_type
from nmap_reloc.standalone.dds.native import guid_of
from nmap_reloc.standalone.dds.qos import LATCHED, Qos
from nmap_reloc.standalone.messages import deserialize, message_class, serialize
from nmap_reloc.standalone.typestore import type_hash

TOPIC = "ros_discovery_info"
TYPE = "rmw_dds_common/msg/ParticipantEntitiesInfo"


class Node(NamedTuple):
    """A node's full name in two parts."""

    namespace: str
    name: str


class Graph:
    """Tells the domain of our nodes and remembers what others told.

    A participant's nodes and the GIDs of their endpoints travel as one latched message."""

    def __init__(self, place: Place) -> None:
        self.gid = guid_of(place.participant)
        self._message, self._node, self._gid = (
            message_class(f"rmw_dds_common/msg/{name}")
            for name in ("ParticipantEntitiesInfo", "NodeEntitiesInfo", "Gid"))
        self._lock = threading.Lock()
        self._own: dict[Node, tuple[list[bytes], list[bytes]]] = {}
        self._others: dict[bytes, dict[Node, tuple[set[bytes], set[bytes]]]] = {}
        self._closed = False
        data = f"typehash={type_hash(TYPE)};"
        self._writer = Writer(place, TOPIC, dds_type(TYPE), LATCHED, data, ignore_local=True)
        everything = Qos(reliable=True, transient_local=True, depth=0)
        self._reader = Reader(
            place, TOPIC, dds_type(TYPE), everything, data, None, ignore_local=True)
        self._reader.listen(self._hear)  # not before the reader is ours to take from

    def add_node(self, node: Node) -> None:
        """Lists a node; no harm where it is listed already."""
        with self._lock:
            if node not in self._own:
                self._own[node] = ([], [])
                self._publish()

    def remove_node(self, node: Node) -> None:
        """Takes a node off the list."""
        with self._lock:
            if self._own.pop(node, None) is not None:
                self._publish()

    def attach(self, node: Node, readers: list[bytes], writers: list[bytes]) -> None:
        """Says that endpoints belong to a node, which is listed if it is not yet."""
        with self._lock:
            owned = self._own.setdefault(node, ([], []))
            owned[0].extend(readers)
            owned[1].extend(writers)
            self._publish()

    def detach(self, gid: bytes) -> None:
        """Forgets an endpoint that closes."""
        with self._lock:
            holding = [gids for owned in self._own.values() for gids in owned if gid in gids]
            for gids in holding:
                gids.remove(gid)
            if holding:
                self._publish()

    def nodes(self, alive: set[bytes]) -> list[Node]:
        """Our nodes, and those of the participants that are alive."""
        with self._lock:
            found = list(self._own)
            for participant in alive & self._others.keys():
                found.extend(self._others[participant])
        return sorted(found)

    def owners(self) -> dict[bytes, Node]:
        """The node of each endpoint whose node is known, by GID."""
        found: dict[bytes, Node] = {}
        with self._lock:
            for known in self._others.values():
                for node, others in known.items():
                    found.update((gid, node) for gids in others for gid in gids)
            for node, owned in self._own.items():
                found.update((gid, node) for gids in owned for gid in gids)
        return found

    def close(self) -> None:
        """Says nothing any more; the participant's end takes its nodes off the lists."""
        with self._lock:
            self._closed = True

    def _publish(self) -> None:
        if self._closed:
            return
        info: Any = self._message()
        info.gid = self._as_gid(self.gid)
        info.node_entities_info_seq = [
            self._node(
                node_namespace=node.namespace, node_name=node.name,
                reader_gid_seq=[self._as_gid(gid) for gid in readers],
                writer_gid_seq=[self._as_gid(gid) for gid in writers])
            for node, (readers, writers) in self._own.items()]
        self._writer.write(serialize(info))

    def _as_gid(self, gid: bytes) -> Any:
        return self._gid(data=list(gid))

    def _hear(self) -> None:
        for sample in self._reader.take():
            try:
                info = deserialize(sample.cdr, self._message)
            except NmapError:
                continue  # a ROS 2 older than Iron, whose GIDs are longer: its nodes stay unknown
            nodes = {
                Node(each.node_namespace, each.node_name): (
                    {gid.data.tobytes() for gid in each.reader_gid_seq},
                    {gid.data.tobytes() for gid in each.writer_gid_seq})
                for each in info.node_entities_info_seq}
            with self._lock:
                self._others[info.gid.data.tobytes()] = nodes
