"""Structural similarity of images, and the diversity of samples measured with it.

Images are (n, channels, height, width) of any size; range 2 means pixels in [−1, 1]. Channels are
compared one by one and averaged. Nothing is padded: windows lie wholly inside the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate, mean_of

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
CHUNK = 1 << 20  # pixels of one side of the pairs that are worked on at once


@dataclass(frozen=True)
class Similarity:
    """Structural similarities of pairs of images.

    Attributes:
        values: One similarity per pair (n,), 1 for equal images.
        scales: How many scales went in.
        window: Side of the window in pixels.
    """

    values: Tensor
    scales: int
    window: int


def ssim(first: Tensor, second: Tensor, data_range: float = 2.0) -> Similarity:
    """Structural similarity of each pair of images.

    It is the mean over the image of

        (2 μₓμᵧ + C₁)(2 σₓᵧ + C₂) / ((μₓ² + μᵧ² + C₁)(σₓ² + σᵧ² + C₂)),

    Cᵢ = (Kᵢ · range)², K = 0.01 and 0.03. Means and (co)variances are weighted by a Gaussian of
    σ = 1.5 pixels in an 11 × 11 window, variances without Bessel's correction. In images with a
    side below 11 the window is the largest odd one that fits, with the same σ: such figures are
    not comparable with those of larger images.

    Args:
        first: Images (n, channels, height, width).
        second: Images to compare them with, one by one.
        data_range: Distance of the least from the largest value that a pixel can have.

    Raises:
        BadInput: Shapes do not fit, or not floating-point numbers.

    Reference: Wang et al., Image Quality Assessment: From Error Visibility to Structural
    Similarity, 2004.
    """
    _check(first, second, data_range)
    values = [_parts(a, b, data_range)[0] for a, b in _chunks(first, second)]
    return Similarity(torch.cat(values), 1, _window(first))


def multi_scale_ssim(first: Tensor, second: Tensor, data_range: float = 2.0) -> Similarity:
    """Multi-scale structural similarity of each pair: ssim_M^{w_M} · Π_{j<M} cs_j^{w_j}.

    cs_j is the image mean of (2 σₓᵧ + C₂) / (σₓ² + σᵧ² + C₂) after j − 1 times halving the sides
    (means of 2 × 2 pixels, an odd last row or column left out), ssim_M the whole similarity at the
    coarsest scale. The weights are .0448, .2856, .3001, .2363 and .1333. A scale must hold a whole
    11 × 11 window, so five take 176 pixels and 32 × 32 images have two; with fewer scales the
    coarsest weights are dropped and the others divided by their sum; with one, this is `ssim`. With
    more, a negative mean counts as 0.

    Args, errors: as in `ssim`.

    Reference: Wang, Simoncelli & Bovik, Multi-scale Structural Similarity for Image Quality
    Assessment, 2003.
    """
    _check(first, second, data_range)
    scales = _scales(first)
    if scales == 1:
        return ssim(first, second, data_range)
    weights = torch.tensor(WEIGHTS[:scales], dtype=torch.float64)
    weights = weights / weights.sum()
    values = []
    for a, b in _chunks(first, second):
        factors = []
        for scale in range(scales):
            whole, contrast = _parts(a, b, data_range)
            factors.append(whole if scale == scales - 1 else contrast)
            if scale < scales - 1:
                a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        stacked = torch.stack(factors, 1).clamp(min=0)
        values.append((stacked ** weights.to(stacked)).prod(1))
    return Similarity(torch.cat(values), scales, _window(first))


def diversity(
    images: Tensor,
    labels: Tensor | None = None,
    pairs: int = 1000,
    seed: int = 0,
    data_range: float = 2.0,
) -> Estimate:
    """Mean similarity of two random images of one class: lower is more diverse.

    Similarity is `multi_scale_ssim`, with one scale (then it is `ssim`) below 22 pixels; the
    method says how many scales there were. A figure means something only beside that of real
    images of the same size: a generator of noise is "diverse", too.

    Images are paired at random within their classes and no image is in two pairs, so that the
    pairs' similarities are independent and Student's interval is valid; all pairs of a set of
    images would share images, and their spread would say too little. ``pairs`` of them are drawn
    from all classes together, so a class weighs as much as it has images (an odd image out is not
    used).

    Args:
        images: Generated images (n, channels, height, width).
        labels: Their classes (n,); None if they are all of one.
        pairs: How many pairs, at most; there are at most n / 2.
        seed: Decides the pairs.
        data_range: Distance of the least from the largest value that a pixel can have.

    Raises:
        BadInput: Shapes do not fit, or no class has two images.

    Reference: Odena, Olah & Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs,
    2017, section 4.2.
    """
    random = np.random.default_rng(seed)
    if labels is not None and labels.shape != images.shape[:1]:
        raise BadInput(
            f"there are {len(images)} images and labels of shape {tuple(labels.shape)}: give one "
            "label for each image."
        )
    if pairs < 1:
        raise BadInput(f"diversity needs at least one pair, and not pairs={pairs}.")
    classes = np.zeros(len(images)) if labels is None else labels.cpu().numpy()
    order = random.permutation(len(images))
    # shuffled, then sorted by class: neighbours from the start of a class are random pairs
    order = order[np.argsort(classes[order], kind="stable")]
    _, starts, counts = np.unique(classes[order], return_index=True, return_counts=True)
    firsts = [
        start + 2 * np.arange(count // 2) for start, count in zip(starts, counts, strict=True)
    ]
    first_of_pair = np.concatenate([np.zeros(0, dtype=np.int64), *firsts])
    if not len(first_of_pair):
        raise BadInput("diversity compares two images of one class, and no class has two.")
    first_of_pair = random.permutation(first_of_pair)[:pairs]
    left, right = (torch.from_numpy(order[first_of_pair + i]).to(images.device) for i in (0, 1))
    similarity = multi_scale_ssim(images[left], images[right], data_range)
    estimate = mean_of(similarity.values.double().cpu().numpy(), 0, 2 * len(first_of_pair))
    name = f"MS-SSIM of {similarity.scales} scales" if similarity.scales > 1 else "SSIM"
    method = f"Student's t, {len(first_of_pair)} disjoint pairs, {name}"
    # similarities lie between −1 and 1, also if one pair tells nothing of their spread
    return replace(
        estimate, low=max(estimate.low, -1.0), high=min(estimate.high, 1.0), method=method
    )


def _parts(first: Tensor, second: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Means (n,) over channels and windows of the similarity and of its contrast-structure term."""
    n, channels, height, width = first.shape
    stacked = torch.cat([first, second, first * first, second * second, first * second])
    smooth = _blurred(stacked.reshape(-1, 1, height, width), _window(first))
    mean_x, mean_y, xx, yy, xy = smooth.reshape(5, n, channels, *smooth.shape[2:])
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    product, squares = mean_x * mean_y, mean_x.square() + mean_y.square()
    contrast = (2 * (xy - product) + c2) / (xx + yy - squares + c2)
    luminance = (2 * product + c1) / (squares + c1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _blurred(x: Tensor, window: int) -> Tensor:
    """Gaussian means of ``x`` (n, 1, h, w) over whole windows: (n, 1, h − window + 1, …)."""
    place = torch.arange(window, dtype=torch.float64) - window // 2
    weights = torch.exp(-place.square() / (2 * SIGMA**2))
    weights = (weights / weights.sum()).to(x)
    return F.conv2d(F.conv2d(x, weights[None, None, :, None]), weights[None, None, None])


def _window(images: Tensor) -> int:
    side = min(WINDOW, *images.shape[2:])
    return side - 1 + side % 2


def _scales(images: Tensor) -> int:
    """As many as hold a whole window, at least one and at most five."""
    side, scales = min(images.shape[2:]), 1
    while scales < len(WEIGHTS) and side // 2 >= WINDOW:
        side, scales = side // 2, scales + 1
    return scales


def _chunks(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs in float32 or finer, in chunks of bounded size.

    Variances are differences of means of squares. In float32 they lose about 1e-7 of the squared
    pixel, against a C₂ of 9e-4 of the squared range: similarities are right to about 1e-4.
    """
    size = max(1, CHUNK // first[0].numel())
    dtype = torch.promote_types(torch.promote_types(first.dtype, second.dtype), torch.float32)
    for a, b in zip(first.split(size), second.split(size), strict=True):
        yield a.to(dtype), b.to(dtype)


def _check(first: Tensor, second: Tensor, data_range: float) -> None:
    if first.dim() != 4 or first.shape != second.shape or not first.numel():
        raise BadInput(
            "structural similarity compares images (n, channels, height, width) one by one, and "
            f"these are {tuple(first.shape)} and {tuple(second.shape)}."
        )
    if not (first.is_floating_point() and second.is_floating_point()) or not data_range > 0:
        raise BadInput(
            "structural similarity takes floating-point images and a positive range (2 for pixels "
            f"in [-1, 1]), and not {first.dtype}, {second.dtype} and {data_range}."
        )
