"""ROS 2's topics, services and graph on DDS, as CDR: no message classes, no nodes, no executor."""

from nmap_reloc.standalone.dds.domain import Domain, Endpoint
from nmap_reloc.standalone.dds.endpoints import Reader, Sample, Writer
from nmap_reloc.standalone.dds.graph import Node
from nmap_reloc.standalone.dds.qos import LATCHED, SERVICES, Qos
from nmap_reloc.standalone.dds.services import Client, Reply, Request, Server

__all__ = [
    "LATCHED", "SERVICES", "Client", "Domain", "Endpoint", "Node", "Qos", "Reader", "Reply",
    "Request", "Sample", "Server", "Writer",
]
