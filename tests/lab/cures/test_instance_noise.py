"""Instance noise: the facts' exact figures, and claims that other rows refute."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
from scipy.stats import norm

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.cures import instance_noise
from saddlepoint.lab.cures.instance_noise import NOISES, claims, exactly, row

# (σ, θ/σ): JSD, 2 dJSD/dθ and the other gradient between N(0, 1) and N(θ/σ, 1)
KNOWN = {
    2.0: (0.030311, 0.235264, 0.264736),
    1.0: (0.111421, 0.397973, 0.602027),
    0.5: (0.336831, 0.449600, 1.550400),
    0.25: (0.632720, 0.137195, 3.862810),
}


@pytest.mark.parametrize("noise", KNOWN)
def test_exact_figures_are_those_known(noise: float) -> None:
    divergence, minimax, other = KNOWN[noise]
    found = exactly(noise)
    assert found["divergence"] == pytest.approx(divergence, abs=1e-6)
    assert found["exact"] == pytest.approx(minimax / noise, abs=2e-6 / noise)
    assert found["exact_other"] == pytest.approx(other / noise, abs=6e-6 / noise)
    assert found["best"] == pytest.approx(norm.cdf(1 / (2 * noise)), abs=1e-9)


def test_without_noise_the_divergence_is_log_2() -> None:
    assert exactly(0.0)["divergence"] == log(2)
    assert exactly(0.0)["exact"] == 0


def rows() -> list[dict]:
    made = []
    for noise in NOISES:
        exact = exactly(noise)["exact"] or 1e-5
        early, late = (exact, exact) if noise else (1e-2, 1e-5)
        seeds = []
        for shift in (0.0, 0.01, 0.02):
            other = [1, 1, 8, 12 + 100 * shift] if not noise else [1, 1, 1, 1 + shift]
            minimax = [0.1, 0.1, early, late]
            figures = {"accuracy": [1.0], "minimax": minimax, "non_saturating": other}
            seeds.append(figures)
        made.append(row(noise, seeds))
    return made


def test_claims_are_refuted_by_other_rows() -> None:
    measured = rows()
    assert all(claim.holds for claim in claims(measured))
    late = measured[3]["late"].values
    for which, key, value, numbers in (
        (0, "accuracy", PerSeed((1.0, 0.999, 1.0)), [0]),
        (0, "late", PerSeed((1e-5, 1e-5, 2e-4)), [1]),
        (3, "early", PerSeed((late[0], late[1], 2.1 * late[2])), [2]),
        (3, "late", PerSeed((late[0], late[1], 1.3 * late[2])), [3]),
        (0, "other_late", PerSeed((7.0, 14.0, 15.0)), [4]),
        (0, "other_late", PerSeed((14.0, 14.0, 14.01)), [5]),
    ):
        altered = [dict(r) for r in measured]
        altered[which][key] = value
        others = [claim.holds for claim in claims(altered)]
        assert [n for n in range(6) if not others[n]] == numbers, key


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_noise, "UPDATES", {True: (1, 2, 3, 5)})
    entry = EXPERIMENTS["instance-noise"]
    findings = entry.function(Bench(entry.name, tmp_path / "out", Budget(seeds=2), fast=True))
    assert [r["noise"] for r in findings.rows] == list(NOISES)
    assert set(findings.pictures) == set(entry.pictures)
    assert findings.claims == claims(findings.rows)
