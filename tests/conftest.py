from __future__ import annotations

import os

import pytest
import torch

pytest.register_assert_rewrite("kit")  # what the kit asserts is explained as in a test
torch.set_num_threads(1)  # two-thread runs slow down tenfold on a loaded machine
os.environ["OMP_NUM_THREADS"] = "1"  # likewise in the processes that tests start


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages come unwrapped and uncoloured, wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
