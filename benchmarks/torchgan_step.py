"""One training step of DCGAN 64×64×3: ours against torchgan's trainer and the tutorial loop.

    pip install --no-deps torchgan
    python benchmarks/torchgan_step.py [--rounds 7] [--threads 1] [--json FILE]

torchgan 0.1.0 plays the same game (non-saturating, Adam, batch 128) with its own DCGAN of the same
layers and widths, its own losses and its own trainer's iteration, in float32, rows first; it draws
fresh latents in both turns, as ours does. It logs nothing. All take turns in one process. With one
thread the processor's time is measured, which other work on the machine disturbs little.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import json
import os
import statistics
import sys
import time
import types
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saddlepoint.training.device import choose, processor
from saddlepoint.training.freed_memory import keeping_freed_memory
from step import BATCH, CASES, build_pair

MISSING = "This benchmark needs its peer: pip install --no-deps torchgan"


def torchgan_trainer(images: Tensor) -> Any:
    """Torchgan's trainer with its DCGAN, and one batch to train on."""
    if importlib.util.find_spec("torchvision") is None:  # imported, and used for pictures only
        stand_in = types.ModuleType("torchvision")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
        sys.modules["torchvision"] = stand_in
    os.environ.update(TENSORBOARD_LOGGING="0", VISDOM_LOGGING="0", CONSOLE_LOGGING="0")
    try:
        from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
        from torchgan.models import DCGANDiscriminator, DCGANGenerator
        from torchgan.trainer import Trainer
    except ImportError as error:
        sys.exit(f"{MISSING} ({error})")
    relu, leaky = torch.nn.ReLU(), torch.nn.LeakyReLU(0.2)
    adam = {"name": torch.optim.Adam, "args": {"lr": 2e-4, "betas": (0.5, 0.999)}}
    sizes = {"step_channels": 64}
    networks = {
        "generator": {
            "name": DCGANGenerator,
            "args": {"encoding_dims": 100, "out_size": 64, "nonlinearity": relu, **sizes},
            "optimizer": adam,
        },
        "discriminator": {
            "name": DCGANDiscriminator,
            # torchgan's default ends in a LeakyReLU; a score has no activation
            "args": {
                "in_size": 64,
                "nonlinearity": leaky,
                "last_nonlinearity": torch.nn.Identity(),
                **sizes,
            },
            "optimizer": adam,
        },
    }
    losses = [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()]
    trainer = Trainer(networks, losses, device=torch.device("cpu"), sample_size=8)
    trainer.real_inputs, trainer.batch_size = images, len(images)
    trainer.loss_information.update(generator_iters=0, discriminator_iters=0)
    return trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    clock = time.thread_time if asked.threads == 1 else time.perf_counter
    policy = choose("cpu", asked.precision)
    ours, tutorial = build_pair(CASES[0], policy)
    peer = torchgan_trainer(tutorial.images[:BATCH])
    counts = {
        "ours": sum(p.numel() for p in ours.learner.parameters()),
        "tutorial loop": sum(
            p.numel() for net in (tutorial.generator, tutorial.critic) for p in net.parameters()
        ),
        "torchgan": sum(
            p.numel() for net in (peer.generator, peer.discriminator) for p in net.parameters()
        ),
    }
    steps: dict[str, Callable[[], object]] = {
        "ours": ours.step,
        "tutorial loop": tutorial.step,
        "torchgan": peer.train_iter,
    }
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(asked.rounds):
        for name, step in steps.items():
            with keeping_freed_memory() if name == "ours" else nullcontext():
                step()
                start = clock()
                step()
                spent[name].append(clock() - start)
    head = {
        "processor": processor(policy.device),
        "threads": asked.threads,
        "torch": torch.__version__,
        "precision": policy.precision,
        "seconds": "of the processor" if asked.threads == 1 else "of the clock",
    }
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    rows = []
    for name, seconds in spent.items():
        ratios = [a / b for a, b in zip(seconds, spent["ours"], strict=True)]
        rows.append(
            {
                "what": name,
                "parameters": counts[name],
                "seconds_a_step": statistics.median(seconds),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
            }
        )
        print(
            f"{name:16}{counts[name]:>12,} parameters{statistics.median(seconds):>8.3f} s"
            f"{statistics.median(ratios):>8.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
