"""How steep a critic is at given points: by its gradient, or by differences of its scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Score = Callable[[Tensor], Tensor]


def fine(x: Tensor) -> Tensor:
    """``x`` in float32, or as it is if finer."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def per_example(values: Tensor, x: Tensor, pack: int) -> Tensor:
    """``values``, one per critic input, spread over the examples ``x`` and ready to multiply.

    Raises:
        ValueError: ``x`` has neither one nor ``pack`` examples per critic input.
    """
    axis = values.dim() - 1
    if x.shape[: axis + 1] == (*values.shape[:-1], pack * values.shape[-1]):
        values = values.repeat_interleave(pack, -1)
    elif x.shape[: axis + 1] != values.shape:
        raise ValueError(
            f"examples {tuple(x.shape)} do not fit scores {tuple(values.shape)} with pack={pack}"
        )
    return values.reshape(*values.shape, *(1 for _ in x.shape[axis + 1 :]))


def gradients(critic: Score, points: Sequence[Tensor], axis: int) -> list[Tensor]:
    """∇ₓD at several batches of points, by one pass through the critic in float32 or finer.

    Each is flattened to (*batch shape, numbers per critic input): consecutive examples of a pack
    end up in one row, because there is one score for them all. The result can be differentiated
    again.

    Args:
        critic: D.
        points: Critic inputs ([members,] batch, *shape).
        axis: That of the batch.
    """
    whole = points[0] if len(points) == 1 else torch.cat(list(points), axis)
    if not whole.requires_grad:  # else the graph goes on to who made it: an unrolled generator
        whole = whole.detach().requires_grad_()
    with torch.autocast(whole.device.type, enabled=False):
        score = critic(whole)
        (gradient,) = torch.autograd.grad(
            score.sum(), whole, create_graph=True, materialize_grads=True
        )
    return _parts(gradient.reshape(*score.shape, -1), points, axis)


def squared_differences(
    critic: Score,
    points: Sequence[Tensor],
    directions: Sequence[Tensor],
    steps: Sequence[float],
    known: Sequence[Tensor | None],
    axis: int,
) -> list[Tensor]:
    """((D(x + σn) − D(x))/σ)² at several batches of points, by one pass through the critic.

    Args:
        critic: D.
        points: x, critic inputs ([members,] batch, *shape).
        directions: n of each batch, of the shape of its points.
        steps: σ of each batch.
        known: D(x) of each batch if it is known; None: it joins the pass.
        axis: That of the batch.
    """
    moved = [x + step * n for x, n, step in zip(points, directions, steps, strict=True)]
    unknown = [x for x, score in zip(points, known, strict=True) if score is None]
    batches = [*moved, *unknown]
    scores = iter(_parts(critic(torch.cat(batches, axis)), batches, axis))
    there = [next(scores) for _ in moved]
    here = [next(scores) if score is None else score for score in known]
    return [
        ((after - before) / step).square()
        for after, before, step in zip(there, here, steps, strict=True)
    ]


def _parts(rows: Tensor, points: Sequence[Tensor], axis: int) -> list[Tensor]:
    """The rows that belong to each batch of points; a pack of examples has one row."""
    per_row = sum(each.shape[axis] for each in points) // rows.shape[axis]
    return list(rows.split([each.shape[axis] // per_row for each in points], axis))
