"""Styles of a class, and analogies: what is decoded, from what, and in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

import saddlepoint as sp
from kit.parts import TINY, TRAINING
from saddlepoint.data.published import Digits
from saddlepoint.errors import BadInput
from saddlepoint.explore import analogies, style_grid
from saddlepoint.run.description import Run
from saddlepoint.training.trained import Trained


@pytest.fixture(scope="module", params=["m2", "m1_m2"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    run = Run(data=Digits(limit=200), learner=TINY["families", request.param], training=TRAINING)
    where = tmp_path_factory.mktemp("styles") / "run"
    sp.train(run, where, quiet=True)
    return sp.load(where, device="cpu")


def test_a_grid_has_the_quantiles_of_the_prior_and_one_class(model: Trained) -> None:
    sheet = style_grid(model, "7", 5, reach=0.8)
    assert (sheet.columns, sheet.examples.shape) == (5, (25, 1, 8, 8))
    assert sheet.labels.tolist() == [7] * 25
    quantiles = norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    z = sheet.latents.unflatten(0, (5, 5))
    for row in range(5):
        np.testing.assert_allclose(z[row, :, 0], quantiles, atol=1e-6)
        np.testing.assert_allclose(z[:, row, 1], quantiles[::-1], atol=1e-6)
    assert not z[:, :, 2:].any()
    assert torch.equal(sheet.examples, model.learner.decode(sheet.latents, sheet.labels))
    assert sheet.picture().size[0] == sheet.picture().size[1]
    turned = style_grid(model, 7, 5, reach=0.8, dimensions=(1, 0)).latents
    torch.testing.assert_close(turned[:, :2], sheet.latents[:, [1, 0]])


def test_analogies_keep_the_latents_and_change_the_class(model: Trained) -> None:
    data = Digits(limit=200).open().take("test", 3, torch.device("cpu"))
    sheet = analogies(model, data.x, data.label)
    assert sheet.columns == 11
    rows = sheet.examples.unflatten(0, (3, 11))
    assert torch.equal(rows[:, 0], data.x)
    z = model.learner.encode(data.x, data.label)
    for label in range(10):
        decoded = model.learner.decode(z, torch.full((3,), label))
        torch.testing.assert_close(rows[:, label + 1], decoded)
        assert (sheet.labels.unflatten(0, (3, 11))[:, label + 1] == label).all()
    assert sheet.latents.unflatten(0, (3, 11))[:, 0].isnan().all()
    guessed = analogies(model, data.x.numpy())
    likeliest = model.learner.classify(data.x).argmax(-1)
    assert torch.equal(guessed.examples, analogies(model, data.x, likeliest).examples)


def test_what_does_not_fit_is_refused(model: Trained, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="two different ones of 0 to"):
        style_grid(model, 0, dimensions=(1, 1))
    with pytest.raises(BadInput, match="n ≥ 2"):
        style_grid(model, 0, 1)
    with pytest.raises(BadInput, match="there is no class '12'"):
        style_grid(model, 12)
    with pytest.raises(BadInput, match=r"one or more of \(1, 8, 8\)"):
        analogies(model, torch.zeros(2, 3))
    with pytest.raises(BadInput, match="labels go from 0 to 9"):
        analogies(model, torch.zeros(1, 1, 8, 8), [10])
    sp.train(
        Run(data=Digits(limit=40), learner=TINY["families", "variational"], training=TRAINING),
        tmp_path / "vae",
        quiet=True,
    )
    other = sp.load(tmp_path / "vae", device="cpu")
    for asked in (lambda: style_grid(other, 0), lambda: analogies(other, torch.zeros(1, 1, 8, 8))):
        with pytest.raises(BadInput, match="'variational' was trained without labels"):
            asked()
