"""The numbers that decide between plans, and how much one statement reads."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The numbers that decide between plans. Tests use small ones, so that a few runs suffice for each plan.

    Attributes:
        narrow: up to this number of runs, all runs in the narrowest range are looked at, and the order is not walked.
        budget: a walk along the order looks at this number of runs, before the ranges of the filter are read instead.
            It ends earlier if the runs that it has found show that the number does not suffice.
        lookup: the number of runs of an index that are read in the time in which one value of a run is looked up.
        worth: how many times as many runs as the narrowest range a range may have, so that it is read. Reading it costs
            less than looking up and checking the runs that are not in it.
        first: the number of runs in the first step of a walk. Each step has twice as many as the one before.
        longest: the greatest number of runs in a step of a walk whose runs are checked.
        most: the greatest number of runs that one statement reads or checks, so that Ctrl-C ends a search soon.
        ties: up to this number, all runs with an equal value are read together. More are read by their start times.
        parts: the greatest number of parts of an index that a walk merges: of experiments and lifecycle stages.
    """

    narrow: int = 2_000
    budget: int = 8_000
    lookup: int = 12
    worth: int = 12
    first: int = 250
    longest: int = 1_000
    most: int = 4_000
    ties: int = 4_000
    parts: int = 50


LIMITS = Limits()
