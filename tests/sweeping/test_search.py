"""A search: optuna proposes, each trial is trained, scored, stored; the best are compared."""

from __future__ import annotations

import json
import os
import shlex
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

import saddlepoint as sp
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.cli import main
from saddlepoint.evaluation.by_seed import score_by_seed
from saddlepoint.options import with_words
from saddlepoint.sweeping.proposals import Proposals
from saddlepoint.sweeping.trials import Trial, read_trials
from saddlepoint.sweeping.varied import Varied
from saddlepoint.training import run_directory
from saddlepoint.training.step import Stepper

pytest.importorskip("optuna")

RATE = "learner.critic_optimiser.learning_rate"
VARY = {RATE: "1e-4..1e-2", "learner.cost": ["game", "unrolled"]}
FEW: dict[str, Any] = {"pick": "optuna", "n": 100, "scores": "kernel", "quiet": True}


def ring(steps: int = 2) -> sp.Run:
    return tiny("gan", steps, data="ring")


def facts(where: Path) -> list[tuple[Any, ...]]:
    return [(trial.values, trial.state, trial.scores) for trial in read_trials(where)]


def test_a_search_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "sweep"
    words = ["sweep", "gan", "--data", "ring", "--steps", "3", "--batch-size", "16", "--seeds", "2"]
    words += ["--vary", "learner.critic-optimiser.learning-rate=1e-4..1e-2", "steps=2..4"]
    words += ["--vary=learner.cost=game,unrolled", "--pick", "optuna", "--out", str(where)]
    words += ["--n", "100", "--scores", "kernel", "frechet", "--device", "cpu", "--trials"]
    main([*words, "3"])
    shown = capsys.readouterr()
    trials = read_trials(where)
    assert [trial.state for trial in trials] == ["done"] * 3
    for trial in trials:
        run = run_directory.read(where / trial.name).run
        rate, steps, cost = (value[0] for value in trial.values)
        assert run.learner.critic_optimiser.learning_rate == float(rate)
        assert 1e-4 <= float(rate) <= 1e-2
        assert (run.training.steps, run.learner.cost.kind) == (int(steps), cost)
        assert trial.scores == score_by_seed(where / trial.name, "kernel", n=100)
    best = min(trials, key=lambda trial: trial.mean)
    for page in (shown.out, (where / "comparison/comparison.md").read_text()):
        assert f"The best of 3 trials is {best.name} (learning-rate=" in page
        assert f"{best.mean:.4g} ± {statistics.stdev(best.scores):.2g}" in page
        assert "is optimistic" in page
    stored = json.loads((where / "comparison/comparison.json").read_text())
    names = [group["name"] for group in stored["groups"]]
    assert names == [t.name for t in sorted(trials, key=lambda trial: trial.mean)]
    scored = {row["score"] for row in stored["groups"][0]["evaluations"][0]["rows"]}
    assert scored == {"kernel", "frechet"}
    assert f"trial-1 of 3 (learning-rate={float(trials[0].values[0][0]):.3g}" in shown.err

    # the commands that it ends in are right: the best values, with seeds that it has not seen
    commands = [line for line in shown.out.splitlines() if line.startswith("  saddlepoint ")]
    train, score = (shlex.split(line)[1:] for line in commands)
    main([*train, "--quiet"])
    main([*score, "--n", "100", "--scores", "kernel", "--quiet"])
    fresh = run_directory.read(tmp_path / "sweep-best").run
    assert (fresh.seed, fresh.seeds) == (2, 3)
    tried = run_directory.read(where / best.name).run
    assert fresh.learner == tried.learner

    # the same command again adds nothing, and more trials go on
    before = facts(where)
    main([*words, "3", "--quiet"])
    assert facts(where) == before
    main([*words, "4", "--quiet"])
    assert len(facts(where)) == 4
    assert facts(where)[:3] == before


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, where = ring(), tmp_path / "broken"
    whole = sp.sweep(run, VARY, trials=11, out=tmp_path / "whole", **FEW)
    original, steps = Stepper.step, []

    def step(self: Stepper, number: int, progress: float) -> None:
        original(self, number, progress)
        steps.append(number)
        if len(steps) == 3:  # in the second trial
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "step", step)
        with pytest.raises(sp.Interrupted, match=f"`saddlepoint resume {where}`"):
            sp.sweep(run, VARY, trials=4, out=where, **FEW)
    assert [trial.state for trial in read_trials(where)] == ["done", "waiting"]
    main(["resume", str(where), "--quiet"])
    assert facts(where) == facts(tmp_path / "whole")[:4]
    more = sp.sweep(run, VARY, trials=11, out=where, **FEW)  # beyond what is drawn at random
    assert facts(where) == facts(tmp_path / "whole")
    assert (more.best, len(more.runs)) == (whole.best, 11)
    assert more.comparison is not None
    assert len(more.comparison.groups) == 5
    for trial in more.trials:
        one, other = (tmp_path / place / trial.name for place in ("whole", "broken"))
        assert same_bits(tensors(one, 2), tensors(other, 2))
    for other in ({"by": "frechet"}, {"seeds": 2}, {"n": 200}):
        with pytest.raises(sp.BadInput, match="holds another sweep"):
            sp.sweep(run, VARY, trials=11, out=where, **(FEW | other))
    with pytest.raises(sp.BadInput, match="holds another sweep"):
        sp.sweep(run, {RATE: [1e-4, 1e-3]}, out=where, quiet=True)


def test_a_trial_that_diverges_is_told_as_failed(tmp_path: Path) -> None:
    run = tiny("vae", 30)
    run = run.replace(learner=run.learner.replace(optimiser={"kind": "sgd"}))
    vary = {"learner.optimiser.learning_rate": "1e-4..1e8"}
    done = sp.sweep(run, vary, trials=6, by="sliced", out=tmp_path / "s", **(FEW | {"n": 40}))
    failed = [trial for trial in done.trials if trial.state == "failed"]
    assert 0 < len(failed) < 6
    for trial in failed:
        assert "became infinite or NaN" in trial.detail
        assert f"failed: {trial.detail}" in (tmp_path / "s/comparison/comparison.md").read_text()
        assert float(trial.values[0][0]) > float(done.best.values[0][0])  # type: ignore[union-attr]
    assert set(done.runs) == {t.name for t in done.trials if t.state == "done"}


def test_nothing_but_failures_is_a_sentence(tmp_path: Path) -> None:
    run = tiny("vae", 60)
    run = run.replace(learner=run.learner.replace(optimiser={"kind": "sgd"}))
    vary = {"learner.optimiser.learning_rate": "1e6..1e8"}
    with pytest.raises(sp.RunStopped, match=r"none of the 2 trials.*became infinite or NaN"):
        sp.sweep(run, vary, trials=2, out=tmp_path / "s", **FEW)


def test_trials_side_by_side(tmp_path: Path) -> None:
    run = tiny("dcgan", 2)
    vary = {"learner.critic_optimiser.learning_rate": "1e-4..1e-3"}
    settings = FEW | {"n": 40, "features": "pixels", "at_once": 2}
    done = sp.sweep(run, vary, trials=2, out=tmp_path / "s", **settings)
    assert [trial.state for trial in done.trials] == ["done", "done"]
    assert run_directory.read(tmp_path / "s/trial-2").resolved["threads"] is not None


def test_the_sampler_learns_and_repeats_itself() -> None:
    """On the quadratic (x − 3)² proposals come near 3, and far from it if the score is to be high.

    Uniform draws from [−10, 10] are (13² + 7²) / 40 = 5.45 off on average.
    """
    varied = [Varied.parse("a.x=linear:-10.0..10.0"), Varied.parse("a.k=p,q")]

    def search(seed: int, higher: bool = False, broken: int | None = None) -> list[float]:
        proposals = Proposals(varied, seed, higher)
        trials: list[Trial] = []
        values = []
        for number in range(1, 41):
            if number == broken:  # as of a new process
                proposals = Proposals(varied, seed, higher)
                for trial in trials:
                    proposals.again(trial.number, trial.values)
                    proposals.tell(trial.number, None if trial.state == "failed" else trial.mean)
            trial = Trial(number, proposals.ask(number))
            x = float(trial.values[0][0])
            loss = (x - 3) ** 2 + (trial.values[1] == ("q",))
            trial = trial.failed("no luck") if number % 7 == 0 else trial.done([loss])
            proposals.tell(number, None if trial.state == "failed" else trial.mean)
            trials.append(trial)
            values.append(x)
        return values

    values = search(0)
    assert values == search(0) == search(0, broken=23)
    assert values != search(1)
    off = [abs(x - 3) for seed in range(4) for x in search(seed)[-10:]]
    assert statistics.fmean(off) < 5.45 / 2
    off = [abs(x - 3) for seed in range(4) for x in search(seed, higher=True)[-10:]]
    assert statistics.fmean(off) > 5.45 * 1.5


@pytest.mark.parametrize(
    ("vary", "options", "why"),
    [
        ({RATE: "1e-4..1e-2"}, {"pick": "grid"}, "a range is searched by --pick optuna"),
        ({"learner.cost": ["game", "unrolled"]}, {"trials": 2}, "leave --pick and --trials out"),
        ({RATE: "1e-4..1e-2"}, {"trials": 1}, "use 2 to 1,000"),
        ({RATE: "1e-4..1e-2"}, {"trials": None}, "as in --trials 20"),
        ({RATE: "1e-4..1e-2"}, {"by": "prdc"}, "of which lower or higher is better"),
        ({RATE: "1e-4..1e-2"}, {"by": "kernal"}, "Did you mean 'kernel'"),
        ({RATE: "-1..1"}, {}, "learning_rate: -1.0 is negative"),
        ({"learner.critic_steps": "0..3"}, {}, "critic_steps: it should be greater than 0"),
        ({"learner.critic_stps": "1..3"}, {}, "Did you mean '--learner.critic-steps'"),
        ({RATE: "1e-4..1e-2"}, {"pick": "random"}, "use grid or optuna"),
        ({RATE: [1e-4, 1e-2]}, {"pick": "grid", "trials": 3}, "--trials is for a search"),
        ({RATE: [1e-4, 1e-2]}, {"pick": "grid", "by": "kernel"}, "--by is for a search"),
        ({RATE: "1e-4..1e-2"}, {"features": "pixls"}, "Did you mean 'pixels'"),
        ({RATE: "1e-4..1e-2"}, {"scores": "kernal"}, "Did you mean 'kernel'"),
        ({RATE: "1e-4..1e-2"}, {"features": object()}, "features are words"),
        ({RATE: "1e-4..1e-2"}, {"at_once": 65}, "use 1 to 64 processes"),
        ({}, {}, "name what varies"),
    ],
)
def test_mistakes_leave_nothing_behind(
    vary: dict[str, Any], options: dict[str, Any], why: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"trials": 3, "pick": "optuna"} | options
    if settings["pick"] == "grid" and "trials" not in options:
        settings["trials"] = None
    with pytest.raises(sp.BadInput, match=why):
        sp.sweep(ring(), vary, out=tmp_path / "s", quiet=True, **settings)
    assert not (tmp_path / "s").exists()


def test_too_few_examples_for_the_choice_leave_nothing_behind(tmp_path: Path) -> None:
    run = ring()
    few = [word for name in ("validation", "test") for word in (f"--data.split.{name}", "0.0005")]
    run = with_words(run, few, "test")
    with pytest.raises(sp.BadInput, match=r"validation split .* enlarge --data.split.validation"):
        sp.sweep(run, {RATE: "1e-4..1e-2"}, trials=2, out=tmp_path / "s", **FEW)
    assert not (tmp_path / "s").exists()


def test_without_optuna_one_sentence_says_how_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    words = ["sweep", "gan", "--data", "ring", "--vary", "learner.critic-steps=1..3"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--pick", "optuna", "--trials", "2", "--out", str(tmp_path / "s")])
    assert stop.value.code == 2
    assert 'pip install "saddlepoint[optuna]"' in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["sweep.json", "trials.json"])
@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"format": 1}', '{"format": 2, "trials": [{}]}']
)
def test_damaged_files_are_a_sentence(name: str, text: str, tmp_path: Path) -> None:
    where = tmp_path / "s"
    where.mkdir()
    search = {"recipe": "gan", "words": ["--data", "ring"], "vary": ["learner.critic-steps=1..3"]}
    search |= {"trials": 2, "by": "kernel"}
    (where / "sweep.json").write_text(json.dumps({"format": 2, "search": search}))
    (where / "start.json").write_text(ring().model_dump_json())
    (where / name).write_text(text)
    with pytest.raises(sp.BadInput):
        main_raising(["resume", str(where)])


def main_raising(words: list[str]) -> None:
    from saddlepoint.cli import dispatch

    dispatch(words)
