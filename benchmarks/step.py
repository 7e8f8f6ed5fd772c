"""One training step of ours against the plain tutorial loop, interleaved in one process.

    python benchmarks/step.py [--rounds 7] [--json benchmarks/results/step.json]

Both play the non-saturating game with Adam on the same initial weights and the same batch size.
The tutorial loop computes in float32, rows first (NCHW), reads its losses with ``.item()`` at
every step and uses one set of fakes for both turns. Ours runs as ``saddlepoint train`` does, with
fresh latents in the generator's turn and freed memory kept. Rounds alternate A, B, A, B; the ratio
is the median over rounds. Beside it stands the time that the step's convolutions take alone, each
measured by itself in our precision: the share of the processor's own convolution rate that the
step reaches.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ours import Ours
from saddlepoint import recipes
from saddlepoint.training.device import Policy, choose, processor
from saddlepoint.training.freed_memory import keeping_freed_memory

BATCH = 128


@dataclass
class Case:
    """What is timed."""

    name: str
    shape: tuple[int, ...]
    recipe: str = "dcgan-two-core"
    saturated: bool = False


CASES = [
    Case("DCGAN 64×64×3", (64, 64, 3)),
    Case("DCGAN 32×32×1", (32, 32, 1)),
    Case("DCGAN 64×64×3, saturated critic", (64, 64, 3), saturated=True),
    Case("DCGAN 32×32×1, saturated critic", (32, 32, 1), saturated=True),
    Case("DCGAN 8×8×1", (8, 8, 1)),
    Case("fully connected 28×28×1", (28, 28, 1), recipe="gan"),
    Case("fully connected, points in 2-D", (2,), recipe="gan"),
]


def ours_of(case: Case, images: np.ndarray, policy: Policy) -> Ours:
    """The library's step of a case."""
    return Ours(recipes.RECIPES[case.recipe](images, seed=1), policy, BATCH)


class Tutorial:
    """The loop that tutorials show, on copies of our initial weights."""

    def __init__(self, generator: nn.Module, critic: nn.Module, images: np.ndarray) -> None:
        self.generator, self.critic = generator, critic
        data = torch.from_numpy(images)
        if data.dim() == 4:
            data = data.permute(0, 3, 1, 2).float() / 127.5 - 1
        self.images = data.contiguous()
        self.optimisers = [
            torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for net in (critic, generator)
        ]
        self.cursor = 0
        self.losses: list[float] = []

    def step(self) -> None:
        start = self.cursor * BATCH % (len(self.images) - BATCH + 1)
        real = self.images[start : start + BATCH]
        self.cursor += 1
        ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)
        critic_step, generator_step = self.optimisers
        self.critic.zero_grad()
        real_loss = binary_cross_entropy_with_logits(self.critic(real).flatten(), ones)
        real_loss.backward()
        fake = self.generator(torch.randn(BATCH, self.latent, *self.tail))
        fake_loss = binary_cross_entropy_with_logits(self.critic(fake.detach()).flatten(), zeros)
        fake_loss.backward()
        critic_step.step()
        self.generator.zero_grad()
        loss = binary_cross_entropy_with_logits(self.critic(fake).flatten(), ones)
        loss.backward()
        generator_step.step()
        self.losses = [real_loss.item() + fake_loss.item(), loss.item()]

    latent = 100
    tail: tuple[int, ...] = (1, 1)


def tutorial_networks(ours: Ours) -> tuple[nn.Module, nn.Module]:
    """Tutorial-style networks (convolutions throughout) with the weights of ours."""
    generator, critic = ours.learner.generator, ours.learner.critic
    h, w = generator.inner
    channels = generator.start
    first = nn.ConvTranspose2d(generator.project.in_features, channels, (h, w), bias=False)
    with torch.no_grad():
        rows = generator.project.weight.view(h, w, channels, -1)
        first.weight.copy_(rows.permute(3, 2, 0, 1))
    layers = [copied(layer) for layer in generator.layers]
    backbone = list(critic.backbone)[:-1]
    features = critic.head.in_features // (h * w)
    last = nn.Conv2d(features, 1, (h, w))
    with torch.no_grad():
        last.weight.copy_(critic.head.weight.view(1, h, w, features).permute(0, 3, 1, 2))
        last.bias.copy_(critic.head.bias)
    return (
        nn.Sequential(first, *layers),
        nn.Sequential(*(copied(layer) for layer in backbone), last),
    )


def copied(module: nn.Module) -> nn.Module:
    """A contiguous deep copy."""
    import copy

    twin = copy.deepcopy(module).to(memory_format=torch.contiguous_format)
    return twin


class Flat(nn.Module):
    """Images from a fully connected generator, for the tutorial loop."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.layers, self.shape = copied(generator.layers), generator.shape

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).unflatten(1, self.shape)


def build_pair(case: Case, policy: Policy) -> tuple[Ours, Tutorial]:
    """Both contestants, checked to compute the same scores."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (512, *case.shape), dtype=np.uint8)
    if len(case.shape) == 1:
        images = random.standard_normal((512, *case.shape)).astype(np.float32)
    ours = ours_of(case, images, policy)
    if case.recipe == "dcgan-two-core":
        tutorial = Tutorial(*tutorial_networks(ours), images)
    else:
        critic = nn.Sequential(
            copied(ours.learner.critic.backbone), copied(ours.learner.critic.head)
        )
        tutorial = Tutorial(Flat(ours.learner.generator), critic, images)
        tutorial.latent, tutorial.tail = 64, ()
    if case.saturated:
        saturate(ours, tutorial)
    z = torch.randn(16, tutorial.latent)
    with torch.no_grad():
        mine = ours.learner.critic(ours.learner.generator(z)).score
        theirs = tutorial.critic(tutorial.generator(z.view(16, -1, *tutorial.tail))).flatten()
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))
    return ours, tutorial


def saturate(ours: Ours, tutorial: Tutorial) -> None:
    """Let the critic tell reals from fakes with scores of about ±90, and hold it there.

    The head is turned along the difference of the mean features, so that the gradients of its
    loss underflow (σ(−90) ≈ 8e−40), as when a critic wins; learning rates are zero.
    """
    critic, generator = ours.learner.critic, ours.learner.generator
    with torch.no_grad():
        fake = critic(generator(torch.randn(BATCH, tutorial.latent))).features
        real = critic(tutorial.images[:BATCH].to(memory_format=torch.channels_last)).features
        direction = real.mean(0) - fake.mean(0)
        direction *= 180 / direction.square().sum()
        critic.head.weight.copy_(direction[None])
        critic.head.bias.copy_(-(real.mean(0) + fake.mean(0)) @ direction / 2)
    last = tutorial.critic[-1]
    h, w = last.kernel_size
    with torch.no_grad():
        rows = critic.head.weight.view(1, h, w, last.in_channels)
        last.weight.copy_(rows.permute(0, 3, 1, 2))
        last.bias.copy_(critic.head.bias)
    for optimiser in tutorial.optimisers:
        optimiser.param_groups[0]["lr"] = 0.0
    ours.stepper.descriptions = {
        name: description.replace(learning_rate=0.0)
        for name, description in ours.stepper.descriptions.items()
    }


def seconds(step: Callable[[], None], count: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def race(case: Case, policy: Policy, rounds: int, least: float) -> dict[str, object]:
    """Time both in turn; the baseline of a saturated case keeps its denormals."""
    torch.manual_seed(0)
    ours, tutorial = build_pair(case, policy)
    torch.set_flush_denormal(True)
    for step in (ours.step, tutorial.step, ours.step, tutorial.step):
        step()
    count = max(1, round(least / seconds(ours.step, 2)))
    mine, theirs = [], []
    for _ in range(rounds):
        torch.set_flush_denormal(True)
        with keeping_freed_memory():  # as `saddlepoint train` does
            ours.step()  # fetches the memory that the end of the last round gave back
            mine.append(seconds(ours.step, count))
        torch.set_flush_denormal(not case.saturated)
        theirs.append(seconds(tutorial.step, max(1, count // 2)))
    torch.set_flush_denormal(True)
    ratios = [b / a for a, b in zip(mine, theirs, strict=True)]
    step_time = statistics.median(mine)
    found: dict[str, object] = {
        "case": case.name,
        "precision": ours.policy.precision,
        "ours_images_per_second": BATCH / step_time,
        "tutorial_images_per_second": BATCH / statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "rounds": rounds,
    }
    if case.recipe == "dcgan-two-core":
        alone = convolutions_alone(ours, ours.policy)
        found["convolutions_alone_seconds"] = alone
        found["share_of_convolution_rate"] = alone / step_time
    return found


def convolutions_alone(ours: Ours, policy: Policy) -> float:
    """Seconds that one step's convolutions take, each timed by itself in our precision.

    A step passes the critic forwards three times, to its weights twice and to its inputs three
    times (its first layer once: images need a gradient only in the generator's turn); the
    generator forwards twice, to weights and inputs once.
    """
    dtype = torch.bfloat16 if policy.precision == "bfloat16" else torch.float32
    inputs: dict[nn.Module, Tensor] = {}
    hooks = [
        m.register_forward_pre_hook(lambda module, args: inputs.__setitem__(module, args[0]))
        for m in ours.learner.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.no_grad():
        ours.learner.critic(ours.learner.generator(torch.randn(BATCH, 100)))
    for hook in hooks:
        hook.remove()
    total = 0.0
    for module, x in inputs.items():
        critic = any(module is m for m in ours.learner.critic.modules())
        x = x.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        weight = module.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        transposed = isinstance(module, nn.ConvTranspose2d)
        settings = (module.stride, module.padding, module.dilation, transposed, [0, 0], 1)

        def forward(x=x, weight=weight, settings=settings) -> Tensor:
            return torch.ops.aten.convolution(x, weight, None, *settings)

        y = forward()

        def backward(mask, y=y, x=x, weight=weight, settings=settings) -> Callable[[], None]:
            return lambda: torch.ops.aten.convolution_backward(y, x, weight, None, *settings, mask)

        first = x.shape[1] == 3 or x.shape[1] == 1
        times = {
            "forward": best(forward),
            "input": best(backward([True, False, False])),
            "weight": best(backward([False, True, False])),
        }
        uses = (3, 1 if first else 3, 2) if critic else (2, 1, 1)
        total += sum(n * t for n, t in zip(uses, times.values(), strict=True))
    return total


def best(operation: Callable[[], object], repeats: int = 5) -> float:
    """The fastest of a few calls: what the processor can do when it is left alone."""
    operation()
    return min(seconds(operation, 1) for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="least time of one measurement")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--only", default="", help="only cases whose name holds this")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    policy = choose(asked.device, asked.precision)
    head = {
        "processor": processor(policy.device),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": BATCH,
    }
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    columns = f"{'precision':>9}{'tutorial':>10}{'ours':>10}{'ratio (min–max)':>20}"
    print(f"\n{'':34}{columns}{'of conv. rate':>15}")
    rows = []
    for case in (case for case in CASES if asked.only in case.name):
        row = race(case, policy, asked.rounds, asked.seconds)
        rows.append(row)
        share = row.get("share_of_convolution_rate")
        print(
            f"{case.name:34}{row['precision']:>9}{row['tutorial_images_per_second']:>6.0f}/s  "
            f"{row['ours_images_per_second']:>6.0f}/s  "
            f"{row['ratio']:>7.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})"
            + (f"{share:>14.0%}" if share is not None else ""),
            flush=True,
        )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")
        print(f"\nwritten to {asked.json}")


if __name__ == "__main__":
    main()
