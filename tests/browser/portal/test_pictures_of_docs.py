"""The pictures of the documentation. With BRIDGE_PICTURES=1, they replace the files in `docs/pictures`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from portal_site import PortalSite, portal_site

from bridge import Workspace

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
LARGEST = 150_000
REPLACE_TEXT = """([path, other]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(path, other);
}"""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, dict[str, str]]]:
    """A workspace with a sweep of 60 runs and a running one."""
    from compared_runs import fill_compared

    folder = tmp_path_factory.mktemp("team")
    workspace = Workspace.create("team", path=folder / "team")
    ids = fill_compared(workspace, folder, failed=8)
    yield workspace, ids
    workspace.get_run(ids["running"]).complete()
    workspace.close()


@pytest.fixture(scope="module")
def site(team: tuple[Workspace, dict[str, str]]) -> Iterator[PortalSite]:
    """A server of this workspace."""
    with portal_site(team[0]) as site:
        yield site


PLACES = {
    "home": ("", "table[aria-label=Experiments] tbody tr"),
    "experiment": ("experiments/{experiment}?sort=metrics.val/loss&smooth=0.6&show=top:12", ".chart canvas"),
    "run": ("runs/{failing}", ".card"),
    "compare": (
        "experiments/{experiment}/compare?runs={pictured0},{pictured2},{pictured4}&base={pictured0}",
        ".compare-chart canvas",
    ),
    "parallel": ("experiments/{experiment}/compare?q=params.lr%20!=%20'1.0'", ".scatter canvas"),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_pictures_of_the_documentation_show_the_page(
    page: Page,
    site: PortalSite,
    team: tuple[Workspace, dict[str, str]],
    shots: Path,
    name: str,
) -> None:
    from PIL import Image

    place, shown = PLACES[name]
    page.emulate_media(color_scheme="light")
    page.goto(site.address + place.format(**team[1]))
    expect(page.locator(shown).first).to_be_visible()
    expect(page.locator("[aria-busy='true']")).to_have_count(0)
    page.evaluate("() => new Promise((done) => setTimeout(done, 800))")  # the charts that come after the first
    page.evaluate(REPLACE_TEXT, [sys.executable, "/usr/bin/python3"])
    content = page.screenshot()
    (shots / f"page-{name}.png").write_bytes(content)
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    assert len(picture.getcolors(2**24) or ()) > 100, "the page is empty"
    if os.environ.get("BRIDGE_PICTURES") == "1":
        PICTURES.mkdir(exist_ok=True)
        picture.save(PICTURES / f"{name}.webp", quality=82)
    assert (PICTURES / f"{name}.webp").stat().st_size <= LARGEST
