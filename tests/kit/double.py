"""Small GANs in float64, and the quantities that their equations speak of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kit.tiny import tiny
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.optimisers import Sgd
from saddlepoint.training.device import Policy
from saddlepoint.training.step import Batches, Stepper

CPU = torch.device("cpu")
BATCH = 16


class Doubled:
    """A loader in float64."""

    def __init__(self, loader: object) -> None:
        self._loader = loader

    def batch(self, cursor: int) -> object:
        from dataclasses import replace

        batch = self._loader.batch(cursor)
        return replace(batch, x=batch.x.double())


def stepper_of(
    dynamics: Any = None, seed: int | tuple[int, ...] = 0, data: str = "ring", **changes: Any
) -> Stepper:
    """A stepper in float64 over a small GAN with ``changes`` in its description."""
    run = tiny("gan", data=data)
    sgd = Sgd(learning_rate=0.05)
    settings = {"critic_optimiser": sgd, "generator_optimiser": sgd} | changes
    description = type(run.learner).model_validate({**dict(run.learner), **settings})
    opened = run.data.open()
    learner = description.learner(opened.info, batch_size=BATCH, seed=seed).double()
    if isinstance(seed, tuple):
        loader: Any = MemberLoader(opened, "train", BATCH, seeds=seed, device=CPU)
    else:
        loader = opened.loader("train", BATCH, seed=seed, device=CPU)
    return Stepper(learner, Policy(CPU, "float32"), Batches(Doubled(loader), BATCH), seed, dynamics)


def flat(stepper: Stepper, player: str) -> Tensor:
    return torch.cat([p.detach().flatten() for p in stepper.parameters[player]])


def explicit(stepper: Stepper, number: int) -> tuple[dict[str, Tensor], Any]:
    """The learner's tensors and the vector field v as a function of them, written out."""
    learner = stepper.learner
    names = {name: p for named in stepper.named.values() for name, p in named.items()}
    place = {p.name: stepper.draw(p, 0, number, 0.0) for p in learner.phases}

    def field(at: dict[str, Tensor]) -> dict[str, Tensor]:
        gradients = {}
        for phase in learner.phases:
            batch, streams, moment = place[phase.name]
            inputs = (phase, batch, streams, replace(moment, whole_graph=True))
            total = torch.func.functional_call(learner, at, inputs).total()
            movers = [name for name in at if name.split(".")[1] in phase.moves]
            slopes = torch.autograd.grad(total, [at[n] for n in movers], create_graph=True)
            gradients |= dict(zip(movers, slopes, strict=True))
        return gradients

    here = {name: p.detach().clone().requires_grad_() for name, p in names.items()}
    return here, field
