"""HTML tables that show handles in notebooks."""

from __future__ import annotations


def html_table(cells: dict[str, str]) -> str:
    """Return an HTML table with a header and one row."""
    import html  # loaded here, because only notebooks need it, and it takes a millisecond

    style = 'style="text-align:left"'
    head = "".join(f"<th {style}>{html.escape(name)}</th>" for name in cells)
    row = "".join(f"<td {style}>{html.escape(value)}</td>" for value in cells.values())
    return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"
