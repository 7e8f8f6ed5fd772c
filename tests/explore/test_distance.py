"""Distances between toys, arrays, files and runs: what is compared, how, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.data.toys import Ring
from saddlepoint.divergences import DIVERGENCES
from saddlepoint.errors import BadInput
from saddlepoint.explore import distance


def cloud(shift: float, count: int = 400, d: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, int(10 * shift)]).normal(size=(count, d)) + shift


def _nearest_modes() -> float:
    """KL(ring‖grid) if each mode of the ring saw its nearest one of the grid alone."""
    ring, grid = (sp.describe_data(name).mixture() for name in ("ring", "grid"))
    squares = ((ring.centres[:, None] - grid.centres) ** 2).sum(2).min(1)
    spread = 2 * ring.std**2
    cross = math.log(2 * math.pi * grid.std**2) + (squares + spread) / (2 * grid.std**2)
    entropy = math.log(2 * math.pi * math.e * ring.std**2)
    return float(cross.mean()) + math.log(25) - math.log(8) - entropy


def test_toys_are_compared_by_their_densities():
    found = distance("ring", "grid", list(DIVERGENCES), n=60)
    assert found.row("total-variation").value == pytest.approx(1, abs=1e-6)
    assert found.row("jensen-shannon").value == pytest.approx(math.log(2), abs=1e-6)
    kl = found.row("kl")
    assert kl.low < kl.value < kl.high
    assert kl.value == pytest.approx(_nearest_modes(), rel=0.02)
    assert "its density" in found.first
    assert all(row.value is not None for row in found.rows)
    same = distance("ring", "ring", ["kl", "jensen-shannon", "energy", "mmd"], n=60)
    assert [row.value for row in same.rows] == pytest.approx([0.0] * 4, abs=1e-7)


def test_samples_have_intervals_and_what_needs_densities_is_refused_beside_them():
    found = distance(
        cloud(0.0), cloud(1.0, seed=1), ["kl", "wasserstein-1", "energy", "mmd"], n=150
    )
    assert found.row("kl").value is None
    assert "needs the densities" in found.row("kl").method
    for key in ("wasserstein-1", "energy", "mmd"):
        row = found.row(key)
        assert row.low < row.value < row.high
        assert row.between_halves < row.value
    w1 = found.row("wasserstein-1")
    assert w1.certificate.holds
    assert w1.certificate.lipschitz <= 1 + 1e-6
    assert w1.low < math.sqrt(2) < w1.high + 0.3  # a shift by (1, 1); few samples lie further apart


def test_toys_of_one_seed_do_not_share_their_points():
    """W₁ of a toy's samples from others of the same toy is what sampling leaves, not less."""
    n, w = 500, "wasserstein-1"
    same = distance(Ring(examples=n), Ring(examples=n), w, n=n).row(w)
    apart = distance(Ring(examples=n), Ring(examples=n, seed=7), w, n=n).row(w)
    assert same.value == pytest.approx(apart.value, rel=0.3)


def test_a_shift_is_known_exactly():
    points = cloud(0.0, 200)
    train = sp.describe_data(points).open().info.counts["train"]
    row = distance(points, points + np.array([3.0, 4.0]), "wasserstein-2", n=train).row(
        "wasserstein-2"
    )
    assert row.value == pytest.approx(5.0, rel=1e-4)  # both are the same points, all of them


def test_one_dimension_is_sorted_and_so_exact():
    found = distance(cloud(0.0, d=1), cloud(2.0, d=1), ["wasserstein-1"], n=300)
    assert found.row("wasserstein-1").value == pytest.approx(2.0, abs=0.25)
    assert "line" in found.row("wasserstein-1").method


def test_histograms_make_divergences_of_their_bins():
    found = distance(
        cloud(0.0), cloud(0.5), ["kl", "total-variation", "wasserstein-1"], n=300, bins=6
    )
    assert 0 < found.row("total-variation").value < 1
    assert found.row("wasserstein-1").certificate.holds
    assert all("histograms" in row.method for row in found.rows)
    line = distance(cloud(0.0, d=1), cloud(0.5, d=1), "wasserstein-1", n=300, bins=50)
    assert line.row("wasserstein-1").value == pytest.approx(0.5, abs=0.3)


def test_a_runs_samples_are_a_side(tmp_path: Path):
    sp.train(tiny("gan", data="ring"), tmp_path / "run", quiet=True)
    found = distance("ring", tmp_path / "run", ["energy", "kl"], n=60)
    assert found.row("energy").value > 0
    assert found.row("kl").value is None
    assert "60 samples" in found.second


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("ring", "grid", "wasserstein"), "is no divergence .* Did you mean"),
        (("digits", "ring"), "holds images"),
        (("ring", np.zeros((60, 3)) + np.arange(3)), "2 coordinates and .* 3"),
        ((np.random.default_rng(0).normal(size=(20, 2)), "ring"), "at least 40"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, sentence):
    with pytest.raises(BadInput, match=sentence):
        distance(*arguments)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(BadInput, match="--n 3"):
        distance("ring", "grid", n=3)
    with pytest.raises(BadInput, match="--bins 1"):
        distance("ring", "grid", n=60, bins=1)


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "d.json"
    words = ["distance", "ring", "grid", "--of", "kl", "total-variation", "--n", "60"]
    main([*words, "--out", str(out)])
    said = capsys.readouterr().out
    assert "total-variation  1" in said
    written = json.loads(out.read_text())
    assert [row["value"] for row in written["rows"]] == pytest.approx([201.762, 1], abs=1e-3)
    with pytest.raises(SystemExit):
        main([*words, "--out", str(out)])
    assert "exists" in capsys.readouterr().err
    main([*words, "--out", str(out), "--overwrite"])
