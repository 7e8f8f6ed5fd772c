"""Symptoms of real trainings: four made sick on purpose, and ten healthy ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.games.moment import Moment
from saddlepoint.learners.family import Family
from saddlepoint.learners.kinds import FAMILIES
from saddlepoint.learners.latent import LatentLearner
from saddlepoint.learners.learner import DataPhase
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.optimisers import Adam, Sgd
from saddlepoint.randomness import Streams
from saddlepoint.symptoms.known import SYMPTOMS, findings
from saddlepoint.training.record import read_record

pytestmark = pytest.mark.slow
NAMES = ("saturated-critic", "collapsed-diversity", "near-training", "plateau")


def test_these_are_all_symptoms() -> None:
    assert set(NAMES) == set(SYMPTOMS)


def run_of(recipe: str, data: str, steps: int, seed: int = 0, **learner: Any) -> sp.Run:
    """A small run that is measured sixteen times."""
    often = {"log_every": 10, "sample_every": 10**6, "checkpoint_every": steps // 16}
    fields = {"width": 32} if "dcgan" in recipe else {}
    training = often | {"validation": {"score": "kernel"}}
    run = tiny(recipe, steps, data=data, batch_size=64, seed=seed, training=training, **fields)
    return run.replace(learner=run.learner.replace(**learner))


def said(run: sp.Run, out: Path) -> set[str]:
    """The symptoms that were said; the events of the record must be these sentences."""
    sp.train(run, out, quiet=True)
    history = read_record(out)
    found = findings(history.readings())
    events = [each["detail"] for each in history.events if each["event"] == "symptom"]
    assert events == [each.sentence for each in found]
    return {each.evidence.symptom for each in found}


class Copying(Family):
    """A table with a row for each example; samples are its rows."""

    kind: Literal["copying"] = "copying"

    def build(self, data: DataInfo, batch_size: int, members: int | None) -> Copier:
        return Copier(data)


class Table(nn.Module):
    def __init__(self, data: DataInfo) -> None:
        super().__init__()
        # numbers of examples run over all splits; rows of what is held out stay zero
        self.rows = nn.Parameter(torch.zeros(sum(data.counts.values()), *data.shape))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        place = torch.special.ndtr(z[:, 0]) * len(self.rows)
        return self.rows[place.long().clamp(max=len(self.rows) - 1)]


class Copier(LatentLearner):
    headline = ("model/loss",)
    averaged = ("model",)

    def __init__(self, data: DataInfo) -> None:
        super().__init__()
        self.table = Table(data)
        self.phases = (DataPhase("model", moves=("model",), loss=self.loss),)

    @property
    def players(self) -> dict[str, nn.Module]:
        return {"model": self.table}

    @property
    def optimisers(self) -> dict[str, Any]:
        return {"model": Adam(learning_rate=0.05)}

    @property
    def columns(self) -> tuple[str, ...]:
        return ("z",)

    @property
    def decoder(self) -> nn.Module:
        return self.table

    def decode_block(self, z: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
        return self.table(z)

    def loss(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        assert batch.index is not None
        values = (self.table.rows[batch.index] - batch.x).square().flatten(1).sum(1)
        return Losses({"distance": Term(values)}, {"model/loss": values.detach().mean()})


@pytest.fixture
def copying() -> Iterator[None]:
    FAMILIES.append(Copying)
    yield
    FAMILIES.remove(Copying)


def test_a_critic_against_a_generator_that_stands_still(tmp_path: Path) -> None:
    sick = run_of(
        "gan",
        "digits",
        400,
        objective="minimax",
        generator_optimiser=Sgd(learning_rate=1e-9),
        critic_optimiser=Adam(learning_rate=2e-3),
    )
    assert "saturated-critic" in said(sick, tmp_path / "run")


def test_a_generator_that_makes_one_sample(tmp_path: Path) -> None:
    """Minimax with a rate fifty times too high for the generator: it runs after the critic."""
    fast = Adam(learning_rate=1e-2)
    sick = run_of("gan", "digits", 400, objective="minimax", generator_optimiser=fast)
    assert "collapsed-diversity" in said(sick, tmp_path / "run")


def test_a_sampler_of_training_examples(tmp_path: Path, copying: None) -> None:
    run = run_of("gan", "digits", 240)
    training = run.training.replace(averaging=0.0)
    sick = run.replace(learner=Copying(), training=training, recipe=None)
    assert "near-training" in said(sick, tmp_path / "run")


def test_rates_of_zero(tmp_path: Path) -> None:
    nothing = Sgd(learning_rate=0.0)
    sick = run_of("gan", "ring", 48, generator_optimiser=nothing, critic_optimiser=nothing)
    assert "plateau" in said(sick, tmp_path / "run")


HEALTHY: list[tuple[str, int, dict[str, Any]]] = [
    *(("dcgan-two-core", seed, {}) for seed in range(4)),
    *(("dcgan-two-core", 0, {"objective": o}) for o in ("hinge", "least_squares", "relativistic")),
    *(("vae", seed, {}) for seed in range(3)),
]


@pytest.mark.parametrize(("recipe", "seed", "learner"), HEALTHY)
def test_ten_healthy_runs(tmp_path: Path, recipe: str, seed: int, learner: dict[str, Any]) -> None:
    assert said(run_of(recipe, "digits", 400, seed, **learner), tmp_path / "run") == set()


def test_they_are_ten() -> None:
    assert len(HEALTHY) == 10
