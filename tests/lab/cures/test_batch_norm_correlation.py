"""Batch norm's correlation: known samplers, each norm's own, and claims that other rows refute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import batch_norm_correlation
from saddlepoint.lab.cures.batch_norm_correlation import (
    BATCHES,
    LATENT,
    NORMS,
    _named,
    _sampler,
    claims,
    correlation,
    moved,
)
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.network import Site


def test_known_samplers_have_their_correlation_and_share() -> None:
    assert correlation(lambda z: z, 4) == pytest.approx(0, abs=0.01)
    assert correlation(lambda z: z - z.mean(axis=0), 4) == pytest.approx(-1 / 3, abs=1e-9)
    assert correlation(lambda z: np.broadcast_to(z[:1], z.shape), 4) == pytest.approx(1, abs=1e-9)
    # of z + c·(mean of the batch's others), c² / n of the variance is the partners'
    share, _ = moved(lambda z: z + (z.sum(axis=0) - z), 2)
    assert share == pytest.approx(0.5, rel=0.1)
    assert moved(lambda z: z, 4) == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_only_batch_norm_in_training_mode_sees_partners(norm: str) -> None:
    torch.manual_seed(0)
    network = Dcgan(width=4).replace(norm=norm)
    learner = Adversarial(latent=LATENT, generator=network, critic=Dcgan(width=4, norm="none"))
    generator = Duel(learner, Site((1, 8, 8), batch=8)).generator.train()
    share, largest = moved(_sampler(generator), 3)
    if norm == "batch":
        assert share > 1e-3
        share, largest = moved(_sampler(generator.eval()), 3)
    assert share == pytest.approx(0, abs=1e-12)
    assert largest == pytest.approx(0, abs=1e-6)


def rows() -> list[dict]:
    names = (_named("batch"), _named("batch", "eval"), *NORMS[1:])
    return [
        {
            "norm": name,
            "batch": batch,
            "moved": PerSeed((1.2 / batch if name == names[0] else 0.0,) * 3),
            "largest": PerSeed((0.5 if name == names[0] else 0.0,) * 3),
            "correlation": PerSeed((0.3 / batch if name == names[0] else 0.0,) * 3),
        }
        for name in names
        for batch in BATCHES
    ]


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    assert all(claim.holds for claim in claims(measured))
    few = len(BATCHES)
    for which, key, value, numbers in (
        (few - 1, "moved", 0.2, [0]),
        (2, "moved", 0.0, [0]),
        (0, "moved", 0.45, [1]),
        (2, "correlation", -0.1, [2]),
        (few, "largest", 1e-5, [3]),
        (2 * few + 1, "correlation", -0.03, [4]),
    ):
        altered = [dict(r) for r in measured]
        before = measured[which][key].values[0]
        altered[which][key] = PerSeed((before, value, before))
        others = [claim.holds for claim in claims(altered)]
        assert [n for n in range(5) if not others[n]] == numbers, key


def test_claims_are_of_the_norms_that_were_trained() -> None:
    alone = [r for r in rows() if r["norm"] == "layer"]
    assert len(claims(alone)) == 2
    assert len(claims(rows()[: len(BATCHES)])) == 3


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_norm_correlation, "FEW", ("batch",))
    monkeypatch.setattr(batch_norm_correlation, "SAMPLES", 128)
    monkeypatch.setattr(batch_norm_correlation, "PARTNERS", 2)
    monkeypatch.setattr(batch_norm_correlation, "CODES", 2)
    entry = EXPERIMENTS["batch-norm-correlation"]
    budget = Budget(seeds=1, steps=2)
    with quickly():
        findings = entry.function(Bench(entry.name, tmp_path / "out", budget, fast=True, at_once=1))
    assert len(findings.rows) == 2 * len(BATCHES)
    assert set(findings.pictures) == set(entry.pictures)
    assert findings.claims == claims(findings.rows)
    assert findings.pictures["partners"].picture().size[0] > 800
    with quickly():
        some = Bench(entry.name, tmp_path / "some", budget, fast=True, at_once=1, only="none")
        monkeypatch.setattr(batch_norm_correlation, "FEW", ("none",))
        alone = entry.function(some)
    assert {r["norm"] for r in alone.rows} == {"none"}
    assert alone.reading == ""
    assert alone.pictures["partners"].picture()
