"""Do the recipes learn? Slow: real training on small data, held to figures computed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

import saddlepoint as sp
from saddlepoint.lab.images.semi_supervised import alone, error_of
from saddlepoint.training.device import choose

pytestmark = pytest.mark.slow


def test_a_vae_beats_the_best_diagonal_gaussian(tmp_path: Path) -> None:
    """The ELBO bounds log p(x) from below; it must still exceed the closed-form Gaussian's."""
    run = sp.recipes.vae(steps=4000, device="cpu", precision="float32")
    result = sp.train(run, tmp_path / "run", quiet=True)
    x = load_digits().data / 16 * 2 - 1
    std = np.maximum(x.std(0), 0.05)  # constant corner pixels would make its density infinite
    gaussian = norm.logpdf(x, x.mean(0), std).sum(1).mean()
    # The same floor holds for the VAE: corner pixels may not pay more than std 0.05 would.
    assert result.scalars["noise_std"] > 0.05
    assert result.scalars["elbo"] > gaussian


def test_a_gan_finds_a_gaussian(tmp_path: Path) -> None:
    """One mode at (1, 0) with standard deviation 0.2 in both directions, three seeds.

    A plain GAN draws it too narrow; a collapsed one would draw a point.
    """
    means, stds = [], []
    for seed in range(3):
        run = sp.recipes.gan(data="ring", seed=seed, steps=4000, device="cpu")
        run = run.replace(data=run.data.replace(modes=1, std=0.2))
        sp.train(run, tmp_path / str(seed), quiet=True)
        points = sp.load(tmp_path / str(seed)).sample(5000, seed=1).numpy()
        means.append(points.mean(0))
        stds.append(points.std(0))
    assert np.abs(np.mean(means, axis=0) - [1, 0]).max() < 0.1
    assert np.min(stds) > 0.04
    assert np.max(stds) < 0.28


@pytest.mark.parametrize(
    ("recipe", "precision", "steps"),
    [
        ("dcgan_two_core", "float32", 3000),
        pytest.param(
            *("dcgan_two_core", "bfloat16", 3000),
            marks=pytest.mark.skipif(
                choose("cpu", "auto").precision != "bfloat16",
                reason="bfloat16 does not pay on this processor, where it took 40 minutes",
            ),
        ),
        ("dcgan", "float32", 1000),  # the paper's size
    ],
)
def test_dcgan_draws_digits(tmp_path: Path, recipe: str, precision: str, steps: int) -> None:
    """A classifier of real digits finds all ten among the samples, and few without training.

    What is drawn lies near a digit: the mean distance to the nearest real one is at most twice
    that of real ones to each other, and without training it is more. (The classifier's margin
    would not do: it is as large for an untrained generator's blur as for real digits.)
    """
    digits = load_digits()
    pixels = digits.data / 16
    classifier = SVC().fit(pixels, digits.target)
    apart = NearestNeighbors(n_neighbors=2).fit(pixels).kneighbors(pixels)[0][:, 1].mean()

    def classes(where: Path) -> tuple[int, float]:
        samples = sp.load(where).sample(1000, seed=3).numpy()
        flat = ((samples + 1) / 2).reshape(len(samples), -1)
        counts = np.bincount(classifier.predict(flat), minlength=10)
        near = NearestNeighbors(n_neighbors=1).fit(pixels).kneighbors(flat)[0].mean()
        return int((counts >= 20).sum()), float(near / apart)

    start = getattr(sp.recipes, recipe)(steps=1, device="cpu", precision=precision)
    sp.train(start, tmp_path / "untrained", quiet=True)
    training = start.training.replace(steps=steps)
    sp.train(start.replace(training=training), tmp_path / "run", quiet=True)
    untrained, trained = classes(tmp_path / "untrained"), classes(tmp_path / "run")
    assert untrained[0] <= 5
    assert trained[0] == 10
    assert trained[1] <= 2 < untrained[1]


def test_a_streamed_folder_stays_at_flat_memory(tmp_path: Path) -> None:
    """3,000 photographs of 256×256 (590 MB decoded) pass through a much smaller process."""
    random = np.random.default_rng(0)
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(3000):
        coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((256, 256)).save(photos / f"{index}.jpg", quality=60)
    program = (
        "import resource, sys, saddlepoint as sp\n"
        "run = sp.recipes.dcgan(sys.argv[1], steps=int(sys.argv[4]), width=2, batch_size=16)\n"
        "run = run.replace(data=run.data.replace(size=256, memory_gib=float(sys.argv[2])))\n"
        "sp.train(run, sys.argv[3], quiet=True)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )

    def peak(gib: float, name: str, steps: int) -> int:
        words = [sys.executable, "-c", program, str(photos), str(gib), str(tmp_path / name)]
        done = subprocess.run(
            [*words, str(steps)], check=True, capture_output=True, text=True, timeout=600
        )
        return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)

    held, short, long = peak(2.0, "held", 10), peak(0.1, "short", 10), peak(0.1, "long", 120)
    assert (tmp_path / "short/manifest.json").exists()
    assert not (tmp_path / "held/manifest.json").exists()
    assert held - short > 350e6
    assert long - short < 60e6


def test_images_without_labels_teach_classes(tmp_path: Path) -> None:
    """M2 with three labels of each digit errs less than its classifier on these labels alone."""
    options = {"labels": 30, "width": 100, "latent": 20, "learning_rate": 3e-3, "device": "cpu"}
    run = sp.recipes.vae_m2_two_core("digits", steps=2500, **options)
    data = run.data.replace(split=run.data.split.replace(validation=0.0, test=0.3))
    run = run.replace(data=data)
    sp.train(run, tmp_path / "run", quiet=True)
    learner = sp.load(tmp_path / "run", device="cpu").learner
    test = data.open().take("test", 1000, torch.device("cpu"))
    error = error_of(learner.classify(test.x).argmax(-1), test.label)
    assert error < 0.8 * alone(run, 0)["error"]
