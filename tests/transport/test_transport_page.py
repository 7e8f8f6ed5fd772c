"""docs/transport.md: its blocks run in turn and print what is shown below each."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from kit.pages import DOCS

PAGE = (DOCS / "transport.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"^```python\n(.*?)^```\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_prints_what_it_shows() -> None:
    found = SHOWN.findall(PAGE)
    assert len(found) == PAGE.count("```python") == 2
    names: dict[str, Any] = {}
    for code, shown in found:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(code, names)
        assert said.getvalue() == shown
