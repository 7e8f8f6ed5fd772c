"""What distributions may be made of, and how they meet."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from saddlepoint.divergences import (
    Discrete,
    Gaussian,
    GaussianMixture,
    Samples,
    divergence,
    divergence_tensor,
)
from saddlepoint.errors import BadInput


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Discrete([0.5, 0.6]), "sum 1"),
        (lambda: Discrete([1.5, -0.5]), "at least 0"),
        (lambda: Discrete([[1.0]]), "one vector"),
        (lambda: Discrete([]), "one vector"),
        (lambda: Discrete([0.5, math.nan]), "not finite"),
        (lambda: Discrete([0.5, 0.5], [1.0]), "2 atoms"),
        (lambda: Gaussian(0.0), "exactly one"),
        (lambda: Gaussian(0.0, 1.0, covariance=[[1.0]]), "exactly one"),
        (lambda: Gaussian(0.0, std=0.0), "not positive"),
        (lambda: Gaussian([0.0, 0.0], std=[1.0, 1.0, 1.0]), "does not fit"),
        (lambda: Gaussian([0.0, 0.0], covariance=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: Gaussian([0.0, 0.0], covariance=[[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (lambda: Gaussian([0.0, 0.0], covariance=[1.0, 1.0]), "need"),
        (lambda: GaussianMixture([0.0, 1.0], std=1.0, weights=[1.0]), "2 means and 1 weights"),
        (lambda: GaussianMixture([], std=1.0), "means of a mixture"),
        (lambda: Samples([1.0]), "two at least"),
        (lambda: Samples([1.0, math.inf]), "not finite"),
    ],
)
def test_what_is_no_distribution_is_refused(make, said):
    with pytest.raises(BadInput, match=said):
        make()


PLANE = Discrete([1.0], [[0.0, 1.0]])


@pytest.mark.parametrize(
    ("p", "q", "of", "said"),
    [
        (Discrete([1.0]), Discrete([0.5, 0.5]), "kl", "same atoms"),
        (Discrete([1.0], [0.0]), Discrete([1.0]), "kl", "to both or to neither"),
        (Discrete([1.0], [0.0]), Discrete([1.0], [[0.0, 1.0]]), "kl", "same space"),
        (Discrete([1.0]), Discrete([1.0]), "wasserstein-1", "without a place"),
        (Discrete([1.0]), Discrete([1.0]), "energy", "without a place"),
        (
            Discrete([1.0], [[0.0, 1.0]]),
            Discrete([1.0], [[0.0, 1.0]]),
            "wasserstein-2",
            "transport",
        ),
        (Discrete([1.0]), Gaussian(0.0, 1.0), "kl", "p is discrete and q is a Gaussian"),
        (Gaussian(0.0, 1.0), Gaussian([0.0, 0.0], 1.0), "kl", "p has 1 dimensions and q 2"),
        (Gaussian(0.0, 1.0), Gaussian(0.0, 1.0), "kll", "Did you mean 'kl'"),
        (Gaussian([0.0] * 3, 1.0), Gaussian([0.0] * 3, 2.0), "jensen-shannon", "two dimensions"),
        (Gaussian([0.0] * 2, 1.0), Gaussian([0.0] * 2, 2.0), "wasserstein-1", "one dimension"),
    ],
)
def test_what_cannot_be_compared_is_refused(p, q, of, said):
    with pytest.raises(BadInput, match=said):
        divergence(p, q, of=of)


def test_samples_have_no_gradient():
    with pytest.raises(BadInput, match="samples"):
        divergence_tensor(Samples([0.0, 1.0]), Samples([0.0, 1.0]), of="energy")


def test_forms_of_one_distribution():
    a = GaussianMixture([[0.0, 1.0], [2.0, 3.0]], std=[0.5, 2.0])
    b = GaussianMixture([[0.0, 1.0], [2.0, 3.0]], std=[[0.5, 0.5], [2.0, 2.0]])
    c = GaussianMixture(
        np.array([[0.0, 1.0], [2.0, 3.0]]), covariances=[np.eye(2) / 4, 4 * np.eye(2)]
    )
    d = GaussianMixture(
        [[9.0, 9.0], [0.0, 1.0], [2.0, 3.0]], std=[1.0, 0.5, 2.0], weights=[0.0, 0.5, 0.5]
    )
    for other in (b, c, d):
        assert divergence(a, other, of="kl").value == 0
    line = Gaussian([1.0, 2.0], std=[3.0, 4.0])
    assert torch.equal(line.covariance, torch.diag(torch.tensor([9.0, 16.0], dtype=torch.float64)))


def test_atoms_are_joined_by_their_places():
    p = Discrete([0.25, 0.25, 0.5], [1.0, 1.0, 2.0])
    q = Discrete([0.5, 0.5], [2.0, 1.0])
    for key in ("kl", "jensen-shannon", "wasserstein-1", "wasserstein-2", "mmd", "energy"):
        assert divergence(p, q, of=key).value == pytest.approx(0, abs=1e-15)
    square = Discrete([0.5, 0.5], [[0.0, 0.0], [3.0, 4.0]])
    corner = Discrete([1.0], [[0.0, 0.0]])
    assert divergence(square, corner, of="energy").value == pytest.approx(2 * 2.5 - 2.5)


def test_the_room_is_imported_without_torch():
    program = (
        "import sys\nimport saddlepoint.divergences.registry\n"
        "import saddlepoint.divergences.tables\nassert 'torch' not in sys.modules\n"
        "assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
