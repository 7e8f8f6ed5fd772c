"""A grid of options, each with several seeds, that ends in a comparison."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

import saddlepoint as sp
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.sweeping.varied import Varied
from saddlepoint.training import run_directory
from saddlepoint.training.step import Stepper

RATES = {"learner.critic_optimiser.learning_rate": [1e-4, 2e-4]}
WORDS = [
    "--steps",
    "4",
    "--learner.critic.norm",
    "none",
    "--width",
    "4",
    "--batch-size",
    "16",
    "--device",
    "cpu",
    "--quiet",
]


SCORED = ["--scores", "frechet", "sliced", "--n", "50", "--features", "pixels"]
FEW = {"n": 50, "scores": "frechet", "features": "pixels", "quiet": True}


def test_a_sweep_of_groups_ends_in_one_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "sweep"
    vary = ["--vary", "learner.critic-optimiser.learning-rate=1e-4,2e-4"]
    vary += ["--vary", "learner.critic-regularisers=none,r1+drift"]
    main(["sweep", "dcgan", *vary, "--seeds", "2", "--out", str(where), *WORDS, *SCORED])
    rates, lists = ("1e-4", "2e-4"), ("none", "r1+drift")
    names = [f"learning-rate={r},critic-regularisers={p}" for r in rates for p in lists]
    assert {path.name for path in where.iterdir()} >= {*names, "comparison", "sweep.json"}
    run = run_directory.read(where / names[3]).run
    assert run.seeds == 2
    assert run.learner.critic_optimiser.learning_rate == 2e-4
    assert [part.known_as()[0] for part in run.learner.critic_regularisers] == ["r1", "drift"]
    stored = json.loads((where / "comparison/comparison.json").read_text())
    assert [group["name"] for group in stored["groups"]] == names
    assert stored["scope"] == "method"
    (evaluation, _) = stored["groups"][0]["evaluations"]
    assert {row["score"] for row in evaluation["rows"]} == {"frechet", "sliced"}
    assert {row["space"].split(" ")[0] for row in evaluation["rows"]} == {"pixels"}
    assert evaluation["n"]["real"] == 50
    page = (where / "comparison/comparison.md").read_text()
    assert f"| {names[0]} (2) |" in page
    assert "p (Holm)" in page
    assert "p (Holm)" in capsys.readouterr().out


def test_an_interrupted_sweep_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny("dcgan", steps=4)
    whole = sp.sweep(run, RATES, seeds=2, out=tmp_path / "whole", **FEW)
    where = tmp_path / "broken"
    original, steps = Stepper.step, []

    def step(self: Stepper, number: int, progress: float) -> None:
        original(self, number, progress)
        steps.append(number)
        if len(steps) == 6:  # in the second of four runs
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "step", step)
        with pytest.raises(sp.Interrupted, match=f"`saddlepoint resume {where}`"):
            sp.sweep(run, RATES, seeds=2, out=where, **FEW)
    assert not (where / "comparison").exists()
    main(["resume", str(where), "--quiet"])
    assert (where / "comparison/comparison.json").exists()
    for name, place in whole.runs.items():
        for seed in ("seed-0", "seed-1"):
            assert same_bits(tensors(place / seed, 4), tensors(where / name / seed, 4))
    stored = json.loads((where / "comparison/comparison.json").read_text())
    scored = [row["score"] for row in stored["groups"][0]["evaluations"][0]["rows"]]
    assert scored == ["frechet"]  # the sweep remembers how it was to be scored
    again = sp.sweep(run, RATES, seeds=2, out=where, **FEW)  # nothing is left but to compare
    for mine, theirs in zip(again.comparison.verdicts, whole.comparison.verdicts, strict=True):
        assert (mine.score, mine.outcome) == (theirs.score, theirs.outcome)
    with pytest.raises(sp.BadInput, match="holds another sweep"):
        sp.sweep(run, RATES, seeds=3, out=where, quiet=True)
    with pytest.raises(sp.BadInput, match="leave all options but"):
        main_raising(["resume", str(where), "--steps", "9"])


def main_raising(words: list[str]) -> None:
    from saddlepoint.cli import dispatch

    dispatch(words)


def test_members_are_swept_in_one_program(tmp_path: Path) -> None:
    run = tiny("gan", data="ring", steps=4)
    done = sp.sweep(run, {"learner.cost": ["game", "unrolled"]}, seeds=2, out=tmp_path / "s", **FEW)
    assert all((place / "run.json").exists() for place in done.runs.values())
    assert [len(group.evaluations) for group in done.comparison.groups] == [2, 2]
    assert "learner.cost" not in str(done)
    assert "cost=unrolled (2)" in str(done)


@pytest.mark.parametrize(
    ("vary", "why"),
    [
        ("seed=1,2", "--seeds trains several"),
        ("data=ring,grid", "no common scale"),
        ("learner.cost=game", "two values or more"),
        ("learner.cost", "two values or more"),
        ("learner.cost=game,game", "stands there twice"),
        ("=1,2", "two values or more"),
    ],
)
def test_what_cannot_be_varied(vary: str, why: str) -> None:
    with pytest.raises(sp.BadInput, match=why):
        Varied.parse(vary)


def test_mistakes_leave_nothing_behind(tmp_path: Path) -> None:
    run, where = tiny("gan", data="ring"), tmp_path / "sweep"
    for vary, why in [
        ({"learner.cost": ["game", "unrold"]}, "Did you mean 'unrolled'"),
        ({"learner.critic_step": [1, 2]}, "Did you mean '--learner.critic-steps'"),
        ({"training.steps": range(1, 100)}, "at most 64"),
        ({}, "name what varies"),
        ({"training.batch_size": [8, 10**9]}, "is larger than the"),
    ]:
        with pytest.raises(sp.BadInput, match=why):
            sp.sweep(run, vary, out=where, quiet=True)  # type: ignore[arg-type]
        assert "batch" in str(vary) or not where.exists()
