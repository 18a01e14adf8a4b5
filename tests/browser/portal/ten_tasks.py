"""Ten tasks on our page and on MLflow's UI, on the same workspace: clicks, keys and seconds.

Run it as `python tests/browser/portal/ten_tasks.py`. It writes `docs/portal_compared.md`, and pictures of the answers
into `docs/pictures/`. A key is one press, also within a text. A scroll to a part of the page counts as a click.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "mlflow" / "harness"), str(ROOT)]

from chromium import find_chromium  # noqa: E402
from compared_runs import FAILED, fill_compared, logging_points  # noqa: E402
from playwright.sync_api import Locator, Page, expect, sync_playwright  # noqa: E402
from portal_site import portal_site  # noqa: E402

from bridge import Workspace  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
PATIENCE_MS = 40_000
OPEN_SECONDS = 10.0
"""The seconds after which a page that shows no new point is reloaded."""

REMEMBERED = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.detectIssues.guidanceShown_v1", "true");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""


@dataclass
class Hand:
    """A person at a page, whose clicks and keys are counted."""

    page: Page
    home: str
    ids: dict[str, str]
    workspace: Workspace
    clicks: int = 0
    keys: int = 0
    started: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Start to count."""
        self.clicks, self.keys, self.started = 0, 0, time.monotonic()

    def click(self, target: Locator) -> None:
        """Click on a control."""
        target.click(timeout=PATIENCE_MS)
        self.clicks += 1

    def scroll(self, target: Locator) -> None:
        """Scroll until something is visible."""
        target.scroll_into_view_if_needed(timeout=PATIENCE_MS)
        self.clicks += 1

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def type(self, text: str) -> None:
        """Type a text."""
        self.page.keyboard.type(text)
        self.keys += len(text)

    def sees(self, target: Locator) -> None:
        """Wait until the answer is visible."""
        expect(target.first).to_be_visible(timeout=PATIENCE_MS)


Step = Callable[[Hand], None]


@dataclass(frozen=True)
class Task:
    """A task, and how a person does it on both pages. `theirs` is None if MLflow's UI has no answer.

    `ours_before` and `theirs_before` lead to the page where the task begins. Their clicks are not counted.
    `ours_link` and `theirs_link` are what the copied link must show in another browser.
    """

    name: str
    title: str
    note: str
    ours: Step
    theirs: Step | None
    ours_before: Step | None = None
    theirs_before: Step | None = None
    ours_link: Step | None = None
    theirs_link: Step | None = None


# Our page


def our_runs(hand: Hand) -> None:
    hand.page.goto(f"{hand.home}experiments/{hand.ids['experiment']}")
    hand.sees(our_row(hand, "broken-script"))
    hand.sees(our_header(hand, "val/loss"))


def our_row(hand: Hand, name: str) -> Locator:
    return hand.page.get_by_role("grid", name="Runs").get_by_role("row", name=name, exact=True)


def our_header(hand: Hand, name: str) -> Locator:
    return hand.page.get_by_role("columnheader", name=name).get_by_role("button").first


def our_best(hand: Hand) -> None:
    hand.click(our_header(hand, "val/loss"))
    hand.sees(hand.page.locator(f".table-row[data-place='0'][aria-label='{hand.ids['best']}']"))


def our_difference(hand: Hand) -> None:
    for name in ("best", "second"):
        hand.click(our_row(hand, hand.ids[name]).locator(".box"))
    hand.press("c")
    hand.sees(hand.page.get_by_role("region", name="Params and metrics").get_by_role("rowheader").filter(has_text="lr"))


def our_failure(hand: Hand) -> None:
    hand.click(our_row(hand, "broken-script").get_by_role("link"))
    hand.sees(hand.page.get_by_text("KeyError: 'validation'"))


def our_rate(hand: Hand) -> None:
    hand.click(hand.page.get_by_role("navigation", name="Experiment").get_by_role("link", name="Compare"))
    chart = hand.page.locator("figure.scatter[aria-label$=' over lr, 60 runs']")
    hand.scroll(chart)
    hand.sees(chart)


def our_following(hand: Hand) -> None:
    run = hand.workspace.get_run(hand.ids["running"])
    hand.click(our_row(hand, "long-training").get_by_role("link"))
    hand.sees(hand.page.get_by_role("heading", name=re.compile("long-training")))
    with logging_points(run):
        follows(hand, run, lambda: hand.page.get_by_role("main").inner_text())


def our_images(hand: Hand) -> None:
    images = hand.page.locator("[data-section='Images and others']")
    hand.scroll(images)
    hand.sees(images.get_by_role("img", name=re.compile("^sample of net-5")).nth(4))


def our_numbers(hand: Hand) -> None:
    hand.click(hand.page.get_by_role("button", name="Export"))
    with hand.page.expect_download(timeout=PATIENCE_MS) as download:
        hand.click(hand.page.get_by_role("menuitem", name="CSV", exact=True))
    rows = download.value.path().read_text(encoding="utf-8").count("\n") - 1
    assert rows == int(hand.ids["runs"]), rows


def our_column(hand: Hand) -> None:
    hand.page.goto(f"{hand.home}experiments/{hand.ids['experiment']}?cols=name,user,metrics.val/loss")
    our_shared(hand)


def our_share(hand: Hand) -> None:
    hand.press("u")
    hand.sees(hand.page.get_by_role("status", name="Messages").get_by_text("link is copied"))


def our_shared(hand: Hand) -> None:
    hand.sees(our_row(hand, "broken-script"))
    hand.sees(hand.page.get_by_role("columnheader", name="User"))


def our_cleaning(hand: Hand) -> None:
    options = hand.page.get_by_role("listbox", name="Completions").get_by_role("option")
    hand.press("/")
    hand.type("lr")
    hand.sees(options.first.get_by_text("params.lr", exact=True))
    hand.press("Tab")
    hand.type("='1.0'")
    hand.press("Enter", "Escape")
    hand.sees(hand.page.get_by_role("status").filter(has_text=re.compile(rf"^{FAILED} of")))
    hand.press("*", "#")
    hand.sees(hand.page.get_by_role("status", name="Messages").get_by_text(f"Archived {FAILED} runs."))


def our_source(hand: Hand) -> None:
    hand.click(our_row(hand, "broken-script").get_by_role("link"))
    hand.click(hand.page.get_by_role("navigation", name="Run").get_by_role("link", name="Source"))
    hand.sees(hand.page.get_by_text('batches["validation"]'))


# MLflow's UI


def their_runs(hand: Hand) -> None:
    hand.page.goto("about:blank")
    hand.page.evaluate("() => 0")
    hand.page.goto(
        f"{hand.home}/#/experiments/{hand.ids['experiment']}/runs?orderByKey=attributes.start_time&orderByAsc=false"
    )
    hand.sees(their_link(hand, "broken-script"))


def their_link(hand: Hand, name: str) -> Locator:
    return hand.page.get_by_role("link", name=name, exact=True).first


def their_best(hand: Hand) -> None:
    sort = hand.page.get_by_test_id("sort-select-dropdown")
    hand.click(sort)
    hand.click(hand.page.get_by_text("val/loss", exact=True).last)
    hand.click(sort)
    hand.click(hand.page.get_by_test_id("sort-select-asc"))
    hand.sees(hand.page.locator(".ag-row[row-index='0']").get_by_role("link", name=hand.ids["best"], exact=True))


def their_difference(hand: Hand) -> None:
    for name in ("best", "second"):
        row = hand.page.get_by_role("row").filter(has=hand.page.get_by_role("link", name=hand.ids[name], exact=True))
        hand.click(row.get_by_role("checkbox").first)
    hand.click(hand.page.get_by_test_id("runs-compare-button"))
    switch = hand.page.get_by_role("switch").first
    hand.scroll(switch)
    hand.click(switch)
    hand.sees(hand.page.get_by_text("lr", exact=True))


def their_failure(hand: Hand) -> None:
    hand.click(their_link(hand, "broken-script"))
    hand.click(hand.page.get_by_role("tab", name="Artifacts"))
    hand.click(hand.page.get_by_text("user_logs", exact=True))
    hand.click(hand.page.get_by_text("std_log.txt", exact=True))
    hand.sees(hand.page.get_by_text("KeyError: 'validation'"))


def their_rate(hand: Hand) -> None:
    hand.click(hand.page.get_by_role("checkbox", name="Select all runs").first)
    hand.click(hand.page.get_by_test_id("runs-compare-button"))
    hand.click(hand.page.get_by_role("tab", name="Scatter Plot"))
    for at, name in ((0, "lr"), (1, "val/loss")):
        box = hand.page.get_by_role("tabpanel").get_by_role("combobox").nth(at)
        hand.click(box)
        hand.click(hand.page.get_by_role("option", name=name, exact=True).or_(hand.page.get_by_title(name)).last)
    hand.sees(hand.page.locator(".js-plotly-plot"))


def their_following(hand: Hand) -> None:
    run = hand.workspace.get_run(hand.ids["running"])
    hand.click(their_link(hand, "long-training"))
    hand.sees(hand.page.get_by_role("heading", name="long-training"))
    hand.sees(hand.page.get_by_role("link", name="train/loss"))
    with logging_points(run):
        follows(hand, run, lambda: hand.page.get_by_role("main").inner_text())


def their_images(hand: Hand) -> None:
    hand.click(hand.page.locator("[role=radiogroup] label, [role=radiogroup] > *").nth(1))
    image = hand.page.locator("img[src*='get-artifact']").nth(4)
    hand.sees(hand.page.get_by_text("val/loss", exact=True))
    hand.click(hand.page.get_by_role("button", name="Add chart").first)
    hand.click(hand.page.get_by_role("menuitem", name=re.compile("^Image")))
    dialog = hand.page.get_by_role("dialog").last
    hand.click(dialog.get_by_role("combobox", name=re.compile("^Images")))
    hand.click(hand.page.get_by_role("option", name="sample"))
    hand.click(dialog.get_by_role("button", name="Add chart"))
    hand.sees(image)


def load_more(hand: Hand, count: str) -> None:
    """Scroll to the end of MLflow's table, and load the next 100 runs."""
    more = hand.page.get_by_role("button", name="Load more")
    hand.page.mouse.move(800, 600)
    hand.clicks += 1  # the scroll
    for _ in range(40):
        if more.is_visible():
            break
        hand.page.mouse.wheel(0, 3000)
        hand.page.wait_for_timeout(100)
    hand.click(more)
    hand.sees(hand.page.get_by_text(count, exact=True))


def their_numbers(hand: Hand) -> None:
    for count in ("200", "300", hand.ids["runs"]):
        load_more(hand, count)
    hand.click(hand.page.get_by_role("button", name="More options"))
    with hand.page.expect_download(timeout=PATIENCE_MS) as download:
        hand.click(hand.page.get_by_role("menuitem", name=re.compile("^Download")))
    download.value.path()


def their_column(hand: Hand) -> None:
    hand.click(hand.page.get_by_role("button", name="Columns"))
    hand.click(hand.page.get_by_text("User", exact=True).last)
    hand.press("Escape")
    their_shared(hand)


def their_share(hand: Hand) -> None:
    hand.click(hand.page.get_by_role("button", name="Views"))  # the address itself contains no columns
    hand.click(hand.page.get_by_role("menuitem", name="Save as new view"))
    dialog = hand.page.get_by_role("dialog").last
    hand.click(dialog.get_by_role("textbox"))
    hand.type("a")
    hand.click(dialog.get_by_role("button", name="Save"))
    hand.click(dialog.get_by_role("button", name="Copy"))


def their_shared(hand: Hand) -> None:
    hand.sees(their_link(hand, "broken-script"))
    hand.sees(hand.page.get_by_role("columnheader", name="User"))


def their_cleaning(hand: Hand) -> None:
    page = hand.page
    hand.click(page.get_by_test_id("runs-search-autocomplete").locator("input"))
    hand.type("params.lr = '1.0'")
    hand.press("Enter")
    hand.sees(their_link(hand, "crashed-299"))
    expect(their_link(hand, "broken-script")).to_have_count(0, timeout=PATIENCE_MS)
    for count in (200, 300):
        load_more(hand, str(count))
    hand.click(page.get_by_role("checkbox", name="Select all runs").first)
    hand.click(page.get_by_test_id("runs-delete-button"))
    hand.click(page.get_by_role("dialog").last.locator(".du-bois-light-btn-primary"))
    expect(their_link(hand, "crashed-299")).to_have_count(0, timeout=PATIENCE_MS)


def follows(hand: Hand, run: Any, text: Callable[[], str]) -> None:
    """Wait until the page shows a value that was logged after the page was opened; reload it if it does not."""
    begun = run.get_series("train/loss").steps[-1]
    until = time.monotonic() + OPEN_SECONDS
    for _ in range(2_000):
        series = run.get_series("train/loss")
        new = [float(value) for step, value in zip(series.steps, series.values, strict=True) if step > begun]
        shown = text()
        if any(str(value) in shown for value in new):
            return
        if time.monotonic() > until:
            hand.page.reload()
            hand.keys += 1
            until = time.monotonic() + OPEN_SECONDS
        time.sleep(0.1)
    raise AssertionError("the page never shows a new point")


TASKS = (
    Task("best", "Find the best run", "the run with the lowest `val/loss`", our_best, their_best),
    Task(
        "differs",
        "What differs from the second best?",
        "starts where the task before ends",
        our_difference,
        their_difference,
        our_best,
        their_best,
    ),
    Task("failed", "Why did this one fail?", "the last line of the trace is visible", our_failure, their_failure),
    Task("rate", "Which learning rate works?", "a chart of a metric of the validation over `lr`", our_rate, their_rate),
    Task(
        "follow",
        "Follow a running training",
        "a later point appears; else a reload after 10 s",
        our_following,
        their_following,
    ),
    Task("images", "Compare five runs' images", "five images side by side", our_images, their_images),
    Task("pandas", "Get the numbers into pandas", "a CSV file with all runs", our_numbers, their_numbers),
    Task(
        "share",
        "Share what I see",
        "a link that shows the same columns in another browser",
        our_share,
        their_share,
        our_column,
        their_column,
        our_shared,
        their_shared,
    ),
    Task("source", "Find the source of a run", "the script is visible; MLflow's UI does not have it", our_source, None),
    Task("clean", f"Clean up {FAILED} failed runs", "with a filter on a param", our_cleaning, their_cleaning),
)


@dataclass
class Result:
    """The clicks, keys and seconds of a task, or the reason why it failed."""

    clicks: int
    keys: int
    seconds: float
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.clicks} | {self.keys} | {self.seconds:.1f}" if not self.problem else "not measured | | "


def opened_link(hand: Hand, sees: Step) -> None:
    """Open the copied link in another browser, and fail unless it shows the same."""
    here = hand.page.context
    assert here.browser
    other = here.browser.new_context()
    other.add_cookies(cast(Any, here.cookies()))
    other.add_init_script(f"if (location.protocol === 'http:') {{ {REMEMBERED} }}")
    page = other.new_page()
    page.goto(hand.page.evaluate("() => navigator.clipboard.readText()"))
    sees(Hand(page, hand.home, hand.ids, hand.workspace))
    other.close()


def done(hand: Hand, before: Step, step: Step, link: Step | None, picture: Path) -> Result:
    """Do a task, and store a picture of its answer."""
    try:
        before(hand)
        hand.page.wait_for_timeout(500)
        hand.begin()
        step(hand)
        result = Result(hand.clicks, hand.keys, time.monotonic() - hand.started)
        if link:
            opened_link(hand, link)
    except Exception as error:  # the table then shows that the task has no result
        result = Result(hand.clicks, hand.keys, time.monotonic() - hand.started, str(error).splitlines()[0])
    hand.page.wait_for_timeout(300)
    hand.page.screenshot(path=picture)
    return result


def main(names: list[str]) -> int:
    """Do the tasks, and write the document."""
    from serving import mlflow_server

    chromium = find_chromium()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        workspace = Workspace.create("team", path=folder / "team")
        ids = fill_compared(workspace, folder)
        ids["runs"] = str(len(list(workspace.experiments["vision"].get_runs())))
        uri = workspace.get_mlflow_tracking_uri()
        with portal_site(workspace) as site, mlflow_server(uri, folder / "log", "--workers", "1") as theirs:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            hands = []
            for home in (site.address, theirs):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                context.grant_permissions(["clipboard-read", "clipboard-write"])
                context.set_default_timeout(PATIENCE_MS)
                context.add_init_script(f"if (location.protocol === 'http:') {{ {REMEMBERED} }}")
                if home == site.address:
                    site.sign_in(context)
                hands.append(Hand(context.new_page(), home, ids, workspace))
            results = measure(hands, folder, names)
            browser.close()
        workspace.get_run(ids["running"]).complete()
        workspace.close()
        if not names:
            write(results, folder)
    return 0


def measure(hands: list[Hand], folder: Path, names: list[str]) -> list[tuple[Task, Result, Result | None]]:
    """Do each task on both pages. Runs that our page archives are restored before the task is done in MLflow's UI."""
    results = []
    for task in TASKS:
        if names and task.name not in names:
            continue
        ours = done(
            hands[0], both(our_runs, task.ours_before), task.ours, task.ours_link, folder / f"{task.name}-ours.png"
        )
        if task.name == "clean":
            hands[0].page.get_by_role("button", name="Undo").click()
            expect(hands[0].page.get_by_role("status").filter(has_text=re.compile(rf"^{FAILED} of"))).to_be_visible()
        theirs = None
        if task.theirs:
            before = both(their_runs, task.theirs_before)
            theirs = done(hands[1], before, task.theirs, task.theirs_link, folder / f"{task.name}-theirs.png")
        print(task.title, ours, ours.problem, theirs, theirs.problem if theirs else "", sep="  ", flush=True)
        results.append((task, ours, theirs))
    return results


def both(first: Step, second: Step | None) -> Step:
    """Return a step that does one and then the other."""

    def step(hand: Hand) -> None:
        first(hand)
        if second:
            second(hand)

    return step


def write(results: list[tuple[Task, Result, Result | None]], folder: Path) -> None:
    """Write the document, and a picture of both answers for each task."""
    import mlflow
    from PIL import Image

    PICTURES.mkdir(exist_ok=True)
    lines = [
        "# The page and MLflow's UI, compared",
        "",
        "<!-- python tests/browser/portal/ten_tasks.py writes this file. -->",
        "",
        f"Ten tasks on the same workspace of 362 runs, on our page and on the UI of MLflow "
        f"{mlflow.__version__}, in the same browser and on the same machine.",
        "A script does the tasks, so the seconds contain no time to read or to think.",
        "A key is one press, also within a text. A scroll to a part of the page counts as a click.",
        "Each task starts at the table of runs unless the table says otherwise.",
        "",
        "| task | | clicks | keys | seconds | MLflow: clicks | keys | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for task, ours, theirs in results:
        lines.append(f"| {task.title} | {task.note} | {ours} | {theirs or '– | – | –'} |")
    failed = [task.title for task, ours, theirs in results if ours.problem or (theirs and theirs.problem)]
    lines += ["", "“–” means that the UI has no answer. The left half of each picture is our page."]
    if failed:
        lines.append(f"The script did not reach the answer of a task that is not measured: {', '.join(failed)}.")
    lines.append("")
    for task, _, theirs in results:
        halves = [folder / f"{task.name}-ours.png"] + ([folder / f"{task.name}-theirs.png"] if theirs else [])
        picture = Image.new("RGB", (724 * len(halves) - 4, 450), "white")
        for at, half in enumerate(halves):
            picture.paste(Image.open(half).convert("RGB").resize((720, 450)), (724 * at, 0))
        picture.save(PICTURES / f"compared-{task.name}.webp", quality=60)
        lines += [f"## {task.title}", "", f"![{task.title}](pictures/compared-{task.name}.webp)", ""]
    (ROOT / "docs" / "portal_compared.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
