"""A command that must be refused in one sentence."""

from __future__ import annotations

import pytest

from saddlepoint.cli import main


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must fail with exit code 2 and one sentence; returns the sentence."""
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("saddlepoint: ")
    assert len(said.splitlines()) == 1
    return said
