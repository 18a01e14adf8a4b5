"""The findings of a check: what is wrong in a workspace, what it means, and what repairs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning", "note"]

REPAIR = "`runbridge doctor --repair` "
BACKUP = "Restore a backup that was made before the damage."


class Rule(NamedTuple):
    """The meaning of a code, the same for all findings with this code.

    `meaning` states the effect on users, and `remedy` what repairs it.
    `repairable` states whether `repair` can do this. A single finding may still be an exception.
    """

    severity: Severity
    meaning: str
    remedy: str
    repairable: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a workspace.

    `subject` names the damaged thing, and `problem` states what is wrong with it, in one sentence.
    `target` has the values with which the fix finds the damaged thing. It is not shown.
    `repairable` and `remedy` are those of the rule, unless this finding is an exception.
    """

    code: str
    subject: str
    problem: str
    target: tuple[Any, ...] = ()
    repairable: bool = False
    remedy: str = ""

    @property
    def severity(self) -> Severity:
        """How bad the fault is: an error, a warning or a note."""
        return RULES[self.code].severity

    @property
    def meaning(self) -> str:
        """The effect on users."""
        return RULES[self.code].meaning

    def as_json(self) -> dict[str, Any]:
        """Return the finding as values of JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "subject": self.subject,
            "problem": self.problem,
            "meaning": self.meaning,
            "remedy": self.remedy,
            "repairable": self.repairable,
        }


def found(code: str, subject: str, problem: str, *target: Any, otherwise: str = "") -> Finding:
    """Return a finding.

    Args:
        code: a key of `RULES`.
        subject: the damaged thing.
        problem: what is wrong with it.
        target: the values with which a fix finds it.
        otherwise: the remedy of a finding that cannot be repaired, although its rule states that it can.
    """
    rule = RULES[code]
    return Finding(code, subject, problem, target, rule.repairable and not otherwise, otherwise or rule.remedy)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Return whether none of the findings is an error or a warning."""
    return all(finding.severity == "note" for finding in findings)


RULES: dict[str, Rule] = {
    "check.failed": Rule(
        "error", "Nothing is known about this part of the workspace.", "Remove the cause, and check again.", False
    ),
    "database.unreadable": Rule(
        "error",
        "No experiment, run or folded point can be read.",
        "Restore a backup. The journals and the artifacts are still there.",
        False,
    ),
    "database.damaged": Rule("error", "Some rows may be missing or wrong, and calls may raise errors.", BACKUP, False),
    "database.index": Rule(
        "error", "Searches and look-ups may miss rows.", REPAIR + "builds the index again from its table.", True
    ),
    "schema.newer": Rule("error", "This version of Runbridge cannot read the workspace.", "Upgrade Runbridge.", False),
    "schema.older": Rule(
        "warning",
        "The next process that opens the workspace for writing upgrades it.",
        REPAIR + "upgrades the database now.",
        True,
    ),
    "schema.half": Rule(
        "error",
        "An upgrade has stopped halfway, so no process can open the workspace.",
        REPAIR + "removes the unfinished part of the upgrade, and upgrades again.",
        True,
    ),
    "schema.missing": Rule(
        "error",
        "Calls that need it raise errors, or become slow.",
        REPAIR + "creates it again, and fills it from other tables.",
        True,
    ),
    "schema.differs": Rule("error", "Calls that need it may raise errors.", BACKUP, False),
    "schema.extra": Rule(
        "note", "Runbridge ignores it.", "Remove it with SQLite's shell if no other program needs it.", False
    ),
    "experiment.missing": Rule(
        "error",
        "The runs of the experiment are shown nowhere.",
        REPAIR + "creates an experiment with this id and the name `recovered-<id>`.",
        True,
    ),
    "experiment.counter": Rule(
        "error", "The next run gets a number that another run has.", REPAIR + "sets the counter.", True
    ),
    "run.status": Rule("error", "The run cannot be read.", BACKUP, False),
    "run.hidden": Rule(
        "note",
        "A permanent deletion was interrupted. Its rows still take space.",
        REPAIR + "finishes the deletion.",
        True,
    ),
    "row.orphan": Rule(
        "error",
        "The rows belong to nothing that can be read, and a later row may seem to own them.",
        REPAIR + "moves them to the folder of the repair.",
        True,
    ),
    "change.behind": Rule(
        "error", "Pages and notebooks that show the workspace miss changes.", REPAIR + "raises the counter.", True
    ),
    "name.missing": Rule(
        "error",
        "Reads of the run miss this value, or raise errors.",
        REPAIR + "gives it the name `recovered-<id>`, because the former name is lost.",
        True,
    ),
    "name.wrong": Rule("error", "The value is shown under a wrong name, or nowhere.", BACKUP, False),
    "label.prefix": Rule("error", "Searches for this value miss the run.", REPAIR + "computes it again.", True),
    "label.number": Rule(
        "error", "The order of params and tags is wrong, and new ones may fail.", REPAIR + "counts them again.", True
    ),
    "series.facts": Rule(
        "error",
        "Tables, charts and searches show a wrong value. The points themselves are right.",
        REPAIR + "computes it again from the points.",
        True,
    ),
    "series.index": Rule(
        "error", "Searches for the latest value miss the run.", REPAIR + "brings the value into the index.", True
    ),
    "series.blocks": Rule(
        "warning", "The points are compressed too late or too often.", REPAIR + "counts the blocks again.", True
    ),
    "series.lost": Rule("error", "Points that were stored under this key are gone.", BACKUP, False),
    "chunk.damaged": Rule("error", "The points of the chunk cannot be read, or have wrong values.", BACKUP, False),
    "chunk.newer": Rule("error", "This version of Runbridge cannot read the points.", "Upgrade Runbridge.", False),
    "chunk.facts": Rule(
        "error",
        "Charts show a wrong range. The points themselves are right.",
        REPAIR + "computes the facts again from the points.",
        True,
    ),
    "chunk.sum": Rule(
        "note",
        "The last digits of a value may have changed, or a processor of another kind has computed the sum.",
        "Nothing has to be done if the workspace was copied from another kind of computer.",
        False,
    ),
    "block.damaged": Rule("error", "The points of the block cannot be read, or have wrong values.", BACKUP, False),
    "block.count": Rule("error", "Reads of the series raise errors.", REPAIR + "counts the points again.", True),
    "points.order": Rule("error", "Readers may return points in a wrong order or twice.", BACKUP, False),
    "counter.wrong": Rule(
        "error",
        "The next points of the key get positions that other points have, or leave a gap.",
        REPAIR + "sets the counter to the position after the last point.",
        True,
    ),
    "counter.missing": Rule(
        "error",
        "The next points of the key get positions that other points have.",
        REPAIR + "creates the counter again.",
        True,
    ),
    "journal.damaged": Rule(
        "error",
        "The records in these bytes are lost, unless they were folded before. All other records can be read.",
        REPAIR + "folds all readable records, and moves the journal to the folder of the repair.",
        True,
    ),
    "journal.header": Rule(
        "error",
        "No record of the journal can be read, because both copies of its header are damaged.",
        REPAIR + "moves the journal to the folder of the repair.",
        True,
    ),
    "journal.copy": Rule(
        "warning",
        "Everything can still be read, because the other copy of the header is intact.",
        REPAIR + "folds the journal, and removes it.",
        True,
    ),
    "journal.torn": Rule(
        "warning",
        "The log call of the incomplete record had not returned. No other record is affected.",
        REPAIR + "folds all complete records, and removes the journal.",
        True,
    ),
    "journal.empty": Rule(
        "warning", "No log call had returned for a point in it.", REPAIR + "removes it after a copy.", True
    ),
    "journal.newer": Rule(
        "warning",
        "A newer version of Runbridge has written it. Its points are not visible here.",
        "Upgrade Runbridge.",
        False,
    ),
    "journal.foreign": Rule(
        "warning",
        "It belongs to another workspace, so its points are not visible here.",
        "Move the file to the folder `journal` of its workspace.",
        False,
    ),
    "journal.unreadable": Rule("error", "Its points cannot be read.", "Give this user read access to the file.", False),
    "journal.unfolded": Rule(
        "note",
        "Its process has ended, and no process has read the workspace afterwards.",
        REPAIR + "folds it. The next read of the workspace does the same.",
        True,
    ),
    "journal.kept": Rule(
        "note",
        "All readable points of the damaged journal are stored. The file only serves to examine the damage.",
        REPAIR + "moves it to the folder of the repair.",
        True,
    ),
    "receipt.wrong": Rule(
        "error",
        "New points of the journal may be skipped, or stored twice.",
        REPAIR + "compares the journal with the stored points, and sets the receipt after the last stored one.",
        True,
    ),
    "lease.stale": Rule(
        "warning",
        "The run looks as if it were active, although the process that owns it has ended.",
        REPAIR + "sets the run to Failed. The next read of the workspace does the same.",
        True,
    ),
    "artifact.missing": Rule(
        "error",
        "The file is listed, but its content cannot be read.",
        REPAIR + "restores it if another artifact has the same content.",
        True,
    ),
    "artifact.size": Rule(
        "error", "Lists show a wrong size. The content is right.", REPAIR + "corrects the size in the index.", True
    ),
    "artifact.content": Rule(
        "error",
        "The file is not the one that was stored.",
        REPAIR + "restores it if another artifact has the same content.",
        True,
    ),
    "artifact.short": Rule("error", "The end of a growing file, such as a log, is lost.", BACKUP, False),
    "artifact.orphan": Rule(
        "warning",
        "The file takes space, and no API shows it. An upload or a deletion was interrupted, or it was copied here.",
        REPAIR + "moves it to the folder of the repair.",
        True,
    ),
    "companion.damaged": Rule(
        "error", "Traces, models and other objects of MLflow may be missing or wrong.", BACKUP, False
    ),
    "companion.missing": Rule("error", "Runs refer to models that cannot be read.", BACKUP, False),
    "leftover.upload": Rule(
        "note",
        "An upload or a deletion was interrupted. No reader sees its files, but they take space.",
        REPAIR + "removes them. The next upload does the same.",
        True,
    ),
    "leftover.part": Rule(
        "note",
        "A process was killed while it created a file. No reader sees it, but it takes space.",
        REPAIR + "moves it to the folder of the repair.",
        True,
    ),
    "permission.denied": Rule(
        "error", "This user cannot read or write the workspace.", "Let the owner change the permissions.", False
    ),
    "permission.group": Rule(
        "error",
        "Other members of the group cannot write to the shared workspace.",
        REPAIR + "gives the group access.",
        True,
    ),
    "permission.world": Rule(
        "warning", "Every user of the computer can change it.", REPAIR + "takes write access from all others.", True
    ),
    "space.low": Rule(
        "warning", "Log calls soon keep their points in memory, and other calls fail.", "Free space on the disk.", False
    ),
    "space.inodes": Rule(
        "warning", "New files, such as journals and artifacts, soon fail.", "Remove files from the file system.", False
    ),
    "clock.future": Rule(
        "note",
        "Charts over time end in the future, and the order of runs by time is wrong.",
        "Check the clock of the computer that logged them. The times are kept as they were logged.",
        False,
    ),
    "clock.behind": Rule(
        "warning",
        "New points and runs get times before those that already exist.",
        "Set the clock of this computer.",
        False,
    ),
    "filesystem.network": Rule(
        "warning",
        "SQLite's write-ahead log works only if all processes run on one computer.",
        "Move the workspace to a local disk.",
        False,
    ),
    "filesystem.locks": Rule(
        "error", "Only one process at a time may write.", "Move the workspace to another file system.", False
    ),
    "filesystem.links": Rule(
        "note",
        "Damaged journals are not kept under a second name.",
        "Nothing has to be done; another file system has hard links.",
        False,
    ),
    "filesystem.sync": Rule(
        "warning", "Points may be lost in a power failure.", "Move the workspace to another file system.", False
    ),
}
"""The rule of each code."""
