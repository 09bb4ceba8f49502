"""Names of topics, services and nodes: what is valid, and how a short name becomes a full one.

The rules and the messages are those of rcl and rmw.
"""

from __future__ import annotations

import re

TOPIC_CHARACTERS = "alphanumerics, '_', '~', '{', or '}'"
MOST_FULL = 255 - 8  # DDS allows 255 characters, the longest prefix and suffix of ROS take 8
MOST_NODE = 255

Flaw = tuple[str, int]  # what is wrong, and the index of the character


def topic_flaw(name: str) -> Flaw | None:
    """What is wrong with a topic or service name that is not expanded yet."""
    if not name:
        return "topic name must not be empty string", 0
    if name[0].isdigit():
        return "topic name token must not start with a number", 0
    if name[-1] == "/":
        return "topic name must not end with a forward slash", len(name) - 1
    flaw = _character_flaw(name)
    if flaw is not None:
        return flaw
    if name.startswith("~") and len(name) > 1 and name[1] != "/":
        return ("topic name must not have a tilde '~' that is not followed by a forward slash "
                "'/'"), 1
    number = re.search(r"/(?=\d)", name)
    return ("topic name token must not start with a number", number.end()) if number else None


def _character_flaw(name: str) -> Flaw | None:
    opened: int | None = None  # index of an open curly brace
    for i, character in enumerate(name):
        if character == "_" or (character.isascii() and character.isalnum()):
            if opened == i - 1 and character.isdigit():
                return "substitution name must not start with a number", i
        elif opened is not None and character != "}":
            return ("substitution name must not contain characters other than alphanumerics or "
                    "'_'"), i
        elif character == "~":
            if i:
                return "topic name must not have tilde '~' unless it is the first character", i
        elif character == "{":
            opened = i
        elif character == "}":
            if opened is None:
                return "topic name must not have unmatched (unbalanced) curly braces '{}'", i
            opened = None
        elif character != "/":
            return f"topic name must not contain characters other than {TOPIC_CHARACTERS}", i
    if opened is not None:
        return "topic name must not have unmatched (unbalanced) curly braces '{}'", opened
    return None


def full_topic_flaw(name: str, thing: str = "topic name") -> Flaw | None:
    """What is wrong with a fully qualified name."""
    if not name:
        return f"{thing} must not be empty", 0
    if name[0] != "/":
        return f"{thing} must be absolute, it must lead with a '/'", 0
    if name[-1] == "/":
        tail = ", unless only a '/'" if thing == "namespace" else ""
        return f"{thing} must not end with a '/'{tail}", len(name) - 1
    for pattern, what in ((r"[^A-Za-z0-9_/]",
                           "must not contain characters other than alphanumerics, '_', or '/'"),
                          (r"(?<=/)/", "must not contain repeated '/'"),
                          (r"(?<=/)\d", "must not have a token that starts with a number")):
        found = re.search(pattern, name)
        if found:
            return f"{thing} {what}", found.start()
    if len(name) > MOST_FULL:
        return f"topic length should not exceed '{MOST_FULL}'", MOST_FULL - 1
    return None


def namespace_flaw(name: str) -> Flaw | None:
    """What is wrong with an absolute namespace."""
    return None if name == "/" else full_topic_flaw(name, "namespace")


def node_name_flaw(name: str) -> Flaw | None:
    """What is wrong with a node's name."""
    if not name:
        return "node name must not be empty", 0
    found = re.search(r"[^A-Za-z0-9_]", name)
    if found:
        return ("node name must not contain characters other than alphanumerics or '_'",
                found.start())
    if name[0].isdigit():
        return "node name must not start with a number", 0
    if len(name) > MOST_NODE:
        return f"node name length should not exceed '{MOST_NODE}'", MOST_NODE - 1
    return None


def join(namespace: str, name: str) -> str:
    """A namespace and a name within it -> the full name."""
    return f"/{name}" if namespace == "/" else f"{namespace}/{name}"


def expand(topic: str, node: str, namespace: str) -> str:
    """~, {node}, {ns}, {namespace} and relative names -> the full name.

    ValueError for an invalid topic, node or namespace, and for an unknown substitution.
    """
    for flaw, thing in ((topic_flaw(topic), f"topic name is invalid: '{topic}'"),
                        (node_name_flaw(node), f"node name is invalid: '{node}'"),
                        (namespace_flaw(namespace), f"namespace is invalid: '{namespace}'")):
        if flaw is not None:
            raise ValueError(f"{thing}: {flaw[0]}")
    known = {"node": node, "ns": namespace, "namespace": namespace}

    def substitute(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ValueError(f"unknown substitution: {match[0]}")
        return known[match[1]]

    if topic.startswith("~"):
        topic = join(namespace, node) + topic[1:]
    topic = re.sub(r"\{(\w*)\}", substitute, topic)
    return topic if topic.startswith("/") else join(namespace, topic)
