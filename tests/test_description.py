"""What is said of values that a description cannot have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import saddlepoint as sp


def test_a_number_in_the_place_of_a_path_is_said_in_words(tmp_path: Path) -> None:
    described = json.loads(str(sp.recipes.gan("ring")))
    described["init"]["run"] = 0
    file = tmp_path / "run.json"
    file.write_text(json.dumps(described))
    with pytest.raises(sp.BadInput, match=r"init\.run = 0: a path is needed"):
        sp.read_run(file)
