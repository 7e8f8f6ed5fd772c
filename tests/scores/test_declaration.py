"""Declaring scores: what a function must say, and what follows from saying it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import saddlepoint as sp
from saddlepoint.evaluation import tables
from saddlepoint.metrics.estimate import Estimate
from saddlepoint.run.training import Validation
from saddlepoint.scores.declaration import SCORES, VALIDATING, chosen, score
from saddlepoint.scores.figure import Better, Figure
from saddlepoint.scores.view import View


@pytest.fixture
def registry() -> Iterator[None]:
    """Scores that a test declares are gone afterwards."""
    before = dict(SCORES)
    yield
    SCORES.clear()
    SCORES.update(before)


def zero(view: View) -> Figure:
    """Is it zero?"""
    return Figure(Estimate(0.0, 0.0, 0.0, "none", len(view.real), len(view.fake)))


@pytest.mark.parametrize("key", SCORES)
def test_every_score_says_what_it_asks_and_what_it_misses(key: str) -> None:
    each = SCORES[key]
    assert each.key == each.compute.__name__ == key
    assert each.asks.endswith((".", "?"))
    assert "  " not in each.asks
    assert each.blind
    assert each.paper
    assert each.better in get_args(Better)


def test_scores_are_chosen_in_the_order_of_the_registry() -> None:
    assert [s.key for s in chosen(["kernel", "frechet"])] == ["frechet", "kernel"]
    assert {s.key for s in chosen(["default"])} == {k for k, s in SCORES.items() if s.default}
    assert chosen(["all"]) == list(SCORES.values())
    with pytest.raises(sp.BadInput, match="Did you mean 'kernel'"):
        chosen(["kernal"])


@pytest.mark.usefixtures("registry")
def test_a_declared_score_is_offered_everywhere() -> None:
    score("nothing", "lower", blind="all", paper="none", quick=lambda real, fake: 0.0)(zero)
    assert chosen(["zero"])[0].asks == "Is it zero?"
    assert "| `zero` | nothing | lower | Is it zero? | all | none |" in tables.scores()
    assert "zero" in tuple(VALIDATING)
    assert Validation(score="zero").score == "zero"


@pytest.mark.usefixtures("registry")
def test_what_a_score_does_not_say_is_refused() -> None:
    score("nothing", "lower", blind="all", paper="none")(zero)
    with pytest.raises(sp.BadInput, match="'zero' is there already"):
        score("nothing", "lower", blind="all", paper="none")(zero)

    def silent(view: View) -> Figure:
        return zero(view)

    with pytest.raises(sp.BadInput, match="'silent' has no docstring"):
        score("nothing", "lower", blind="all", paper="none")(silent)
    silent.__doc__ = "Is it?"
    with pytest.raises(sp.BadInput, match="looks for the lowest value"):
        score("nothing", "higher", blind="all", paper="none", quick=lambda real, fake: 0.0)(silent)
    assert "silent" not in SCORES


def test_validation_takes_what_is_quick_and_nothing_else() -> None:
    assert set(VALIDATING) == {"none", "frechet", "kernel", "sliced"}
    with pytest.raises(ValueError, match="'precision' is no score for validation"):
        Validation(score="precision")


def test_a_yardstick_is_a_number_or_depends_on_the_view() -> None:
    view: View = None  # type: ignore[assignment]
    assert SCORES["precision"].worthless(view) == 1.0
    assert SCORES["mmd_test"].worthless(view) is None


def test_naming_scores_needs_no_torch() -> None:
    program = (
        "import sys\nfrom saddlepoint.scores.declaration import SCORES\n"
        "assert len(SCORES) > 20\nassert 'torch' not in sys.modules\n"
        "assert 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


MODULE = '''"""my_scores.py"""

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure


def gap_alone(real, fake):
    return float((real.mean(0) - fake.mean(0)).norm())


@score("distance of means", "lower", blind="all but means", paper="none", quick=gap_alone)
def means(view):
    """Do the means of the features agree?"""
    from saddlepoint.metrics.estimate import Estimate

    gap = gap_alone(view.real_features, view.fake_features)
    return Figure(Estimate(gap, gap, gap, "none", len(view.real), len(view.fake)))
'''


def test_a_score_of_ones_own_is_evaluated_and_validated(tmp_path: Path) -> None:
    (tmp_path / "my_scores.py").write_text(MODULE)

    def saddlepoint(*words: str) -> subprocess.CompletedProcess[str]:
        program = "import sys\nfrom saddlepoint.cli import main\nmain(sys.argv[1:])"
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    train = ["train", "toy-ring", "--steps", "4", "--device", "cpu", "--out", "run", "--quiet"]
    done = saddlepoint(*train, "--import", "my_scores", "--validate", "means")
    assert done.returncode == 0, done.stderr
    assert '"validation/means"' in (tmp_path / "run" / "record.jsonl").read_text()
    missing = saddlepoint("evaluate", "run", "--scores", "kernel")
    assert missing.returncode == 2
    assert "add --import my_scores" in missing.stderr
    words = ["evaluate", "run", "--n", "100", "--scores", "means", "--import", "my_scores"]
    done = saddlepoint(*words)
    assert done.returncode == 0, done.stderr
    assert "distance of means" in done.stdout
