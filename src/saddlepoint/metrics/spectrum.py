"""How much coarse and fine detail an image has: its power in octave bands of spatial frequency.

With X the discrete Fourier transform of one channel x (h × w) without its mean, the power of a
band B of radial frequencies is

    P_B = 1/(h w)² Σ |X_k|²  over the frequencies k in B, and E_B = ln(P_B + ε),

where Σ over all bands is the variance of x (Parseval). Radial frequency is √(f_y² + f_x²) in cycles
a pixel. The bands are [¼, ∞), [⅛, ¼), [1/16, ⅛), …, down to the lowest one that holds a frequency
of the shorter side. ε is the variance of rounding to 8 bits, (2/255)²/12, below which nothing is
detail. Noise adds the same power to every frequency, blur takes it from high ones, and
upsampling leaves patterns of its own there.

Reference: Durall, Keuper & Keuper, Watch your Up-Convolution: CNN Based Generative Deep Neural
Networks are Failing to Reproduce Spectral Distributions, CVPR 2020 (which averages over rings).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saddlepoint.errors import BadInput

ROUNDING = (2 / 255) ** 2 / 12  # of images in [-1, 1] to 256 values
_NUMBERS = 1 << 22  # pixels transformed at a time


def band_powers(images: Tensor) -> Tensor:
    """The power in each band, (n, channels · bands), band by band from fine to coarse.

    Args:
        images: (n, channels, height, width).

    Raises:
        BadInput: Not images, or values that are not finite.
    """
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise BadInput(f"spectra need images (n, c, h, w), and these are {tuple(images.shape)}.")
    height, width = images.shape[2:]
    rows = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(width, dtype=torch.float64)[None]
    radius = (rows.square() + columns.square()).sqrt()
    count = max(1, math.ceil(math.log2(min(height, width))) - 1)
    octave = (-radius.clamp(min=1e-9).log2()).ceil().sub(2).clamp(0, count - 1).long()
    # The half that rfft leaves out mirrors the one it gives, but for the first column and the
    # last of an even width.
    twice = torch.full_like(radius, 2.0)
    twice[:, 0] = 1.0
    if width % 2 == 0:
        twice[:, -1] = 1.0
    twice[0, 0] = 0.0  # the mean
    member = torch.zeros(radius.numel(), count, dtype=torch.float64)
    member.scatter_(1, octave.flatten()[:, None], twice.flatten()[:, None])
    step = max(1, _NUMBERS // images[0].numel()) if len(images) else 1
    parts = [images.new_zeros(0, images.shape[1] * count, dtype=torch.float64)]
    for some in images.split(step):
        spectrum = torch.fft.rfft2(some.double()).abs().square().flatten(2)
        parts.append((spectrum @ member.to(spectrum.device)).flatten(1) / (height * width) ** 2)
    powers = torch.cat(parts)
    if not bool(torch.isfinite(powers).all()):
        raise BadInput("spectra need finite images, and there is NaN or infinity in them.")
    return powers


def band_energies(images: Tensor) -> Tensor:
    """E_B = ln(P_B + ε) of each channel and band, (n, channels · bands) float64."""
    return (band_powers(images) + ROUNDING).log()
