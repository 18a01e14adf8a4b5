"""Actions on selected runs: tag, archive with undo, restore, delete, save views and export."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import controls
import pytest
from controls import find
from playwright.sync_api import Browser, BrowserContext, Download, Page, expect
from portal_site import PATIENCE_SECONDS, PortalSite, Problems, portal_site, start

from bridge import Experiment, Workspace

pytestmark = pytest.mark.browser


@pytest.fixture
def own(site: PortalSite, request: pytest.FixtureRequest) -> Experiment:
    """An experiment of the test's own, with four runs."""
    experiment = Experiment(site.workspace, f"own-{request.node.name.replace('digits', 'numbers')}")
    for number in range(4):
        run = start(experiment, f"own-{number}")
        run.log_param("lr", number / 10)
        run.log("loss", 1.5 * number)
        run.complete()
    return experiment


def open_runs(page: Page, site: PortalSite, experiment: Experiment, state: str = "") -> None:
    """Open the page of an experiment, and wait for its rows."""
    page.goto(f"{site.address}experiments/{experiment.id}{state}")
    expect(find(page, controls.RUNS).get_by_role("row").nth(1)).to_be_visible()


def select(page: Page, *names: str) -> None:
    """Select runs by their check boxes."""
    for name in names:
        row = find(page, controls.RUNS).get_by_role("row", name=name, exact=True)
        row.locator(".box").click()
    expect(find(page, controls.SELECTED)).to_contain_text(f"{len(names)} run")


def test_several_runs_are_tagged_at_once(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own)
    select(page, "own-1", "own-2")
    page.keyboard.press("t")
    dialog = page.get_by_role("dialog", name="Tag 2 runs")
    dialog.get_by_label("Key").fill("team")
    page.keyboard.press("Tab")
    page.keyboard.type("vision")
    page.keyboard.press("Enter")
    expect(find(page, controls.TOAST)).to_contain_text("Tagged 2 runs.")
    tags = {run.display_name: run.get_tags().get("team") for run in own.get_runs()}
    assert tags == {"own-0": None, "own-1": "vision", "own-2": "vision", "own-3": None}


def test_archived_runs_come_back_by_undo(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own)
    rows = find(page, controls.RUNS).get_by_role("row")
    select(page, "own-1", "own-2")
    page.keyboard.press("#")
    expect(rows.filter(has_text="own-1")).to_have_count(0)
    expect(rows.filter(has_text="own-0")).to_have_count(1)
    assert {run.display_name for run in own.get_runs()} == {"own-0", "own-3"}
    find(page, controls.UNDO).click()
    expect(rows.filter(has_text="own-1")).to_have_count(1)
    assert len(list(own.get_runs())) == 4


def test_archived_runs_are_restored_later(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own)
    select(page, "own-3")
    find(find(page, controls.SELECTED), controls.ARCHIVE).click()
    expect(find(page, controls.RUNS).get_by_role("row").filter(has_text="own-3")).to_have_count(0)
    open_runs(page, site, own, "?stage=archived")
    select(page, "own-3")
    find(find(page, controls.SELECTED), controls.RESTORE).click()
    expect(find(page, controls.TOAST)).to_contain_text("Restored own-3.")
    assert len(list(own.get_runs())) == 4


def test_an_admin_deletes_permanently_after_typing_the_number(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own)
    select(page, "own-0", "own-1", "own-2")
    find(find(page, controls.SELECTED), controls.MORE).click()
    find(page, controls.DELETE).click()
    dialog = page.get_by_role("dialog", name="Delete 3 runs permanently")
    confirm = dialog.get_by_role("button", name="Delete permanently")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Number of runs").fill("3")
    confirm.click()
    expect(find(page, controls.TOAST)).to_contain_text("Deleted 3 runs permanently.")
    expect(find(page, controls.RUNS).get_by_role("row").filter(has_text="own-0")).to_have_count(0)
    assert [run.display_name for run in own.get_runs()] == ["own-3"]


def test_runs_are_compared_from_the_selection(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own)
    select(page, "own-0", "own-3")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    expect(find(page, controls.PARAMS).get_by_role("columnheader")).to_have_count(2)


def downloaded(download: Download) -> str:
    """Return the text of a download."""
    path = download.path()
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def test_selected_runs_are_copied_as_python(
    context: BrowserContext, page: Page, site: PortalSite, own: Experiment
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_runs(page, site, own)
    select(page, "own-1", "own-2")
    find(find(page, controls.SELECTED), controls.MORE).click()
    page.get_by_role("menuitem", name="Copy as Python").click()
    expect(find(page, controls.TOAST)).to_contain_text("Copied.")
    pasted: dict[str, Any] = {}
    exec(page.evaluate("() => navigator.clipboard.readText()"), pasted)
    assert {run.display_name for run in pasted["runs"]} == {"own-1", "own-2"}


def test_the_shown_rows_are_exported_with_all_digits(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own, "?cols=name,params.lr,metrics.loss&sort=-metrics.loss&q=metrics.loss%20%3E%201")
    find(page, controls.EXPORT).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(downloaded(download.value))))
    assert [list(row.values())[-3:] for row in rows] == [
        ["own-3", "0.3", "4.5"],
        ["own-2", "0.2", "3"],
        ["own-1", "0.1", "1.5"],
    ]


def save_view(page: Page, name: str, shared: bool) -> None:
    """Save what is shown as a view."""
    find(page, controls.VIEWS).click()
    page.get_by_role("button", name="Save as a new view…").click()
    dialog = page.get_by_role("dialog", name="Save the view")
    dialog.get_by_label("Name").fill(name)
    if shared:
        dialog.get_by_role("checkbox").click()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name=f"Views: {name}")).to_be_visible()


def test_a_shared_view_shows_the_same_in_another_browser(
    page: Page, site: PortalSite, own: Experiment, browser: Browser, problems: Problems
) -> None:
    open_runs(page, site, own, "?q=metrics.loss%20%3E%201&sort=-metrics.loss")
    save_view(page, "worst / first", shared=True)
    other = browser.new_context()
    other.set_default_timeout(PATIENCE_SECONDS * 1000)
    other.on("page", problems.watch)
    site.sign_in(other)
    try:
        second = other.new_page()
        open_runs(second, site, own)
        expect(find(second, controls.RUNS).get_by_role("row")).to_have_count(5)
        find(second, controls.VIEWS).click()
        second.get_by_role("link", name="worst / first").click()
        expect(find(second, controls.RUNS).get_by_role("row")).to_have_count(4)
        expect(find(second, controls.RUNS).get_by_role("row").nth(1)).to_contain_text("own-3")
        second.reload()
        expect(find(second, controls.RUNS).get_by_role("row")).to_have_count(4)
    finally:
        other.close()


def test_a_private_view_stays_in_this_browser_and_is_deleted(page: Page, site: PortalSite, own: Experiment) -> None:
    open_runs(page, site, own, "?sort=metrics.loss")
    save_view(page, "mine", shared=False)
    assert site.get(f"/experiments/{own.id}/views")[2] == b'{"views":[]}'
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Views: mine *")).to_be_visible()
    open_runs(page, site, own)
    find(page, controls.VIEWS).click()
    page.get_by_role("button", name="Delete the view mine").click()
    expect(page.get_by_role("link", name="mine")).to_have_count(0)


@pytest.fixture(scope="module")
def read_only(filled: tuple[Workspace, dict[str, str]]) -> Iterator[PortalSite]:
    """A server of the same workspace for readers."""
    with portal_site(filled[0], "reader") as site:
        yield site


def test_a_reader_sees_no_control_that_changes_something(
    read_only: PortalSite, browser: Browser, ids: dict[str, str]
) -> None:
    problems = Problems(read_only.address)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    context.on("page", problems.watch)
    read_only.sign_in(context)
    page = context.new_page()
    try:
        page.goto(f"{read_only.address}experiments/{ids['experiment']}")
        expect(find(page, controls.RUNS).get_by_role("row").nth(1)).to_be_visible()
        select(page, "curves-1", "curves-2")
        bar = find(page, controls.SELECTED)
        expect(bar.get_by_role("button")).to_have_text([re.compile("Compare"), "", "Clear"])
        find(bar, controls.MORE).click()
        expect(page.get_by_role("menuitem", name=re.compile("Delete"))).to_have_count(0)
        page.keyboard.press("Escape")
        for key in ("t", "#", "r"):
            page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(find(page, controls.RUNS).get_by_role("textbox")).to_have_count(0)
        page.goto(f"{read_only.address}experiments/{ids['experiment']}/notes")
        expect(page.get_by_role("link", name="gentle-crane")).to_be_visible()
        expect(find(page, controls.EDIT_NOTE)).to_have_count(0)
        page.keyboard.press("e")
        expect(find(page, controls.NOTE_FIELD)).to_have_count(0)
        page.goto(f"{read_only.address}runs/{ids['kinds']}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("gentle-crane")
        expect(page.get_by_role("button", name=re.compile("Edit|Rename|Archive|Delete|Add"))).to_have_count(0)
        page.keyboard.press("?")
        expect(find(page, controls.KEYS_SHEET)).to_contain_text("Tab Metrics")
        expect(find(page, controls.KEYS_SHEET)).not_to_contain_text(re.compile("Edit the note|Rename the run"))
        assert problems.found == []
    finally:
        context.close()


def test_a_note_is_edited_beside_its_preview(page: Page, site: PortalSite, own: Experiment, problems: Problems) -> None:
    problems.accept("inline event handler")  # the browser reports the one that is removed from the note
    page.goto(f"{site.address}experiments/{own.id}/notes")
    find(page, controls.EDIT_NOTE).click()
    find(page, controls.NOTE_FIELD).fill(
        "# Plan\n\nStart at [[own-2]], not at [[nobody]].\n\n<img src=x onerror=alert(1)>"
    )
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_role("heading", name="Plan")).to_be_visible()
    expect(preview.get_by_role("link", name="own-2")).to_have_attribute("href", re.compile("/runs/[0-9a-f]{32}"))
    expect(preview).to_contain_text("[[nobody]]")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("article").get_by_role("heading", name="Plan")).to_be_visible()
    assert site.workspace.stores.tracking.get_experiment(own.id).tags["mlflow.note.content"].startswith("# Plan")
