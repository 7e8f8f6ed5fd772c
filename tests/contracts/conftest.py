from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.outcomes import Workshop, trained
from kit.parts import BASE
from kit.small_files import write_small_files


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files that tiny sources name, and runs to start from."""
    folder = tmp_path_factory.mktemp("ground")
    write_small_files(folder)
    trained(BASE.replace(seed=7), folder / "another_run")
    trained(BASE.replace(seed=7, seeds=2), folder / "run_of_two")
    return folder


@pytest.fixture(scope="module")
def shop(ground: Path) -> Iterator[Workshop]:
    """Trains tiny runs, each once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ground)
        yield Workshop(ground)
