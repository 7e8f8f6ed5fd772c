from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.outcomes import Workshop
from kit.small_files import write_small_files


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files that tiny sources name."""
    folder = tmp_path_factory.mktemp("ground")
    write_small_files(folder)
    return folder


@pytest.fixture(scope="module")
def shop(ground: Path) -> Iterator[Workshop]:
    """Trains tiny runs, each once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ground)
        yield Workshop(ground)
