"""The one exception of the package: something a person can act on."""


class NmapError(Exception):
    """A problem in what the user gave, said in one line.

    The message names the thing, its value and the remedy, in this shape:
    ``<file or setting> <value>: <what is wrong>; <what to do>``. The command line prints it
    after ``error:`` and exits with 1; the node reports it in diagnostics and keeps running.
    """
