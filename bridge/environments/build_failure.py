"""Finds the reason why pip could not build an environment, in the output of pip."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from bridge.environments.conda import package_name

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
"""The artifact path of the log of a build.

Source: Azure ML SDK v1. It has the log of an image build at this path among the logs of a run.
"""

SEE_LOG = f"; see the log {BUILD_LOG}"
"""The message about a failed build ends with these words, if the log of a run contains the output of the build."""

COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
FAILED = re.compile(r"ERROR: Failed building wheel for (\S+)|ERROR: Failed to build '([^']+)'.*")
AT = re.compile(r"(?:Collecting|Processing|Obtaining) (\S+)(?: \(from .*)?")
COMPLETE = re.compile(r"ERROR: ((?:Could not find a version that satisfies the requirement|Cannot install) .+)")
"""Matches lines that name both the package and the cause."""
UNREACHABLE = re.compile(r"WARNING: Retrying .* after connection broken by .*")
EXCEPTION = re.compile(
    r"(?:[\w.]+\.)?\w*(?:Error|Exception|Failed|Unavailable|Unsupported)\w*: .+|(?:fatal )?error: .+"
)
PIPS_OWN = re.compile(
    r"error: (?:subprocess-exited-with-error|metadata-generation-failed|legacy-install-failure|subprocess-.*)"
    r"|note: .*|hint: .*|ERROR: (?:No matching distribution found|Failed|ResolutionImpossible).*"
)
"""Matches lines in which pip reports a failure without its reason."""
CAUSE_LENGTH = 300
LINES_OF_FAILURE = 400
"""The number of lines at the end of the output in which the cause is searched."""


def build_cause(lines: Iterable[str]) -> str:
    """Return why a build failed: the package that pip was installing, and the line of the output with the reason.

    Args:
        lines: the output of the build.
    """
    plain = [COLOURS.sub("", line).strip(" \t\r\n│╰─>×") for line in lines]
    if complete := _last(COMPLETE, plain):
        away = ", and the package index could not be reached" if _last(UNREACHABLE, plain) else ""
        return _shortened(complete[1].rstrip(".")) + away
    package, reason = _package(plain), _reason(plain)
    return _shortened(f"{package}: {reason}" if package else reason)


def _package(lines: Sequence[str]) -> str | None:
    """Return the requirement that failed.

    If pip reports none, return the last requirement that pip collected; None if pip collected none.
    """
    looked_at = [os.path.basename(found[1]) for line in lines if (found := AT.fullmatch(line))]
    failed = _last(FAILED, lines)
    if failed is None:
        return looked_at[-1] if looked_at else None
    name = str(failed[failed.lastindex or 1])
    return next((each for each in reversed(looked_at) if package_name(each) == name.lower()), name)


def _reason(lines: Sequence[str]) -> str:
    """Return the last line that names an error; if no line does, the last line."""
    said = [line for line in lines if line and not PIPS_OWN.fullmatch(line)]
    named = [line for line in said if EXCEPTION.fullmatch(line) or line.startswith("ERROR: ")]
    last = (named or said or ["pip printed no message"])[-1]
    return last.removeprefix("ERROR: ").rstrip(".")


def _last(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((found for line in reversed(lines) if (found := pattern.fullmatch(line))), None)


def _shortened(text: str) -> str:
    return text if len(text) <= CAUSE_LENGTH else text[: CAUSE_LENGTH - 1] + "…"
