"""One step with R1 and R2 against a plain loop with double backward, interleaved in one process.

    python benchmarks/penalised_step.py [--json benchmarks/results/penalised_step.json]

The relativistic game on 32×32 colour images, batch 64: WGAN-GP's residual network (128 channels)
and R3GAN's (96 channels, two blocks a size). The plain loop computes in float32 with rows first
(NCHW), differentiates the scores of real and of fake examples twice, in two passes of the critic,
scores real examples again in the generator's turn, and calls ``.item()`` at every step. Ours is the
step of ``saddlepoint train`` in the precision that ``auto`` chooses, with averaged weights,
gradient norms and the guard against non-finite values; with the exact penalties (in float32, one
pass for both), and by differences of scores, in float32 and as the run computes. At last, where the
time of the exact step goes.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ours import Ours
from saddlepoint import recipes
from saddlepoint.games.regularisers import r1, r2
from saddlepoint.networks.r3 import R3
from saddlepoint.networks.resnet import ResNet
from saddlepoint.run.description import Run
from saddlepoint.training.device import Policy, choose, processor
from saddlepoint.training.freed_memory import keeping_freed_memory
from step import seconds

BATCH, GAMMA, LATENT, RATE = 64, 0.1, 64, 2e-4
WAYS: dict[str, dict[str, Any]] = {
    "exact": {},
    "differences, float32": {"differences": 0.01},
    "differences, as the run": {"differences": 0.01, "precision": "run"},
}
NETWORKS = {
    "ResNet-32": (
        ResNet(width=128, widest=1, norm="batch"),
        ResNet(width=128, widest=1, blocks=(0, 0, 2)),
    ),
    "R3-32": (R3(widths=(96,)), R3(widths=(96,))),
}


def described(name: str, images: np.ndarray, way: dict[str, Any]) -> Run:
    """The run of one case."""
    generator, critic = NETWORKS[name]
    run = recipes.r3gan(images, batch_size=BATCH, seed=1)
    penalties = tuple(each(GAMMA).replace(**way) for each in (r1, r2))
    learner = run.learner.replace(
        generator=generator, critic=critic, critic_regularisers=penalties, latent=LATENT
    )
    return run.replace(learner=learner)


class Plain:
    """The loop that a reader of the paper would write, on copies of our initial weights."""

    def __init__(self, learner: Any, images: np.ndarray) -> None:
        self.generator, self.critic = (rows_first(n) for n in (learner.generator, learner.critic))
        self.images = (
            torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
        ).contiguous()
        self.optimisers = [
            torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.0, 0.9))
            for network in (self.critic, self.generator)
        ]
        self.cursor = 0
        self.losses: list[float] = []

    def _penalised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and the squared norms of their gradients."""
        x = x.detach().requires_grad_()
        score = self.critic(x).score
        (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return score, gradient.square().sum((1, 2, 3))

    def step(self) -> None:
        start = self.cursor * BATCH % (len(self.images) - BATCH + 1)
        real = self.images[start : start + BATCH]
        self.cursor += 1
        critic_step, generator_step = self.optimisers
        with torch.no_grad():
            fake = self.generator(torch.randn(BATCH, LATENT))
        real_score, first = self._penalised(real)
        fake_score, second = self._penalised(fake)
        loss = (softplus(fake_score - real_score) + GAMMA / 2 * (first + second)).mean()
        self.critic.zero_grad()
        loss.backward()
        critic_step.step()
        fake = self.generator(torch.randn(BATCH, LATENT))
        cost = softplus(self.critic(real).score.detach() - self.critic(fake).score).mean()
        self.generator.zero_grad()
        cost.backward()
        generator_step.step()
        self.losses = [loss.item(), cost.item()]


def rows_first(network: nn.Module) -> nn.Module:
    """A copy with contiguous weights."""
    twin = copy.deepcopy(network)
    for parameter in twin.parameters():
        parameter.data = parameter.data.contiguous()
    return twin


def race(name: str, policy: Policy, rounds: int) -> list[dict[str, Any]]:
    """Time the plain loop and every way of ours in turn."""
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (512, 32, 32, 3), dtype=np.uint8)
    ours = {
        way: Ours(described(name, images, options), policy, BATCH) for way, options in WAYS.items()
    }
    plain = Plain(ours["exact"].learner, images)
    z = torch.randn(8, LATENT)
    with torch.no_grad():
        mine, theirs = (m.critic(m.generator(z)).score for m in (ours["exact"].learner, plain))
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    times: dict[str, list[float]] = {way: [] for way in ("plain", *WAYS)}
    for each in (*ours.values(), plain):
        each.step()
    for _ in range(rounds):
        times["plain"].append(seconds(plain.step, 1))
        with keeping_freed_memory():  # as `saddlepoint train` does
            for way, each in ours.items():
                each.step()  # fetches the memory that the plain loop gave back
                times[way].append(seconds(each.step, 1))
    rows = []
    for way in WAYS:
        ratios = [a / b for a, b in zip(times["plain"], times[way], strict=True)]
        rows.append(
            {
                "case": name,
                "way": way,
                "precision": ours[way].policy.precision,
                "plain_seconds": statistics.median(times["plain"]),
                "seconds": statistics.median(times[way]),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "rounds": rounds,
            }
        )
    return rows


def where_it_goes(name: str, policy: Policy) -> dict[str, float]:
    """Seconds of an exact step of ours, of the same without penalties, and of its convolutions."""
    images = np.random.default_rng(0).integers(0, 256, (512, 32, 32, 3), dtype=np.uint8)
    run = described(name, images, {})
    bare = run.replace(learner=run.learner.replace(critic_regularisers=()))
    ours, without = Ours(run, policy, BATCH), Ours(bare, policy, BATCH)
    with keeping_freed_memory():
        ours.step()
        without.step()
        spent = {"step": seconds(ours.step, 2), "without penalties": seconds(without.step, 2)}
        with torch.profiler.profile() as profile:
            ours.step()
    events = [(event.name, event.self_cpu_time_total / 1e6) for event in profile.events()]
    whole = sum(each for _, each in events)
    share = sum(each for event, each in events if "convolution" in event) / whole
    return {**spent, "share of convolutions": share}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="only cases whose name holds this")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    policy = choose(asked.device, "auto")
    head = {
        "processor": processor(policy.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": BATCH,
    }
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    rows = []
    for name in (name for name in NETWORKS if asked.only in name):
        for row in race(name, policy, asked.rounds):
            rows.append(row)
            print(
                f"{name:10} R1 + R2, {row['way']:24} plain {row['plain_seconds']:6.2f} s  ours "
                f"{row['seconds']:6.2f} s  ratio {row['ratio']:.2f} "
                f"({row['ratio_min']:.2f}–{row['ratio_max']:.2f})",
                flush=True,
            )
        spent = where_it_goes(name, policy)
        print(
            f"{name}, exact: {spent['step']:.2f} s, of which {spent['share of convolutions']:.0%} "
            f"convolutions; without penalties {spent['without penalties']:.2f} s.",
            flush=True,
        )
        rows.append({"case": name, "way": "where the exact step goes", **spent})
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
