"""A `bridge:` URI names one folder."""

from __future__ import annotations

import os

import pytest

from bridge import InvalidValue
from bridge.address import folder_of_uri, uri_of_folder

FOLDERS = {
    "bridge:///a/b": "/a/b",
    "bridge:/a/b": "/a/b",
    "BRIDGE:///a/b": "/a/b",
    "bridge:////a/b": "/a/b",
    "bridge:///a/b/": "/a/b",
    "bridge:///a//b//": "/a/b",
    "bridge:///a/./x/../b": "/a/b",
    "bridge:///a/%2e%2e/b": "/b",
    "bridge:///": "/",
    "bridge:///a b": "/a b",
    "bridge:///a%20b%20": "/a b ",
    "bridge:///%3F%23%25": "/?#%",
    "bridge:///a%0Ab": "/a\nb",
    "bridge:///ü/%C3%BC": "/ü/ü",
    "bridge:///%FF": os.fsdecode(b"/\xff"),
    "bridge:///~/a": "/~/a",
}

ABSOLUTE = "must have the form bridge:///abs/path, with three slashes and without a host"
ENCODED = "must not contain ? or #: write %3F or %23 instead"
ENDS = "must not contain control characters, or begin or end with a blank: percent-encode them"
REFUSED = {
    "": "must begin with bridge:",
    "/a/b": "must begin with bridge:",
    "s3://a/b": "must begin with bridge:",
    "bridges:///a": "must begin with bridge:",
    "bridge:": ABSOLUTE,
    "bridge://": ABSOLUTE,
    "bridge:a/b": ABSOLUTE,
    "bridge:%2Fa": ABSOLUTE,
    "bridge://host/a": ABSOLUTE,
    "bridge://host:1/a": ABSOLUTE,
    "bridge://user@/a": ABSOLUTE,
    "bridge://[/a": "must be a valid URI",
    "bridge:///a?b": ENCODED,
    "bridge:///a?": ENCODED,
    "bridge:///a#b": ENCODED,
    "bridge:///a#": ENCODED,
    "bridge:///a\n": ENDS,
    "bridge:///a\tb": ENDS,
    " bridge:///a": ENDS,
    "bridge:///a ": ENDS,
    "bridge:///a%00": "must not contain %00, because a path cannot contain a null character",
}


@pytest.mark.parametrize("uri", FOLDERS)
def test_a_workspace_uri_names_a_folder(uri: str) -> None:
    folder = folder_of_uri(uri)
    assert folder == FOLDERS[uri]
    assert folder_of_uri(uri_of_folder(folder)) == folder


@pytest.mark.parametrize("uri", REFUSED)
def test_a_uri_that_names_more_or_less_than_a_folder_is_refused(uri: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        folder_of_uri(uri)
    assert str(refused.value).startswith(f"URI {uri!r}: {REFUSED[uri]}")
