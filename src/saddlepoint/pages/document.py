"""The document around a page's content."""

from __future__ import annotations

from importlib.resources import files

from saddlepoint.pages import markup


def document(title: str, body: str) -> str:
    """A whole HTML page with the house's style in it, readable offline.

    Args:
        title: Of the browser's tab; escaped here.
        body: HTML of ``<main>``.
    """
    style = files("saddlepoint.pages").joinpath("style.css").read_text(encoding="utf-8")
    # The policy makes the browser itself refuse anything that is not part of the page.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{markup.text(title)} · saddlepoint</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
