"""Whole journeys without a mouse, as a person without one makes them."""

from __future__ import annotations

import re

import controls
import pytest
from controls import find
from playwright.sync_api import Page, Route, expect
from portal_site import PortalSite, start

from bridge import Experiment

pytestmark = pytest.mark.browser


def type_keys(page: Page, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)


def open_digits(page: Page, site: PortalSite) -> None:
    """Open the experiment digits with the palette."""
    page.goto(site.address)
    expect(find(page, controls.EXPERIMENTS).get_by_role("link", name="digits", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(find(page, controls.PALETTE_FIELD)).to_be_focused()
    page.keyboard.type("digits")
    chosen = find(page, controls.PALETTE).locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_accessible_name(re.compile("^digits"))
    page.keyboard.press("Enter")
    expect(find(page, controls.RUNS).get_by_role("row", name="curves-0", exact=True)).to_be_visible()


def test_the_best_run_is_found_opened_and_left(page: Page, site: PortalSite) -> None:
    open_digits(page, site)
    page.keyboard.press("/")
    expect(find(page, controls.FILTER)).to_be_focused()
    page.keyboard.type("metrics.verdict > 0.93")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    rows = find(page, controls.RUNS).get_by_role("row")
    expect(rows).to_have_count(6)  # a heading and five runs
    type_keys(page, "j", "j", "Enter")
    expect(page).to_have_url(re.compile("/runs/[0-9a-f]{32}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("curves-")
    for number, tab in ((2, "Metrics"), (4, "Logs"), (8, "Details"), (1, "Overview")):
        page.keyboard.press(str(number))
        expect(find(page, controls.RUN_TABS).locator("[aria-current='page']")).to_contain_text(tab)
    type_keys(page, "g", "h")
    expect(find(page, controls.EXPERIMENTS)).to_be_visible()


def test_runs_are_selected_compared_and_one_becomes_the_baseline(page: Page, site: PortalSite) -> None:
    open_digits(page, site)
    page.keyboard.press("/")
    expect(find(page, controls.FILTER)).to_be_focused()
    page.keyboard.type("params.model = 'vit'")
    page.keyboard.press("Enter")
    expect(find(page, controls.RUNS).get_by_role("row")).to_have_count(5)  # a heading and four runs
    chosen = find(page, controls.RUNS).locator("[aria-selected=true]")
    type_keys(page, "Escape", "j", "x")
    expect(chosen).to_have_count(1)
    page.keyboard.press("J")
    expect(chosen).to_have_count(2)
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Compare \d runs"))
    compared = find(page, controls.PARAMS).get_by_role("columnheader")
    expect(compared.first).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.ariaLabel?.startsWith('Baseline: ')"):
            break
    page.keyboard.press("Enter")
    expect(compared.get_by_text("baseline")).to_have_count(1)
    type_keys(page, "T")
    expect(find(page, controls.PARAMS).get_by_role("rowheader").first).to_contain_text("baseline")
    page.keyboard.press("3")  # the parallel coordinates
    expect(find(page, controls.PARALLEL)).to_be_in_viewport()


def test_failed_runs_are_named_tagged_annotated_archived_and_brought_back(page: Page, site: PortalSite) -> None:
    experiment = Experiment(site.workspace, "tidied-up")
    for number in range(3):
        run = start(experiment, f"tidy-{number}")
        run.fail("out of memory") if number else run.complete()
    page.goto(f"{site.address}experiments/{experiment.id}")
    rows = find(page, controls.RUNS).get_by_role("row")
    expect(rows).to_have_count(4)  # a heading and three runs
    expect(find(page, controls.VIEWS)).to_be_enabled()  # the parts that are loaded last have their keys
    page.keyboard.press("/")
    expect(find(page, controls.FILTER)).to_be_focused()
    page.keyboard.type("status = 'Failed'")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(3)
    type_keys(page, "Escape", "j", "r")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("too-large")
    page.keyboard.press("Enter")
    expect(rows.filter(has_text="too-large")).to_have_count(1)
    page.keyboard.press("e")
    expect(find(page, controls.NOTE_FIELD)).to_be_focused()
    page.keyboard.type("Halve the batch.")
    type_keys(page, "Tab", "Tab", "Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("*")
    expect(find(page, controls.SELECTED)).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    page.keyboard.type("cause")
    page.keyboard.press("Tab")
    page.keyboard.type("memory")
    page.keyboard.press("Enter")
    expect(find(page, controls.TOAST)).to_contain_text("Tagged 2 runs.")
    expect(page.get_by_role("dialog")).to_have_count(0)  # keys of the page do nothing while it is open
    page.keyboard.press("#")
    expect(find(page, controls.TOAST)).to_contain_text("Archived 2 runs.")
    expect(rows).to_have_count(1)
    undo = find(page, controls.UNDO)
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if undo.evaluate("(button) => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(rows).to_have_count(3)
    (renamed,) = (run for run in experiment.get_runs() if run.display_name == "too-large")
    assert renamed.description == "Halve the batch." and renamed.get_tags()["cause"] == "memory"


def test_the_sheet_lists_the_keys_of_the_page_and_returns_the_focus(page: Page, site: PortalSite) -> None:
    open_digits(page, site)
    page.keyboard.press("?")
    sheet = find(page, controls.KEYS_SHEET)
    for label in ("Filter", "Select", "Open the run", "Compare the selected runs", "Archive, with undo"):
        expect(sheet.get_by_text(label, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("d")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_columns_groups_and_charts_are_chosen(page: Page, site: PortalSite) -> None:
    open_digits(page, site)
    page.keyboard.press(".")
    expect(page.get_by_role("combobox", name="Find a column")).to_be_focused()
    page.keyboard.type("optim")
    expect(page.get_by_role("dialog").get_by_role("option")).to_have_count(1)
    type_keys(page, "Enter", "Escape")
    expect(find(page, controls.RUNS).get_by_role("columnheader", name="optimizer")).to_have_count(1)
    page.keyboard.press("G")
    expect(page.get_by_role("combobox", name="Group by")).to_be_focused()
    page.keyboard.type("model")
    expect(page.get_by_role("option", name=re.compile("params.model"))).to_be_visible()
    type_keys(page, "Enter", "Escape")
    expect(page).to_have_url(re.compile("group=params.model"))
    page.keyboard.press("]")
    expect(find(page, controls.RUNS)).to_have_count(0)
    type_keys(page, "]", "l")
    expect(page).to_have_url(re.compile("y=log"))
    type_keys(page, "s", "6")
    expect(page).to_have_url(re.compile("smooth=0.6"))


def test_every_control_of_the_experiment_page_can_be_reached_and_shows_its_focus(page: Page, site: PortalSite) -> None:
    open_digits(page, site)
    for control in (controls.VIEWS, controls.EXPORT):  # their modules are loaded last
        expect(find(page, control)).to_be_enabled()
    page.evaluate("() => document.activeElement.blur()")
    seen: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const it = document.activeElement;
              const style = getComputedStyle(it);
              const name = (it.ariaLabel || it.textContent || it.placeholder || it.tagName).trim().slice(0, 40);
              const around = getComputedStyle(it.parentElement);
              const own = style.outlineStyle !== "none" || style.boxShadow !== "none" || around.outlineStyle !== "none";
              return [name, own];
            }"""
        )
        if name == "BODY" or name in seen[:1]:
            break
        assert outline, f"{name} does not show its focus"
        seen.append(name)
    for name in ("Columns", "Only differing", "Group", "Views", "Export", "Runs", "Find charts"):
        assert any(one.startswith(name) for one in seen), (name, seen)


def test_keys_that_are_pressed_while_a_dialog_is_loaded_do_nothing(page: Page, site: PortalSite) -> None:
    held: list[Route] = []
    page.route("**/columns.js", lambda route: held.append(route))
    open_digits(page, site)
    with page.expect_request("**/columns.js"):
        type_keys(page, "j", ".")
    type_keys(page, "x", "D")
    expect(find(page, controls.RUNS).locator("[aria-selected=true]")).to_have_count(0)
    assert "differ" not in page.url
    held[0].continue_()
    expect(page.get_by_role("combobox", name="Find a column")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("x")
    expect(find(page, controls.RUNS).locator("[aria-selected=true]")).to_have_count(1)
