"""The least that a small GAN's step costs: PyTorch's modules, a fused Adam a player, nothing else.

    python benchmarks/bare_step.py

The networks of the fully connected cases of `benchmarks/step.py`, float32, batch 128: one pass for
real and fake examples, a frozen critic in the generator's turn, fresh latents in each turn.
No averaged weights, no norms of gradients, no guard, no random streams, no batches drawn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

BATCH, LATENT, WIDTH, STEPS, ROUNDS = 128, 64, 256, 500, 5


def network(inputs: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Two hidden layers."""
    layers = [nn.Linear(inputs, WIDTH), activation(), nn.Linear(WIDTH, WIDTH), activation()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, outputs))


def moved(loss: Tensor, parameters: list[nn.Parameter], optimiser: torch.optim.Adam) -> None:
    """One update."""
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimiser.step()


def milliseconds(numbers: int) -> float:
    """Of one step on examples of so many numbers, the median over rounds."""
    generator = network(LATENT, numbers, lambda: nn.ReLU(inplace=True))
    critic = network(numbers, 1, lambda: nn.LeakyReLU(0.2, inplace=True))
    players = [list(each.parameters()) for each in (generator, critic)]
    optimisers = [torch.optim.Adam(each, 2e-4, (0.5, 0.999), fused=True) for each in players]
    data = torch.randn(4096, numbers)

    def step(number: int) -> None:
        start = number * BATCH % (len(data) - BATCH)
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, LATENT))
        score = critic(torch.cat([data[start : start + BATCH], fake]))
        loss = softplus(-score[:BATCH]).mean() + softplus(score[BATCH:]).mean()
        moved(loss, players[1], optimisers[1])
        for parameter in players[1]:
            parameter.requires_grad_(False)
        cost = softplus(-critic(generator(torch.randn(BATCH, LATENT)))).mean()
        moved(cost, players[0], optimisers[0])
        for parameter in players[1]:
            parameter.requires_grad_(True)

    for number in range(100):
        step(number)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for number in range(STEPS):
            step(number)
        times.append(1000 * (time.perf_counter() - start) / STEPS)
    return statistics.median(times)


def main() -> None:
    """Print both."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_flush_denormal(True)
    for numbers in (2, 784):
        print(f"examples of {numbers} numbers: {milliseconds(numbers):.2f} ms a step")


if __name__ == "__main__":
    main()
