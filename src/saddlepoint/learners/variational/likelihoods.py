"""Likelihoods: what a decoder's output says of an example, p(x|z) (torch-free on import)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import override

from saddlepoint.data.info import DataInfo
from saddlepoint.description import one_of
from saddlepoint.learners.variational.likelihood import Likelihood, over_values, summed
from saddlepoint.learners.variational.meaning import LEVELS, PROBABILITY, Meaning

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.randomness import Streams


class Bernoulli(Likelihood):
    """Each pixel, rescaled to [0, 1], is black or white with the probability that is decoded.

    Grey pixels are no such outcomes. They can be made some: at a fixed threshold, or at random
    with their grey value as the probability of white, drawn anew each time that an example is seen
    (Burda et al. 2016), which also keeps a model from learning single draws by heart.
    """

    equation = "t log σ(l) + (1 − t) log(1 − σ(l)), t = (x + 1)/2"

    kind: Literal["bernoulli"] = "bernoulli"
    binarise: Literal["none", "threshold", "stochastic"] = Field(
        "none",
        description="How grey pixels become black or white. none: they stay grey, and the bound is "
        "of no distribution; threshold: white above the value 127; stochastic: white with their "
        "grey value as probability, drawn each time.",
    )

    @override
    def meaning(self, data: DataInfo, dequantised: bool) -> Meaning:
        if self.binarise == "none":
            return Meaning(
                "not a density",
                "grey values are no outcomes of a Bernoulli distribution; of pixels that are all "
                "black or white it is the log-probability, and --learner.likelihood.binarise "
                "makes them so",
            )
        how, why = {
            "threshold": (
                "made black or white at 127",
                "images are binarised once and for all, white above the value 127",
            ),
            "stochastic": (
                "made black or white at random",
                "images are binarised anew each time, white with their grey value as probability, "
                "and this is the mean over such draws",
            ),
        }[self.binarise]
        return Meaning(f"probability of pixels {how}", why, offset=0.0, levels=2)

    @override
    def presented(self, x: Tensor) -> Tensor:
        if self.binarise != "threshold":
            return x
        return 2 * (x > 0).to(x.dtype) - 1

    @override
    def prepared(self, x: Tensor, streams: Streams, axes: int) -> Tensor:
        if self.binarise != "stochastic":
            return self.presented(x)
        drawn = streams.uniform(tuple(x.shape[-axes - 1 :]), "binarisation")
        return 2 * (drawn < (x + 1) / 2).to(x.dtype) - 1

    @override
    def each(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        target = ((x + 1) / 2).expand_as(output)
        return -binary_cross_entropy_with_logits(output, target, reduction="none")

    @override
    def mean(self, output: Tensor, log_scale: Tensor, axes: int) -> Tensor:
        return 2 * output.sigmoid() - 1

    @override
    def draw(self, output: Tensor, log_scale: Tensor, streams: Streams, axes: int) -> Tensor:
        drawn = streams.uniform(tuple(output.shape[-axes - 1 :]), "pixels")
        return 2 * (drawn < output.sigmoid()).to(output.dtype) - 1


class Gaussian(Likelihood):
    """Independent normal distributions around the decoded means.

    With the learner's ``dequantise`` each pixel v of 0, …, 255 becomes y = (v + u)/256, u uniform
    in [0, 1), and 2 y − 1 on the scale of the model: images in [−1, 1], x = v/127.5 − 1, become
    x' = (255 x + 2 u − 1)/256. The density of x' then bounds the probability of the pixels
    themselves, by Jensen's inequality:

        log P(v) ≥ E_u log p(x') + D log(2/256),

    so that bits per dimension are −ELBO/(D ln 2) + log₂(256/2).

    Reference: Theis et al., A Note on the Evaluation of Generative Models, 2016, section 3.1. A
    deviation for each value is that of Kingma and Welling 2014, appendix C.2.
    """

    equation = "−(x − μ)²/(2σ²) − log σ − ½ log 2π"
    of_images = False
    bounded = False
    dequantises = True

    kind: Literal["gaussian"] = "gaussian"
    scale: Literal["shared", "each", "fixed"] = Field(
        "shared",
        description="The standard deviation σ. shared: one for all values, learned; each: one for "
        "each value of each example, decoded beside its mean; fixed: the number std.",
    )
    std: float = Field(1.0, gt=0, description="Of the fixed scale: σ, on the scale of the model.")
    least_std: float = Field(
        0.01,
        gt=0,
        description="Of the scale each: the smallest σ, σ = least-std + softplus(decoded). Without "
        "one the density of a value that never changes has no bound.",
    )

    @model_validator(mode="after")
    def _nothing_is_idle(self) -> Self:
        for name, scale in (("std", "fixed"), ("least_std", "each")):
            if self.scale != scale and self.changed(name):
                usual = type(self).model_fields[name].default
                raise ValueError(
                    f"{name.replace('_', '-')} is of the scale '{scale}', and this is "
                    f"'{self.scale}': choose that, or leave it at {usual:g}."
                )
        return self

    @property
    @override
    def per_value(self) -> int:
        return 2 if self.scale == "each" else 1

    @property
    @override
    def learns_scale(self) -> bool:
        return self.scale == "shared"

    @override
    def meaning(self, data: DataInfo, dequantised: bool) -> Meaning:
        if not data.images:
            return Meaning("density", "it depends on the units of the data")
        if dequantised:
            return Meaning(
                "density of dequantised pixels",
                "it bounds the log-probability of pixels of 256 values",
                math.log2(LEVELS / 2),
            )
        return Meaning(
            "not a density",
            "pixels have 256 values, at which a density may be as high as it likes; "
            "--learner.dequantise true makes it one",
        )

    @override
    def log_prob(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        if self.scale != "shared":
            return super().log_prob(output, log_scale, x, axes)
        return gaussian_log_likelihood(output, log_scale, x, axes)  # one product less a value

    @override
    def each(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        mean, std = self._moments(output, log_scale, axes)
        standardised = (x - mean) / std
        return -0.5 * standardised.square() - std.log() - 0.5 * math.log(2 * math.pi)

    @override
    def mean(self, output: Tensor, log_scale: Tensor, axes: int) -> Tensor:
        return self._moments(output, log_scale, axes)[0]

    @override
    def draw(self, output: Tensor, log_scale: Tensor, streams: Streams, axes: int) -> Tensor:
        mean, std = self._moments(output, log_scale, axes)
        return mean + std * streams.normal(tuple(mean.shape[-axes - 1 :]), "pixels")

    def _moments(self, output: Tensor, log_scale: Tensor, axes: int) -> tuple[Tensor, Tensor]:
        import torch

        if self.scale == "each":
            mean, raw = output.chunk(2, -axes)
            return mean, self.least_std + torch.nn.functional.softplus(raw)
        if self.scale == "fixed":
            return output, output.new_tensor(self.std)
        return output, over_values(log_scale.exp(), axes)


class Categorical(Likelihood):
    """Each pixel has one of several values, and the decoder gives every value its probability.

    Nothing is assumed of their order: all shapes can be learned, at the price of as many numbers
    a pixel as it has values. With fewer levels than 256, pixels are put into as many equal bins.

    Paper: as the outputs of van den Oord et al., Pixel Recurrent Neural Networks, 2016.
    """

    equation = "lₖ − log Σⱼ exp lⱼ, k the pixel's level"

    kind: Literal["categorical"] = "categorical"
    levels: int = Field(LEVELS, ge=2, le=LEVELS, description="Values that a pixel is told by.")

    @property
    @override
    def per_value(self) -> int:
        return self.levels

    @override
    def meaning(self, data: DataInfo, dequantised: bool) -> Meaning:
        if self.levels == LEVELS:
            return PROBABILITY
        return Meaning(
            f"probability of pixels in {self.levels} bins",
            f"the 256 values of pixels are put into {self.levels} equal bins first, so that it is "
            "not to be compared with other numbers of bins",
            offset=0.0,
            levels=self.levels,
        )

    @override
    def presented(self, x: Tensor) -> Tensor:
        return x if self.levels == LEVELS else self._value(self._level(x).to(x.dtype))

    @override
    def each(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        logits = self._logits(output, axes)
        levels = self._level(x).unsqueeze(-axes - 1)
        levels = levels.expand(*logits.shape[: -axes - 1], 1, *levels.shape[-axes:])
        return logits.log_softmax(-axes - 1).gather(-axes - 1, levels).squeeze(-axes - 1)

    @override
    def mean(self, output: Tensor, log_scale: Tensor, axes: int) -> Tensor:
        import torch

        probabilities = self._logits(output, axes).softmax(-axes - 1)
        values = self._value(torch.arange(self.levels).to(probabilities))
        return (probabilities * values.view(-1, *[1] * axes)).sum(-axes - 1)

    @override
    def draw(self, output: Tensor, log_scale: Tensor, streams: Streams, axes: int) -> Tensor:
        logits = self._logits(output, axes)
        drawn = streams.uniform(tuple(logits.shape[-axes - 2 :]), "pixels")
        gumbel = -(-drawn.log()).log()  # the largest of logits + gumbel has their probability
        return self._value((logits + gumbel).argmax(-axes - 1).to(output.dtype))

    def _logits(self, output: Tensor, axes: int) -> Tensor:
        """(..., levels, *shape)."""
        return output.unflatten(-axes, (self.levels, -1))

    def _level(self, x: Tensor) -> Tensor:
        """The level of each pixel, of 0, …, levels − 1."""
        value = ((x + 1) * ((LEVELS - 1) / 2)).round().long().clamp(0, LEVELS - 1)
        return value if self.levels == LEVELS else value * self.levels // LEVELS

    def _value(self, level: Tensor) -> Tensor:
        """Where a level lies in [−1, 1]: the lowest at −1, the highest at 1."""
        return level * (2 / (self.levels - 1)) - 1


class DiscretisedLogistic(Likelihood):
    """Each pixel's value is a logistic distribution's, rounded to the 256 values of pixels.

    P(v) is the logistic distribution's mass between the edges half a level below and above v; the
    lowest value has all mass below its upper edge and the highest all above its lower one, so that
    the 256 probabilities sum to 1. With σ the logistic function, a and b the edges of v, moved by
    the mean and divided by the scale,

        log P(v) = log(σ(b) − σ(a)) = log σ(b) + log σ(−a) + log(1 − exp(a − b)).

    Reference: Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, 2016;
    Salimans et al., PixelCNN++, 2017, section 2.1.
    """

    equation = "log(σ((x⁺ − μ)/s) − σ((x⁻ − μ)/s)), x⁻ and x⁺ the edges of the pixel's value"

    kind: Literal["discretised_logistic"] = "discretised_logistic"
    scale: Literal["shared", "each"] = Field(
        "shared",
        description="The scale s. shared: one for all values, learned; each: one for each value of "
        "each example, decoded beside its mean.",
    )

    @property
    @override
    def per_value(self) -> int:
        return 2 if self.scale == "each" else 1

    @property
    @override
    def learns_scale(self) -> bool:
        return self.scale == "shared"

    @override
    def meaning(self, data: DataInfo, dequantised: bool) -> Meaning:
        return PROBABILITY

    @override
    def each(self, output: Tensor, log_scale: Tensor, x: Tensor, axes: int) -> Tensor:
        import torch
        from torch.nn.functional import logsigmoid

        mean, scale = self._moments(output, log_scale, axes)
        level = ((x + 1) * ((LEVELS - 1) / 2)).round()
        centred, half = level * (2 / (LEVELS - 1)) - 1 - mean, 1 / (LEVELS - 1)
        lowest, highest = level <= 0, level >= LEVELS - 1
        below_upper = logsigmoid((centred + half) / scale).masked_fill(highest, 0.0)
        above_lower = logsigmoid((half - centred) / scale).masked_fill(lowest, 0.0)
        between = torch.log(-torch.expm1(-2 * half / scale))
        inner = between.expand_as(centred).masked_fill(lowest | highest, 0.0)
        return below_upper + above_lower + inner

    @override
    def mean(self, output: Tensor, log_scale: Tensor, axes: int) -> Tensor:
        """To within half a level: that of the logistic distribution with its tails put at ±1.

        −1 + ∫₋₁¹ (1 − F(t)) dt = −1 + s (log(1 + e^{(1 + μ)/s}) − log(1 + e^{(μ − 1)/s})).
        """
        from torch.nn.functional import softplus

        mean, scale = self._moments(output, log_scale, axes)
        above = softplus((1 + mean) / scale) - softplus((mean - 1) / scale)
        return (scale * above - 1).clamp(-1, 1)  # but for rounding it lies there

    @override
    def draw(self, output: Tensor, log_scale: Tensor, streams: Streams, axes: int) -> Tensor:
        mean, scale = self._moments(output, log_scale, axes)
        drawn = streams.uniform(tuple(mean.shape[-axes - 1 :]), "pixels")
        continuous = mean + scale * drawn.logit(eps=1e-7)
        level = ((continuous + 1) * ((LEVELS - 1) / 2)).round().clamp(0, LEVELS - 1)
        return level * (2 / (LEVELS - 1)) - 1

    def _moments(self, output: Tensor, log_scale: Tensor, axes: int) -> tuple[Tensor, Tensor]:
        if self.scale == "shared":
            return output, over_values(log_scale.exp(), axes).clamp(min=_LEAST_LOGISTIC)
        from torch.nn.functional import softplus

        mean, raw = output.chunk(2, -axes)
        return mean, _LEAST_LOGISTIC + softplus(raw)


_LEAST_LOGISTIC = 1e-3  # an eighth of a level: all mass is within it, and nothing overflows

LIKELIHOODS: list[type[Likelihood]] = [Gaussian, Bernoulli, Categorical, DiscretisedLogistic]


def _of_word(value: object) -> object:
    """A kind's word stands for it with its defaults, as on the command line."""
    return one_of(LIKELIHOODS).made(value) if isinstance(value, str) else value


AnyLikelihood = Annotated[Likelihood, one_of(LIKELIHOODS), BeforeValidator(_of_word)]


def gaussian_log_likelihood(
    mean: Tensor, log_scale: Tensor, target: Tensor, axes: int | None = None
) -> Tensor:
    """Log density of N(mean, exp(log_scale)²) at ``target``, summed over all axes but the first.

    −‖x − μ‖² / (2σ²) − D (log σ + log(2π)/2), with one σ (a scalar) for all D numbers. With
    ``axes`` the sum is over so many of the last ones.
    """
    axes = target.dim() - 1 if axes is None else axes
    distances = summed((target - mean).square(), axes)
    dimensions = math.prod(target.shape[-axes:])
    level = dimensions * (log_scale + 0.5 * math.log(2 * math.pi))
    return -0.5 * distances * (-2 * log_scale).exp() - level
