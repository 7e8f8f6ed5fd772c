"""The contract of every divergence: what the registry says of it is what it computes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saddlepoint.divergences import (
    DIVERGENCES,
    Discrete,
    Gaussian,
    GaussianMixture,
    Samples,
    divergence,
    divergence_tensor,
)
from saddlepoint.divergences.computed import ClosedForm, Quadrature
from saddlepoint.divergences.density_ratios import OfRatio
from saddlepoint.divergences.f_divergences import F_DIVERGENCES
from saddlepoint.errors import BadInput

KEYS = [
    *("kl", "reverse-kl", "jensen-shannon", "total-variation", "pearson-chi2", "neyman-chi2"),
    *("squared-hellinger", "wasserstein-1", "wasserstein-2", "mmd", "energy"),
]
RATIOS = [key for key, each in DIVERGENCES.items() if isinstance(each, OfRatio)]
ROUNDING = 1e-12

every = pytest.mark.parametrize("key", DIVERGENCES)
some = settings(max_examples=40, deadline=None)

PLACES = [-2.0, 0.0, 0.5, 3.0]


@st.composite
def distributions(draw: st.DrawFn, count: int) -> list[Discrete]:
    """So many distributions on four places, zeros among their probabilities."""
    share = st.one_of(st.just(0.0), st.floats(1e-3, 1.0))
    shares = st.lists(share, min_size=4, max_size=4).filter(lambda v: sum(v) > 0)
    drawn = (np.array(draw(shares)) for _ in range(count))
    return [Discrete(v / v.sum(), PLACES) for v in drawn]


PAIRS = {
    "Gaussians, 1-D": (Gaussian(0.3, std=1.0), Gaussian(1.0, std=1.3)),
    "equal widths, 1-D": (Gaussian(-0.4, std=0.7), Gaussian(0.9, std=0.7)),
    "equal means, 1-D": (Gaussian(0.2, std=1.0), Gaussian(0.2, std=0.8)),
    "Gaussians, 2-D": (
        Gaussian([0.0, 1.0], covariance=[[1.0, 0.5], [0.5, 0.8]]),
        Gaussian([0.6, 0.4], covariance=[[0.9, -0.2], [-0.2, 1.1]]),
    ),
    "equal covariances, 2-D": (
        Gaussian([0.0, 1.0], covariance=[[1.0, 0.5], [0.5, 0.8]]),
        Gaussian([0.6, 0.4], covariance=[[1.0, 0.5], [0.5, 0.8]]),
    ),
}
MIXTURES = {
    "1-D": (
        GaussianMixture([-2.0, 2.0], std=[0.5, 1.0], weights=[0.3, 0.7]),
        GaussianMixture([-1.0, 2.5], std=[0.6, 0.9]),
    ),
    "2-D": (
        GaussianMixture([[0.0, 0.0], [2.0, 1.0]], std=0.6),
        GaussianMixture([[0.2, 0.0], [1.5, 1.0]], std=[0.6, 0.7]),
    ),
}
FLAT_ONLY = ("wasserstein-1", "wasserstein-2")


def value(p, q, key: str) -> float:
    return divergence(p, q, of=key).value


def test_the_registry_holds_what_was_promised():
    assert list(DIVERGENCES) == KEYS
    for key, each in DIVERGENCES.items():
        assert each.key == key
        assert all((each.title, each.equation, each.takes, each.blind, each.infinite, each.paper))


@every
@some
@given(both=distributions(2))
def test_never_negative_zero_at_equality_and_bounded(key, both):
    p, q = both
    entry, found = DIVERGENCES[key], value(*both, key)
    assert found >= 0
    assert value(p, p, key) <= ROUNDING
    apart = float((p.probabilities - q.probabilities).abs().sum())
    assert apart < 1e-6 or found > 0
    if entry.bound is not None:
        assert found <= entry.bound + ROUNDING
    if entry.infinite == "never" or not isinstance(entry, OfRatio):
        assert math.isfinite(found)
    else:
        mine, other = (p, q) if key in ("kl", "pearson-chi2") else (q, p)
        uncovered = bool(((mine.probabilities > 0) & (other.probabilities == 0)).any())
        assert math.isinf(found) == uncovered


@every
@some
@given(both=distributions(2))
def test_symmetric_where_it_says_so(key, both):
    p, q = both
    if DIVERGENCES[key].symmetric:
        assert value(p, q, key) == pytest.approx(value(q, p, key), abs=ROUNDING)


@every
def test_not_symmetric_where_it_does_not(key):
    p, q = PAIRS["Gaussians, 1-D"]
    there, back = value(p, q, key), value(q, p, key)
    assert DIVERGENCES[key].symmetric == (abs(there - back) < 1e-8)


@every
@some
@given(three=distributions(3))
def test_the_triangle_inequality_of_what_is_called_a_metric(key, three):
    root = DIVERGENCES[key].root
    if root is None:
        assert not DIVERGENCES[key].symmetric
        return
    # Rounding of 1e-17 under a root is 1e-8.
    ab, ac, bc = (value(*pair, key) ** (1 / root) for pair in itertools.combinations(three, 2))
    assert ac <= ab + bc + 1e-7
    assert ab <= ac + bc + 1e-7
    assert bc <= ab + ac + 1e-7


@every
def test_where_the_root_is_called_a_metric_the_divergence_is_none(key):
    if DIVERGENCES[key].root == 2:
        left, right = Discrete([1.0, 0.0], [0.0, 1.0]), Discrete([0.0, 1.0], [0.0, 1.0])
        middle = Discrete([0.5, 0.5], [0.0, 1.0])
        assert value(left, right, key) > value(left, middle, key) + value(middle, right, key) + 0.01


@every
@pytest.mark.parametrize("pair", PAIRS)
def test_the_closed_form_is_the_quadrature(key, pair):
    """Each against the other; those with no quadrature are held to SciPy's in their own tests."""
    entry, (p, q) = DIVERGENCES[key], PAIRS[pair]
    closed = entry.between_gaussians(p, q)
    one, other = GaussianMixture.of(p), GaussianMixture.of(q)
    if key in FLAT_ONLY and p.dimensions == 2:
        with pytest.raises(BadInput, match="one dimension"):
            entry.between_mixtures(one, other)
        return
    integrated = entry.between_mixtures(one, other)
    if closed is None:
        return
    if math.isinf(closed):
        assert math.isinf(integrated.value)
        return
    off = integrated.error + 1e-12
    assert off < 1e-6 * max(1.0, float(closed))
    assert float(closed) == pytest.approx(float(integrated.value), abs=off)


@every
@pytest.mark.parametrize("kind", MIXTURES)
def test_mixtures(key, kind):
    p, q = MIXTURES[kind]
    entry = DIVERGENCES[key]
    if key in FLAT_ONLY and kind == "2-D":
        with pytest.raises(BadInput, match=r"saddlepoint\.transport"):
            divergence(p, q, of=key)
        return
    found = divergence(p, q, of=key)
    assert isinstance(found, Quadrature | ClosedForm)
    assert 1e-4 < found.value < (entry.bound or math.inf)
    assert found.low <= found.value <= found.high
    # W₂ is a root, and between modes F is known to 1e-16 of 1 only.
    assert value(p, p, key) <= (1e-7 if key == "wasserstein-2" else 1e-10)
    back = value(q, p, key)
    assert (abs(back - found.value) < 1e-6) == entry.symmetric


@every
def test_parallel_lines(key):
    """p and q uniform on the lines x = 0 and x = θ: each transport is along x alone."""
    expected = {
        "kl": math.inf,
        "reverse-kl": math.inf,
        "jensen-shannon": math.log(2),
        "total-variation": 1.0,
        "pearson-chi2": math.inf,
        "neyman-chi2": math.inf,
        "squared-hellinger": 2.0,
    }
    line = Discrete([1.0], [0.0])
    assert value(line, line, key) == 0
    for theta in (0.01, -1.0, 3.0):
        moved = Discrete([1.0], [theta])
        near = {
            "wasserstein-1": abs(theta),
            "wasserstein-2": abs(theta),
            "energy": 2 * abs(theta),
            "mmd": 2 - 2 * math.exp(-(theta**2) / 2),
        }
        assert value(line, moved, key) == pytest.approx((expected | near)[key], abs=1e-12)


@every
def test_samples_are_taken_or_refused_as_it_says(key):
    rng = np.random.default_rng(0)
    p, q = (Samples(rng.normal(size=60) + shift) for shift in (0.0, 1.0))
    if "not samples" in DIVERGENCES[key].takes:
        with pytest.raises(BadInput, match="density first"):
            divergence(p, q, of=key)
    else:
        found = divergence(p, q, of=key)
        assert found.low <= found.value <= found.high
        assert "biased" in found.method
        with pytest.raises(BadInput, match="samples and q is"):
            divergence(p, Gaussian(0.0, std=1.0), of=key)


@every
def test_gradients_of_probabilities_are_those_of_differences(key):
    rng = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, generator=rng, dtype=torch.float64, requires_grad=True)

    def of(free):
        p, q = free.softmax(1)
        return divergence_tensor(Discrete(p, PLACES), Discrete(q, PLACES), of=key)

    assert torch.autograd.gradcheck(of, (logits,), eps=1e-6, atol=1e-7)


@every
@pytest.mark.parametrize("pair", PAIRS)
def test_gradients_of_closed_forms_are_those_of_differences(key, pair):
    p, q = PAIRS[pair]
    closed = DIVERGENCES[key].between_gaussians(p, q)
    if pair == "equal covariances, 2-D" or closed is None or math.isinf(closed):
        return  # a covariance that differs by ε leaves the closed form
    free = [each.detach().clone().requires_grad_() for each in (p.mean, p.covariance, q.mean)]

    def of(mean, covariance, other):
        slanted = (covariance + covariance.mT) / 2
        return DIVERGENCES[key].between_gaussians(
            Gaussian(mean, covariance=slanted), Gaussian(other, covariance=q.covariance)
        )

    if pair == "equal widths, 1-D":
        free[1].requires_grad_(False)
    assert torch.autograd.gradcheck(of, free, eps=1e-6, atol=1e-6)


# --- identities of f-divergences ---


@some
@given(both=distributions(2))
def test_reversing_the_arguments(both):
    p, q = both
    for one, other in (("kl", "reverse-kl"), ("pearson-chi2", "neyman-chi2")):
        assert value(p, q, one) == pytest.approx(value(q, p, other), abs=ROUNDING)


@some
@given(both=distributions(2))
def test_inequalities_between_them(both):
    d = {key: value(*both, key) for key in DIVERGENCES}
    tv, h2, jsd = d["total-variation"], d["squared-hellinger"], d["jensen-shannon"]
    least = -1e-9
    assert math.sqrt(d["kl"] / 2) - tv > least  # Pinsker
    assert math.sqrt(d["reverse-kl"] / 2) - tv > least
    assert 2 * tv - h2 > least
    assert math.sqrt(max(h2 * (1 - h2 / 4), 0)) - tv > least  # Le Cam
    assert math.log(2) * tv - jsd > least  # Lin
    assert jsd - tv**2 / 2 > least  # Pinsker of both halves
    if math.isfinite(d["kl"]):
        assert math.log1p(d["pearson-chi2"]) - d["kl"] > least  # Jensen
        assert d["kl"] - h2 > least
    assert d["wasserstein-2"] - d["wasserstein-1"] > least
    assert 2 * d["wasserstein-1"] - d["energy"] > least  # 2 ∫(F − G)² ≤ 2 ∫|F − G|
    assert 5 * tv - d["wasserstein-1"] > least  # no two places are farther apart than 5


@some
@given(both=distributions(2))
def test_joining_atoms_never_raises_an_f_divergence(both):
    join = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.float64)
    coarse = [Discrete(join @ each.probabilities) for each in both]
    for key in RATIOS:
        assert value(*coarse, key) <= value(*both, key) + ROUNDING


@pytest.mark.parametrize("key", RATIOS)
def test_a_change_of_units_changes_no_f_divergence(key):
    p, q = MIXTURES["1-D"]
    stretched = [
        GaussianMixture(3 * m.means - 1, covariances=9 * m.covariances, weights=m.weights)
        for m in (p, q)
    ]
    assert value(*stretched, key) == pytest.approx(value(p, q, key), abs=1e-7)


@pytest.mark.parametrize("key", [*FLAT_ONLY, "energy"])
def test_distances_are_in_units_of_x(key):
    p, q = MIXTURES["1-D"]
    stretched = [
        GaussianMixture(3 * m.means - 1, covariances=9 * m.covariances, weights=m.weights)
        for m in (p, q)
    ]
    assert value(*stretched, key) == pytest.approx(3 * value(p, q, key), abs=1e-7)


def test_the_games_descend_these():
    p, q = torch.tensor([[0.1, 0.4, 0.5], [0.3, 0.3, 0.4]], dtype=torch.float64)
    keys = {
        "f_kl": "kl",
        "f_reverse_kl": "reverse-kl",
        "f_pearson": "pearson-chi2",
        "f_hellinger": "squared-hellinger",
        "f_jensen_shannon": "jensen-shannon",
    }
    assert keys.keys() == {f.name for f in F_DIVERGENCES}
    for f in F_DIVERGENCES:
        assert value(Discrete(p), Discrete(q), keys[f.name]) == pytest.approx(f(p, q).item())


@pytest.mark.parametrize("key", RATIOS)
def test_a_point_where_both_are_zero_counts_nothing(key):
    p, q = [0.2, 0.8], [0.6, 0.4]
    padded = value(Discrete([*p, 0.0]), Discrete([*q, 0.0]), key)
    assert padded == value(Discrete(p), Discrete(q), key)
