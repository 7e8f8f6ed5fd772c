"""The validation score: what it is, which checkpoint it chooses, when it stops a run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import saddlepoint as sp
from kit.crash import crashed
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.features.opening import open_features
from saddlepoint.metrics.kernel import kernel_distance
from saddlepoint.options import described, start_of
from saddlepoint.randomness import derive
from saddlepoint.run.training import Validation
from saddlepoint.training.checkpoint import read_best, steps_of
from saddlepoint.training.record import read_record
from saddlepoint.training.validation import Validator

KERNEL = {"validation": Validation(score="kernel")}


def test_the_recorded_score_is_that_of_the_saved_model(tmp_path: Path) -> None:
    run = tiny("dcgan", training=KERNEL)
    sp.train(run, tmp_path / "run", quiet=True)
    record = read_record(tmp_path / "run")
    by_step = dict(zip(record.steps, record.scalars["validation/kernel"], strict=True))
    assert [step for step, value in by_step.items() if value is not None] == [4, 8, 12]
    data = run.data.open()
    space = open_features("pixels", data)
    real = data.take("validation", 1000, torch.device("cpu")).x
    assert 40 <= len(real) < 1000
    model = sp.load(tmp_path / "run", 12)
    fake = model.sample(len(real), seed=derive(run.seed, "validation"))
    expected = kernel_distance(space.of(real), space.of(fake))
    assert by_step[12] == pytest.approx(expected, rel=1e-6)


def test_best_is_the_checkpoint_with_the_lowest_score(tmp_path: Path) -> None:
    sp.train(tiny("dcgan", steps=24, training=KERNEL), tmp_path / "run", quiet=True)
    record = read_record(tmp_path / "run")
    pairs = zip(record.scalars["validation/kernel"], record.steps, strict=True)
    value, step = min((v, s) for v, s in pairs if v is not None)
    best = read_best(tmp_path / "run")
    assert best is not None
    assert (best["step"], best["scalar"], best["mode"]) == (step, "validation/kernel", "min")
    assert best["value"] == pytest.approx(value)
    assert sp.load(tmp_path / "run").step == step
    assert sp.load(tmp_path / "run", "latest").step == 24


def test_a_scalar_of_ones_own_still_chooses(tmp_path: Path) -> None:
    run = tiny("dcgan", training=KERNEL | {"best": {"scalar": "critic/loss", "mode": "max"}})
    sp.train(run, tmp_path / "run", quiet=True)
    best = read_best(tmp_path / "run")
    assert best is not None
    assert best["scalar"] == "critic/loss"


def worse_each_time(monkeypatch: pytest.MonkeyPatch, good: int) -> None:
    """Scores that improve ``good`` times and then no more."""
    calls = iter(range(1000))

    def score(self: Validator, samples: torch.Tensor) -> float:
        return float(-min(next(calls), good - 1))

    monkeypatch.setattr(Validator, "score", score)


def test_a_plateau_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worse_each_time(monkeypatch, good=2)
    patient = {"validation": Validation(score="kernel", patience=3)}
    result = sp.train(tiny("gan", steps=60, training=patient), tmp_path / "run", quiet=True)
    # validated at 4, 8 (best), 12, 16, 20: three without a new best
    assert result.step == 20
    assert steps_of(tmp_path / "run")[-1] == 20
    events = {event["event"]: event for event in read_record(tmp_path / "run").events}
    assert "3 validations" in events["plateau"]["detail"]
    assert read_best(tmp_path / "run")["step"] == 8  # type: ignore[index]
    again = sp.resume(tmp_path / "run", quiet=True)
    assert again.step > 20, "a user who resumes wants it to go on"


def test_patience_survives_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = {"validation": Validation(score="sliced", patience=2)}

    monkeypatch.setattr(Validator, "score", lambda self, samples: 1.0)
    run = tiny("gan", steps=40, training=patient)
    whole = sp.train(run, tmp_path / "whole", quiet=True)
    crashed(run, 10, tmp_path / "broken", monkeypatch)
    broken = sp.resume(tmp_path / "broken", quiet=True)
    assert whole.step == broken.step == 12
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "broken", 12))


def test_validating_changes_no_weight(tmp_path: Path) -> None:
    sp.train(tiny("dcgan"), tmp_path / "without", quiet=True)
    sp.train(tiny("dcgan", training=KERNEL), tmp_path / "with", quiet=True)
    without, with_score = (tensors(tmp_path / name, 12) for name in ("without", "with"))
    # a log line at a validated step takes the meters that an unvalidated run still carries
    learned = {k for k in without if not k.startswith("meters/")}
    assert all(without[k].tobytes() == with_score[k].tobytes() for k in learned)


def test_every_seed_is_validated(tmp_path: Path) -> None:
    run = tiny("gan", training={"validation": Validation(score="frechet")}).replace(seeds=2)
    sp.train(run, tmp_path / "run", quiet=True)
    record = read_record(tmp_path / "run")
    last = record.members["validation/frechet"][-1]
    assert len(last) == 2
    assert record.scalars["validation/frechet"][-1] == pytest.approx(sum(last) / 2)  # type: ignore[arg-type]


def test_samples_that_are_not_finite_are_the_worst() -> None:
    run = tiny("gan")
    validator = Validator(Validation(score="kernel"), run.data.open())
    bad = torch.full((validator.samples, 1, 8, 8), math.nan)
    assert validator.score(bad) == math.inf
    validator.note(math.inf)
    assert json.loads(json.dumps(validator.state())) == {"best": None, "since": 1}


@pytest.mark.parametrize("score", ["kernel", "frechet", "sliced"])
def test_fresh_real_data_score_better_than_noise(score: str) -> None:
    data = tiny("gan").data.open()
    validator = Validator(Validation(score=score), data)  # type: ignore[arg-type]
    real = data.take("test", validator.samples, torch.device("cpu")).x
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert validator.score(real) < 0.2 * validator.score(noise)


def test_words_of_the_command_line() -> None:
    def run(*words: str) -> sp.Run:
        return described(start_of("gan"), list(words), "saddlepoint train gan")[0]

    assert run().training.validation.score == "none"
    assert run("--validate", "sliced").training.validation.score == "sliced"
    stopping = run("--stop-when", "plateau:3").training.validation
    assert (stopping.score, stopping.patience) == ("kernel", 3)
    assert run("--stop-when", "plateau").training.validation.patience == 10
    for words in (["--stop-when", "never"], ["--stop-when", "plateau:0"], ["--validate", "fid"]):
        with pytest.raises(sp.BadInput):
            run(*words)
    with pytest.raises(sp.BadInput, match="patience counts validations"):
        run("--training.validation.patience", "3")
    with pytest.raises(sp.BadInput, match=r"^--training\.validation: samples are what a score"):
        run("--training.validation.samples", "50")


def test_without_a_score_goes_what_it_would_have_used(tmp_path: Path) -> None:
    settings = Validation(score="kernel", features="classifier", samples=50, patience=3)
    path = tmp_path / "run.json"
    path.write_text(tiny("gan", training={"validation": settings}).model_dump_json())
    run, _ = described(start_of(str(path)), ["--validate", "none"], "saddlepoint train")
    assert run.training.validation == Validation()


def test_an_empty_validation_split_is_told(tmp_path: Path) -> None:
    run = tiny("gan", training=KERNEL)
    run = run.replace(data=run.data.replace(split={"validation": 0.0, "test": 0.1}))
    with pytest.raises(sp.BadInput, match="validation split of digits holds 0"):
        sp.train(run, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
