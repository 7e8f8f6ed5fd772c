"""Penalties by differences against the exact ones: their bias and the noise of one direction.

    python benchmarks/differences.py [--json benchmarks/results/differences.json]

Each critic stands at random weights whose scores are as far from each other as those of a critic
in training; its residual blocks bend (their last layers are not zero). For each step σ and each
precision one number a direction is computed, ((D(x + σn) − D(x))/σ)²:

- mean: divided by the mean of (n · ∇D(x))² over the same directions, 1 without bias;
- noise: the standard deviation divided by the mean of ‖∇D(x)‖², 1.41 for a linear critic;
- rounding: the root mean square of what differs from float64 with the same directions, divided so.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.games.slopes import gradients, squared_differences
from saddlepoint.networks.critic import Critic
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.network import Network, Site
from saddlepoint.networks.r3 import R3

BATCH, ROUNDS = 32, 8
STEPS = (0.001, 0.01, 0.1)
PRECISIONS = ("float32", "bfloat16")
CRITICS: dict[str, tuple[Network, tuple[int, ...]]] = {
    "fully connected 3×128, points in 2-D": (Mlp(hidden=(128,) * 3), (2,)),
    "DCGAN width 32, 32×32×3": (Dcgan(width=32, norm="none"), (3, 32, 32)),
    "R3 width 64, 32×32×3": (R3(widths=(64,), blocks=1), (3, 32, 32)),
}


def critic_of(network: Network, shape: tuple[int, ...], x: Tensor) -> Critic:
    """A critic that bends, whose scores of ``x`` have a standard deviation of 1."""
    site = Site(shape, batch=BATCH)
    critic = Critic(network.as_backbone(site), site)
    for parameter in critic.parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, 0.0, parameter[0].numel() ** -0.5)
    critic = critic.double()
    with torch.no_grad():
        critic.head.weight.div_(critic(x).score.std())
    return critic


def directions(x: Tensor) -> list[Tensor]:
    """The same ones for each step and precision."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(x.shape, generator=generator) for _ in range(ROUNDS)]


def estimates(critic: Critic, x: Tensor, step: float, precision: str) -> Tensor:
    """One number a direction, (rounds · batch,)."""
    kind = torch.float64 if precision == "float64" else torch.float32
    critic, x = critic.to(kind), x.to(kind)
    rows = []
    for direction in directions(x):
        with torch.no_grad(), torch.autocast("cpu", enabled=precision == "bfloat16"):
            rows += squared_differences(
                lambda at: critic(at).score, [x], [direction.to(kind)], [step], [None], 0
            )
    return torch.cat(rows).double()


def measured() -> list[dict[str, Any]]:
    """A row for each critic and step."""
    rows = []
    for name, (network, shape) in CRITICS.items():
        torch.manual_seed(0)
        x = torch.rand(BATCH, *shape).double() * 2 - 1
        critic = critic_of(network, shape, x)
        (slopes,) = gradients(lambda at, critic=critic: critic(at).score, [x], 0)
        slopes = slopes.detach()
        exact = slopes.square().sum(-1).mean()
        along = torch.cat([(n.flatten(1) * slopes).sum(-1).square() for n in directions(x)]).mean()
        for step in STEPS:
            fine = estimates(critic, x, step, "float64")
            row: dict[str, Any] = {"critic": name, "step": step}
            row["mean"] = (fine.mean() / along).item()
            row["noise"] = (fine.std() / exact).item()
            for precision in PRECISIONS:
                coarse = estimates(critic, x, step, precision)
                row[f"mean {precision}"] = (coarse.mean() / along).item()
                rounding = (coarse - fine).square().mean().sqrt()
                row[f"rounding {precision}"] = (rounding / exact).item()
            critic.double()
            rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = measured()
    print(
        "| critic | σ | mean, float64 | noise of one direction | rounding in float32 | mean, "
        "bfloat16 | rounding in bfloat16 |\n|---|---|---|---|---|---|---|"
    )
    for row in rows:
        print(
            f"| {row['critic']} | {row['step']:g} | {row['mean']:.3f} | {row['noise']:.2f} | "
            f"{row['rounding float32']:.2g} | {row['mean bfloat16']:.3g} | "
            f"{row['rounding bfloat16']:.2g} |"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
