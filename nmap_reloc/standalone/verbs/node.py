"""``nmap-reloc node``: which nodes run, and what they have."""

from __future__ import annotations

from nmap_reloc.standalone.verbs.session import find_node, node_names, session, settle

PARTS = (("Subscribers", "get_subscriber_names_and_types_by_node"),
         ("Publishers", "get_publisher_names_and_types_by_node"),
         ("Service Servers", "get_service_names_and_types_by_node"),
         ("Service Clients", "get_client_names_and_types_by_node"))


def list_nodes(hidden: bool) -> None:
    """Print the names of running nodes."""
    with session("node") as node:
        print(*settle(node, lambda: sorted(node_names(node, hidden))), sep="\n")


def info(name: str) -> None:
    """Print what a node subscribes, publishes, offers and uses."""
    with session("node") as node:
        full = find_node(node, name)
        namespace, _, base = full.rpartition("/")
        found = settle(node, lambda: [getattr(node, method)(base, namespace or "/")
                                      for _, method in PARTS])
        print(full)
        for (title, _), entries in zip(PARTS, found):
            print(f"  {title}:")
            for topic, kinds in sorted(entries):
                print(f"    {topic}: {', '.join(kinds)}")
