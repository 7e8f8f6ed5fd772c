"""The Dirac-GAN: known eigenvalues and moduli, and claims that can fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.game import dirac_gan
from saddlepoint.lab.game.dirac_gan import claims, eigenvalues, local_rates, orbit, row
from saddlepoint.lab.game.dirac_variants import (
    MEETING,
    VARIANTS,
    noise_eigenvalues,
    r1_eigenvalues,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

BY_NAME = {variant.name: variant for variant in VARIANTS}


def test_the_critical_strengths_are_one_and_the_root_of_two() -> None:
    assert r1_eigenvalues(1.0) == (-0.5, -0.5)
    assert noise_eigenvalues(math.sqrt(2)) == pytest.approx((-0.5, -0.5), abs=1e-7)
    below, above = r1_eigenvalues(0.99)[1], r1_eigenvalues(1.01)[1]
    assert abs(below.imag) > 0.01
    assert above.imag == 0


@pytest.mark.parametrize(
    ("name", "modulus"),
    [
        ("simultaneous", 1.00499),
        ("R1, γ = 0.3", 0.97468),
        ("R1, γ = 1", 0.9),
        ("R1, γ = 2", 0.97320),
    ],
)
def test_a_step_has_the_known_modulus(name: str, modulus: float) -> None:
    values, found = eigenvalues(BY_NAME[name])
    assert found == pytest.approx(modulus, abs=6e-6)
    theory = np.sort_complex(np.array(BY_NAME[name].theory))
    assert values == pytest.approx(theory, abs=1e-6 if name in MEETING else 1e-9)


def test_a_clipped_critic_stays_in_its_box() -> None:
    way = orbit(BY_NAME["WGAN"], (1.0, 1.0), 40)
    assert np.abs(way[1:, 1]).max() <= 1.0
    assert way.shape == (41, 2)


def found() -> list[dict[str, Any]]:
    rates = local_rates(0)
    rows = []
    for variant in VARIANTS:
        end = np.full((1, 2), 1e-6 if variant.converges else 1.0)
        rows.append(dict(row(variant, [rates, rates], end)))
    return rows


@pytest.fixture(scope="module")
def short() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dirac_gan, "STEPS", 100)
        patch.setattr(dirac_gan, "SETTLED", 4)
        # of 100 steps the turning of a stretched spiral shows more than of 500
        patch.setattr(dirac_gan, "RATE_TOLERANCE", 0.02)
        yield found()


@pytest.mark.parametrize(
    ("name", "changes", "number"),
    [
        ("WGAN", {"deviation": 0.1}, 0),
        ("R1, γ = 0.3", {"measured": PerSeed((1.1, 0.97))}, 1),
        ("WGAN-GP", {"end": 0.01}, 2),
        ("consensus, γ = 1", {"end": 0.5}, 3),
        ("R1, γ = 2", {"imaginary": 0.3}, 4),
    ],
)
def test_claims_fail_when_the_rows_are_others(
    name: str, changes: dict, number: int, short: list[dict[str, Any]]
) -> None:
    rows = [dict(each) for each in short]
    assert all(claim.holds for claim in claims(rows))
    (one,) = (each for each in rows if each["variant"] == name)
    one |= changes
    assert [n for n, claim in enumerate(claims(rows)) if not claim.holds] == [number]


def test_the_smallest_form_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dirac_gan, "STEPS", 6)
    monkeypatch.setattr(dirac_gan, "SETTLED", 2)
    monkeypatch.setattr(dirac_gan, "DRAWN", (0,))
    findings = carry_out(EXPERIMENTS["dirac-gan"], tmp_path / "out", LabOptions(seeds=1))
    assert [r["variant"] for r in findings.rows] == list(BY_NAME)
    assert list(findings.claims) == claims(findings.rows)
    for name in ("portraits", "rates"):
        assert (tmp_path / f"out/{name}.png").is_file()
