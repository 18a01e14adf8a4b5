"""No page has a violation that axe-core finds: in both themes, on a wide screen and on one of 360 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from portal_site import PortalSite

from bridge.server import vendor

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "support" / "axe"
RUN = """async (rules) => {
  const runOnly = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  for (const row of document.querySelectorAll(".log-row:nth-child(n + 100)")) row.remove();
  const { violations } = await axe.run(document, { preload: false, resultTypes: ["violations"], ...runOnly });
  return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 4).map((node) => node.html.slice(0, 300) + " — " + (node.any[0]?.message ?? node.all[0]?.message ?? "")) }));
}"""  # noqa: E501
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
COLOURS = ["color-contrast", "link-in-text-block"]
LOOKS: tuple[tuple[str, Any, int, list[str]], ...] = (
    ("light", "light", 1440, []),
    ("dark", "dark", 1440, COLOURS),
    ("dark and narrow", "dark", 360, []),
    ("light and narrow", "light", 360, COLOURS),
)
"""The looks, each with its rules; an empty list means all. Two differ from the one before only in their colours.

Of a log, the first 100 rows are checked: all are made alike, and axe-core takes as long as for ten pages for 2,000."""
RUN_TABS = ("", "/metrics", "/images", "/logs", "/files", "/source", "/children", "/details")


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if not vendor.is_fetched(AXE):
        vendor.fetch(AXE)
    return (AXE / "vendor" / "axe.js").read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds on a page in every look, as sentences."""
    found = []
    for look, scheme, width, rules in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(FRAMES)
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(axe)
        for violation in page.evaluate(RUN, rules):
            found.append(f"{look}: {violation['id']}: {violation['help']}: {violation['nodes']}")
    return found


def settled(page: Page) -> None:
    """Wait until a page shows its content."""
    expect(page.get_by_role("heading", level=1)).not_to_have_text("…")
    expect(page.locator("[aria-busy='true']")).to_have_count(0)
    page.evaluate(FRAMES)
    page.evaluate(FRAMES)


@pytest.mark.parametrize("place", ["", "?q=loss", "experiments/1", "experiments/1?group=params.model&cols=name,status"])
def test_home_and_experiment_have_no_violation(page: Page, site: PortalSite, axe: str, place: str) -> None:
    page.goto(site.address + place)
    settled(page)
    assert violations(page, axe) == []


@pytest.mark.parametrize("tab", RUN_TABS)
def test_no_tab_of_a_run_has_a_violation(page: Page, site: PortalSite, ids: dict[str, str], axe: str, tab: str) -> None:
    page.goto(f"{site.address}runs/{ids['parent' if tab == '/children' else 'kinds']}{tab}")
    settled(page)
    assert violations(page, axe) == []


def test_a_failed_run_has_no_violation(page: Page, site: PortalSite, ids: dict[str, str], axe: str) -> None:
    page.goto(f"{site.address}runs/{ids['failed']}")
    settled(page)
    assert violations(page, axe) == []


def test_the_comparison_has_no_violation(page: Page, site: PortalSite, ids: dict[str, str], axe: str) -> None:
    runs = ",".join(ids[name] for name in ("run0", "run1", "kinds"))
    page.goto(f"{site.address}experiments/{ids['experiment']}/compare?runs={runs}&base={ids['run0']}")
    settled(page)
    assert violations(page, axe) == []
    page.goto(f"{site.address}experiments/{ids['experiment']}/compare")
    settled(page)
    page.locator(".parallel-name").first.click()
    assert violations(page, axe) == []


def test_notes_have_no_violation(page: Page, site: PortalSite, ids: dict[str, str], axe: str) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}/notes")
    settled(page)
    assert violations(page, axe) == []
    page.keyboard.press("e")
    expect(page.get_by_role("textbox", name="Note")).to_be_focused()
    assert violations(page, axe) == []


@pytest.mark.parametrize("key", ["?", "Control+k", ".", "t"])
def test_no_dialog_has_a_violation(page: Page, site: PortalSite, axe: str, key: str) -> None:
    page.goto(f"{site.address}experiments/1")
    settled(page)
    if key == "t":
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.get_by_role("button", name="Tag", exact=True)).to_be_visible()
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page, axe) == []
