"""``nmap-reloc topic``"""

from __future__ import annotations

from typing import Annotated

import typer

from nmap_reloc.errors import NmapError

Topic = Annotated[str, typer.Argument(help="Name of the topic.")]


def list_topics(
    types: Annotated[bool, typer.Option("--show-types", "-t", help="With their types.")] = False,
) -> None:
    """Print the topics that are published or subscribed."""
    from nmap_reloc.standalone.verbs import topic

    topic.list_topics(types)


def info(
    name: Topic,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Nodes and QoS.")] = False,
) -> None:
    """Print a topic's type, and how many publish and subscribe it."""
    from nmap_reloc.standalone.verbs import topic

    topic.info(name, verbose)


def echo(
    name: Topic,
    once: Annotated[bool, typer.Option("--once", help="Only the next message.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="Only so many "
                                              "messages.")] = None,
    field: Annotated[str | None, typer.Option(help="Only this field, such as "
                                              "pose.pose.position.")] = None,
    no_arr: Annotated[bool, typer.Option("--no-arr", help="Of arrays only the size.")] = False,
    full_length: Annotated[bool, typer.Option("--full-length", "-f", help="Don't cut long arrays "
                                              "and texts.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Give up when nothing comes within so many "
                                                  "seconds.")] = None,
) -> None:
    """Print a topic's messages until Ctrl-C."""
    from nmap_reloc.standalone.verbs import topic

    topic.echo(name, count=1 if once else count, field=field, arrays=not no_arr, full=full_length,
               timeout=timeout)


def hz(
    name: Topic,
    window: Annotated[int, typer.Option("--window", "-w", min=2, help="Messages that the average "
                                        "is over.")] = 10000,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="Only so many "
                                              "reports.")] = None,
) -> None:
    """Print every second how often messages arrive, until Ctrl-C."""
    from nmap_reloc.standalone.verbs import topic

    topic.rate(name, window, count)


def pub(
    name: Topic,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="Such as std_msgs/msg/String.")],
    values: Annotated[str, typer.Argument(help="Fields as YAML, such as '{data: hello}'.")] = "{}",
    once: Annotated[bool, typer.Option("--once", "-1", help="Once (the default).")] = False,
    times: Annotated[int, typer.Option("--times", "-t", min=1, help="How often.")] = 1,
    rate: Annotated[float, typer.Option("--rate", "-r", help="Messages per second.")] = 1.0,
    wait: Annotated[float, typer.Option("--wait", "-w", min=0.0, help="Seconds to wait for a "
                                        "subscriber; 0: publish at once.")] = 10.0,
    latched: Annotated[bool, typer.Option("--latched", help="Transient local.")] = False,
) -> None:
    """Publish a message."""
    from nmap_reloc.standalone.verbs import topic

    if rate <= 0:
        raise NmapError(f"--rate {rate:g}: give a number above 0")
    topic.publish(name, kind, values, times=1 if once else times, hertz=rate, wait=wait,
                  latched=latched)
