"""Hidden values of examples, filled in by a variational autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.explore.autoencoders import autoencoder_of, examples_for, in_blocks
from saddlepoint.learners.learner import evaluating
from saddlepoint.learners.variational.learner import VariationalLearner
from saddlepoint.metrics.estimate import Estimate, mean_of
from saddlepoint.randomness import Streams
from saddlepoint.training.trained import Trained


@dataclass(frozen=True)
class Filled:
    """Examples whose hidden values were filled in; the others are as they were.

    Attributes:
        examples: (n, *shape): hidden values are the mean over the second half of the sweeps of what
            the decoder expected there.
        last: (n, *shape): as the last sweep left them, one draw.
        with_means: (n, *shape): the control, hidden values filled with means.
        observed: (n, *shape), where values were seen.
        sweeps: How many there were.
    """

    examples: NDArray[np.float32]
    last: NDArray[np.float32]
    with_means: NDArray[np.float32]
    observed: NDArray[np.bool_]
    sweeps: int

    def errors(self, truth: ArrayLike | Tensor) -> dict[str, Estimate]:
        """Mean squared errors of the hidden values, by what filled them in, and their difference.

        ``model``, ``means``, and ``gain``, means − model: above 0 where the model is better. Each
        is a mean over examples with Student's interval.

        Args:
            truth: (n, *shape), the values as they are.
        """
        true = np.asarray(truth, dtype=np.float64)
        if true.shape != self.examples.shape:
            raise BadInput(
                f"the truth has the shape {true.shape}, and what was filled in "
                f"{self.examples.shape}: give the same examples."
            )
        hidden = ~self.observed
        axes = tuple(range(1, true.ndim))
        some = hidden.any(axes)  # of an example that was seen whole there is no error

        def squared(filled: NDArray[np.float32]) -> NDArray[np.float64]:
            wrong = np.where(hidden, (filled - true) ** 2, 0.0).sum(axes)
            return np.asarray(wrong[some] / hidden.sum(axes)[some], dtype=np.float64)

        model, means = squared(self.examples), squared(self.with_means)
        each = {"model": model, "means": means, "gain": means - model}
        return {name: mean_of(values, len(values), 0) for name, values in each.items()}


def fill_in(
    model: Trained,
    x: ArrayLike | Tensor,
    observed: ArrayLike | Tensor,
    *,
    sweeps: int = 100,
    seed: int = 0,
    pixels: Literal["drawn", "mean"] = "drawn",
    means: ArrayLike | Tensor | None = None,
    member: int = 0,
) -> Filled:
    """Fill in hidden values by alternating z ~ q(z|x) and x ~ p(x|z), keeping what was seen.

    With the exact posterior in the place of q this is Gibbs sampling, whose draws come from
    p(hidden | seen). It begins with the control, hidden values filled with means. What stands in
    ``x`` at hidden places is never read and may be NaN. A model that was trained with missing
    values is told which were seen, and draws z from q(z|seen): its sweeps are draws that do not
    depend on each other.

    Args:
        model: The trained model.
        x: (n, *shape), images in [−1, 1].
        observed: True where a value was seen; broadcast to the shape of ``x``.
        sweeps: Alternations.
        seed: Of all draws.
        pixels: What goes on to the next sweep: ``drawn`` values, or the ``mean`` that the decoder
            gives, which suits grey pixels under a Bernoulli likelihood.
        means: What the control fills in, of an example's shape: the mean of the training data
            (``data.info.mean``) is a fair one. By default the mean of a value over those of the
            examples in which it was seen, and where it never was that of all values.
        member: Of a run with several seeds, which one is meant.

    Raises:
        BadInput: The model is no variational autoencoder, shapes do not fit, or a value that was
            seen is not finite.

    Paper: Rezende et al., Stochastic Backpropagation and Approximate Inference in Deep Generative
    Models, 2014, section 5.4 and appendix F.
    """
    if sweeps < 1:
        raise BadInput(f"sweeps = {sweeps}: at least one is needed.")
    learner = autoencoder_of(model, member)
    values = examples_for(learner, x)
    given = observed.cpu() if isinstance(observed, Tensor) else torch.from_numpy(np.array(observed))
    seen = given.bool()
    try:
        seen = seen.expand_as(values)
    except RuntimeError:
        raise BadInput(
            f"observed has the shape {tuple(seen.shape)}, which does not fit examples of "
            f"{tuple(values.shape)}."
        ) from None
    if not values[seen].isfinite().all():
        raise BadInput("a value that was seen is not finite: mark it as hidden.")
    if means is None:
        start = _with_means(values, seen)
    else:
        start = torch.where(seen, values, examples_for(learner, np.asarray(means)[None])).to(values)
    expected, last = [], []
    with torch.no_grad(), evaluating(learner):
        blocks = zip(in_blocks(learner, start), in_blocks(learner, seen.to(start)), strict=True)
        for (number, count, state), (_, _, mask) in blocks:
            keep, total = mask > 0.5, torch.zeros_like(state)
            kept = state
            for sweep in range(sweeps):
                streams = Streams(seed, "filling", number, sweep, device=state.device)
                mean, drawn = _swept(learner, state, keep, streams, pixels)
                state = torch.where(keep, kept, drawn)
                if sweep >= sweeps // 2:
                    total += mean
            mean = torch.where(keep, kept, total / (sweeps - sweeps // 2))
            expected.append(mean[:count].float().cpu())
            last.append(state[:count].float().cpu())
    return Filled(
        torch.cat(expected).numpy(),
        torch.cat(last).numpy(),
        start.float().numpy(),
        seen.numpy(),
        sweeps,
    )


def _swept(
    learner: VariationalLearner, x: Tensor, seen: Tensor, streams: Streams, pixels: str
) -> tuple[Tensor, Tensor]:
    """The decoder's mean for a draw of z, and what goes on to the next sweep."""
    prepared = learner.prepared(x, streams)
    output = learner.autoencoder.decoder(learner.latents_of(prepared, streams, seen))
    likelihood, scale, axes = learner.likelihood, learner.log_scale, learner.axes
    expected = learner.on_data(likelihood.mean(output, scale, axes))
    if pixels == "mean":
        return expected, expected
    return expected, learner.on_data(likelihood.draw(output, scale, streams, axes))


def _with_means(values: Tensor, seen: Tensor) -> Tensor:
    """Hidden values filled with the mean of those seen there, or of all where there are none."""
    known = torch.where(seen, values, 0.0).double()
    counts = seen.sum(0)
    overall = known.sum() / seen.sum().clamp(min=1)
    means = torch.where(counts > 0, known.sum(0) / counts.clamp(min=1), overall)
    return torch.where(seen, values, means.to(values.dtype))
