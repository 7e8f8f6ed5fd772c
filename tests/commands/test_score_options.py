"""Options of the commands that score."""

from __future__ import annotations

import pytest

from saddlepoint.commands.shared import ScoreOptions, ScoringOptions
from saddlepoint.errors import BadInput


@pytest.mark.parametrize("options", [ScoreOptions, ScoringOptions])
@pytest.mark.parametrize("name", ["features", "scores"])
def test_an_option_without_words_is_refused(options: type[ScoreOptions], name: str) -> None:
    """An empty list was taken, and ended in a sentence about scores that do not apply."""
    with pytest.raises(BadInput, match=f"--{name} names one or several, and nothing follows it"):
        options(**{name: ()}).arguments()
    assert options().arguments()[name]
