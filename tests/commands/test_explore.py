"""``saddlepoint explore``: each exploration of a small run, what it says, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from kit.refusal import fails
from saddlepoint.cli import main
from saddlepoint.commands.explore import EXPLORATIONS
from saddlepoint.drawing import grid
from saddlepoint.explore import analogies, fill_in, importance_weighted, manifold, style_grid
from saddlepoint.training.own_data import open_own_data


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder with two latents."""
    where = tmp_path_factory.mktemp("explore") / "flat"
    run = sp.recipes.vae("digits", steps=3, batch_size=16, device="cpu")
    sp.train(run.replace(learner=run.learner.replace(latent=2)), where, quiet=True)
    return where


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of classes."""
    where = tmp_path_factory.mktemp("explore") / "few"
    run = sp.recipes.vae_m2_two_core(
        "digits", labels=30, width=8, latent=3, steps=3, batch_size=20, device="cpu"
    )
    sp.train(run, where, quiet=True)
    return where


def drawn(run: Path, *words: str) -> np.ndarray:
    out = run.parent / f"{words[0]}.png"
    main(["explore", str(run), *words, "--out", str(out), "--overwrite"])
    with Image.open(out) as picture:
        return np.asarray(picture)


def test_pictures_are_those_of_the_functions(flat: Path, few: Path) -> None:
    model, classes = sp.load(flat), sp.load(few)
    assert np.array_equal(drawn(flat, "manifold", "--n", "4"), manifold(model, 4).picture())
    sheet = style_grid(classes, "3", 4).picture()
    assert np.array_equal(drawn(few, "styles", "--class", "3", "--n", "4"), sheet)
    batch = open_own_data(few, None).take("test", 5, torch.device("cpu"))
    sheet = analogies(classes, batch.x, batch.label).picture()
    assert np.array_equal(drawn(few, "analogies", "--n", "5"), sheet)


def test_reconstructions_stand_below_their_images(
    flat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = open_own_data(flat, None).take("test", 20, torch.device("cpu")).x
    learner = sp.load(flat).learner
    made = learner.decode(learner.encode(x))
    rows = [x[:10], made[:10], x[10:], made[10:]]
    expected = grid(torch.cat(rows).numpy(), 10)
    assert np.array_equal(drawn(flat, "reconstructions", "--n", "20"), expected)
    assert f"mean squared error {float((x - made).square().mean()):.4g}" in capsys.readouterr().out


@pytest.mark.parametrize("half", ["upper", "lower", "left", "right"])
def test_the_half_that_is_named_is_hidden(
    flat: Path, half: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = open_own_data(flat, None)
    x = dataset.take("test", 12, torch.device("cpu")).x
    seen = torch.ones(8, 8, dtype=torch.bool)
    where = {"upper": np.s_[:4], "lower": np.s_[4:], "left": np.s_[:, :4], "right": np.s_[:, 4:]}
    seen[where[half]] = False
    filled = fill_in(sp.load(flat), x, seen, means=dataset.info.mean)
    picture = drawn(flat, "fill-in", "--n", "12", "--hide", half)
    rows = [x, torch.where(seen, x, 0.0), filled.with_means, filled.examples]
    expected = grid(torch.cat([torch.as_tensor(row)[:10] for row in rows]).numpy(), 10)
    assert np.array_equal(picture, expected)
    assert f"model {filled.errors(x)['model'].value:.4g}" in capsys.readouterr().out


def test_likelihoods_are_said(flat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["explore", str(flat), "likelihood", "--n", "20", "--draws", "7"])
    said = capsys.readouterr().out
    x = open_own_data(flat, None).take("test", 20, torch.device("cpu")).x
    assert str(importance_weighted(sp.load(flat), x, samples=7)) in said
    assert "of 2 latent dimensions are active" in said


def test_every_exploration_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explore", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in EXPLORATIONS)


def test_what_does_not_fit_is_a_sentence(
    flat: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, sentence in (
        ((flat, "styles"), "styles are those of a class: name it with --class"),
        ((flat, "styles", "--class", "3"), "was trained without labels"),
        ((flat, "analogies"), "was trained without labels"),
        ((few, "styles", "--class", "12"), "there is no class '12'"),
        ((few, "manifold"), "needs two latents"),
        ((few, "likelihood"), "this is for variational autoencoders"),
        ((few, "reconstructions"), "this is for variational autoencoders"),
        ((flat, "manifold", "--class", "3"), "--class is for styles"),
        ((flat, "manifold", "--hide", "left"), "--hide is for fill-in"),
        ((flat, "manifold", "--draws", "3"), "--draws is for likelihood"),
        ((flat, "manifold", "--n", "0"), "use 1 or more"),
        ((flat, "manifold", "--out", tmp_path / "x.npz"), "ends in .png"),
        ((flat, "likelihood", "--out", tmp_path / "x.png"), "no picture"),
        ((flat, "manifold", "--member", "2"), "there is no member 2"),
    ):
        assert sentence in fails(capsys, "explore", *map(str, words))
    assert list(tmp_path.iterdir()) == []
