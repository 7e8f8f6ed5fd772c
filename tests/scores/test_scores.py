"""Scores of small views: what depends on the control's place, and what on the data's modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from saddlepoint.data.describing import describe_data
from saddlepoint.data.mixture import Mixture
from saddlepoint.data.toys import Ring
from saddlepoint.scores.copies import PAIRS, memorisation
from saddlepoint.scores.declaration import SCORES
from saddlepoint.scores.density import parzen
from saddlepoint.scores.distances import frechet, kernel, sliced
from saddlepoint.scores.view import View


def images(n: int, seed: int) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def view(**changes: Any) -> View:
    """A view of 60 images of noise on every side, features being pixels."""
    real, fake, control, train = (images(60, seed) for seed in range(4))
    parts: dict[str, Any] = {
        "images": True,
        "real": real,
        "fake": fake,
        "real_features": real.flatten(1),
        "fake_features": fake.flatten(1),
        "control": control,
        "is_control": False,
        "probabilities": None,
        "real_shares": None,
        "train": train,
        "mixture": None,
        "seed": 0,
    }
    return View(**parts | changes)


def test_parzen_windows_of_the_control_are_training_images() -> None:
    candidate, control = parzen(view()), parzen(view(is_control=True))
    assert "was chosen on validation images" in candidate.notes[0]
    assert "Parzen windows mislead" in control.notes[0]
    assert candidate.estimate != control.estimate


def test_a_view_whose_candidate_equals_the_control_is_still_the_candidate() -> None:
    """What stands in the control's place is said, and not seen from the arrays."""
    control = images(60, 2)
    figure = parzen(view(fake=control, control=control))
    assert "was chosen on validation images" in figure.notes[0]


def test_only_the_candidate_has_pictures() -> None:
    whole = view()
    pictures = memorisation(whole).pictures
    assert list(pictures) == ["nearest"]
    assert pictures["nearest"].shape == (4, PAIRS, 1, 8, 8)
    first = pictures["nearest"][2]
    assert np.array_equal(first, whole.fake[:PAIRS].numpy())
    assert memorisation(view(is_control=True)).pictures == {}


@pytest.mark.parametrize("compute", [frechet, kernel, sliced])
def test_quick_values_are_those_of_the_figures(compute: Any) -> None:
    whole = view()
    quick = SCORES[compute.__name__].quick
    assert quick is not None
    value = quick(whole.real_features, whole.fake_features)
    assert value == pytest.approx(compute(whole).estimate.value, rel=1e-6)


def test_modes_are_those_of_the_data() -> None:
    ring = Ring(modes=5, examples=200)
    mixture = ring.open().mixture
    assert mixture is not None
    assert np.array_equal(mixture.centres, ring.mixture().centres)
    assert mixture.std == ring.std
    assert ring.replace(limit=100).open().mixture is not None
    assert describe_data("digits").open().mixture is None


def test_scores_over_modes_of_perfect_samples() -> None:
    mixture = Mixture(np.array([[0.0, 0.0], [4.0, 0.0]]), 0.1)
    noise = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    points = torch.from_numpy(mixture.centres).repeat(200, 1).float() + 0.1 * noise
    plane = view(fake=points, images=False, mixture=mixture)
    values = {
        key: SCORES[key].compute(plane).estimate.value
        for key in ("modes", "high_quality", "spread", "modes_kl")
    }
    assert values["modes"] == 2
    assert values["high_quality"] == pytest.approx(0.98889, abs=0.02)
    assert values["spread"] == pytest.approx(1, abs=0.08)
    assert values["modes_kl"] < 0.01
    far = view(fake=points + 100, images=False, mixture=mixture)
    assert SCORES["modes"].compute(far).estimate.value == 0
    assert SCORES["modes"].compute(far).estimate.method == "no sample near a mode"
    assert not SCORES["modes"].applies_to(view())
