"""The one exception of the package, something a person can act on, and the errors of others."""


class NmapError(Exception):
    """A problem in what the user gave, said in one line.

    The message names the thing, its value and the remedy, in this shape:
    ``<file or setting> <value>: <what is wrong>; <what to do>``. The command line prints it
    after ``error:`` and exits with 1; the node reports it in diagnostics and keeps running.
    """


def one_line(problem: object, most: int | None = 160) -> str:
    """What an error of somebody else's says, for a message of ours; most: characters."""
    return " ".join(str(problem).split())[:most]
