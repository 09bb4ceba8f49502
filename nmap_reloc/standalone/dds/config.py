"""Where a participant listens: the loopback interface alone, unless the environment says else."""

from __future__ import annotations

import os

from nmap_reloc.errors import NmapError

MOST_DOMAINS = 232
MOST_PARTICIPANTS = 120  # the ports of one more would be those of the next domain
LAST_PORT = 65535
RANGES = ("LOCALHOST", "SUBNET", "SYSTEM_DEFAULT", "OFF")

# Datagrams as large as UDP carries; a receive buffer for some images where the kernel allows; and
# what was lost is asked for again at once: nothing on the loopback interface is late.
LOOPBACK = """
  <General>
    <Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces>
    <AllowMulticast>false</AllowMulticast>
    <MaxMessageSize>65500B</MaxMessageSize>
    <FragmentSize>65000B</FragmentSize>
  </General>
  <Internal>
    <SocketReceiveBufferSize max="8MiB"/>
    <NackDelay>5ms</NackDelay>
    <HeartbeatInterval min="5ms" minsched="5ms" max="8s">20ms</HeartbeatInterval>
  </Internal>
"""
_SUBNET = "<Internal><SocketReceiveBufferSize max=\"8MiB\"/></Internal>"


def domain_id_from_environment() -> int:
    """ROS_DOMAIN_ID, 0 where it is not set."""
    text = os.environ.get("ROS_DOMAIN_ID", "").strip() or "0"
    try:
        return checked_domain_id(int(text))
    except ValueError:
        raise NmapError(_wrong_domain(text)) from None


def checked_domain_id(domain_id: int) -> int:
    """domain_id, or NmapError where it is none."""
    if not 0 <= domain_id <= MOST_DOMAINS:
        raise NmapError(_wrong_domain(str(domain_id)))
    return domain_id


def _wrong_domain(text: str) -> str:
    return (f"ROS_DOMAIN_ID {text}: not a domain; set it to a whole number from 0 to "
            f"{MOST_DOMAINS}")


def discovery_range() -> str:
    """LOCALHOST (the default), SUBNET, SYSTEM_DEFAULT or OFF."""
    if os.environ.get("ROS_LOCALHOST_ONLY", "") == "1":
        return "LOCALHOST"
    name = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "").strip().upper() or "LOCALHOST"
    if name not in RANGES:
        raise NmapError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE {name}: not known; use one of {', '.join(RANGES)}")
    return name


def configuration(domain_id: int) -> tuple[str, bool]:
    """Cyclone DDS's XML for a domain (empty where CYCLONEDDS_URI or its own defaults rule), and
    whether all is on the loopback interface by our own choice."""
    chosen = discovery_range()
    if os.environ.get("CYCLONEDDS_URI") or chosen == "SYSTEM_DEFAULT":
        return "", False
    local = chosen != "SUBNET"
    body = LOOPBACK + _discovery(domain_id, chosen) if local else _SUBNET
    return f"<CycloneDDS><Domain>{body}</Domain></CycloneDDS>", local


def _discovery(domain_id: int, chosen: str) -> str:
    """Without multicast, participants find each other by knocking at each other's ports."""
    most = min(MOST_PARTICIPANTS, (LAST_PORT - 7400 - 250 * domain_id - 11) // 2 + 1)
    index = (f"<ParticipantIndex>auto</ParticipantIndex>"
             f"<MaxAutoParticipantIndex>{most - 1}</MaxAutoParticipantIndex>")
    if chosen == "OFF":
        return f"<Discovery>{index}<Tag>off_{os.getpid()}</Tag></Discovery>"
    return f'<Discovery>{index}<Peers><Peer address="localhost"/></Peers></Discovery>'
