"""Power in octave bands: Parseval, known waves, and what the test on them sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import saddlepoint as sp
from saddlepoint.metrics.spectrum import ROUNDING, band_energies, band_powers


@pytest.mark.parametrize("size", [(16, 16), (13, 9), (8, 21), (64, 48)])
def test_the_bands_add_up_to_the_variance(size: tuple[int, int]) -> None:
    x = torch.randn(5, 3, *size, generator=torch.Generator().manual_seed(0))
    powers = band_powers(x).view(5, 3, -1)
    assert torch.allclose(powers.sum(2), x.double().var((2, 3), unbiased=False))
    assert torch.allclose(band_powers(x + 7), band_powers(x)), "the mean is in no band"


@pytest.mark.parametrize(
    ("cycles", "band"), [(1, 3), (2, 2), (3, 2), (4, 1), (7, 1), (8, 0), (15, 0)]
)
def test_a_wave_has_its_power_in_its_octave(cycles: int, band: int) -> None:
    """A wave of k cycles in 32 pixels has the radius k/32 and the power ½."""
    t = torch.arange(32) / 32
    wave = torch.cos(2 * math.pi * cycles * t)[None, :].expand(32, 32)
    for image in (wave, wave.T):
        powers = band_powers(image[None, None].contiguous())[0]
        expected = torch.zeros_like(powers)
        expected[band] = 0.5
        assert torch.allclose(powers, expected, atol=1e-6)


def test_energies_of_a_constant_image_are_those_of_rounding() -> None:
    energies = band_energies(torch.zeros(2, 1, 16, 16))
    assert torch.allclose(energies, torch.full_like(energies, math.log(ROUNDING)))


def test_what_are_no_images_is_refused() -> None:
    with pytest.raises(sp.BadInput, match="spectra need images"):
        band_powers(torch.zeros(4, 7))
    with pytest.raises(sp.BadInput, match="finite"):
        band_powers(torch.full((4, 1, 8, 8), math.nan))


def _smooth(n: int, seed: int, side: int = 64) -> np.ndarray:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    centre = random.random((n, 1, 1, 2))
    width = random.uniform(0.1, 0.4, (n, 1, 1))
    bump = np.exp(-((x - centre[..., 0]) ** 2 + (y - centre[..., 1]) ** 2) / width**2)
    return (bump * random.uniform(60, 255, (n, 1, 1))).astype(np.uint8)


def test_noise_that_shrinking_hides_is_seen() -> None:
    """Pixels are compared at 32×32, where the noise of 64×64 images is averaged away."""
    real, fake = _smooth(160, 0), _smooth(80, 1).astype(int)
    noise = np.random.default_rng(2).integers(-25, 26, fake.shape)
    noisy = np.clip(fake + noise, 0, 255).astype(np.uint8)
    scores = ("frechet", "precision", "spectrum")
    bad = sp.evaluate(real=real, fake=noisy, features="pixels", scores=scores)
    assert bad.row("spectrum").judgement.kind == "differs"
    assert bad.row("precision").judgement.kind == "as real"
    assert "fine detail" in bad.summary[0]
    assert bad.summary[0].startswith("Realistic? No")
    good = sp.evaluate(real=real, fake=fake.astype(np.uint8), features="pixels", scores=scores)
    assert good.row("spectrum").judgement.kind == "as real"
