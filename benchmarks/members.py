"""Sixteen seeds in one program against sixteen runs one after another, interleaved.

    python benchmarks/members.py [--members 16] [--rounds 7] [--json FILE]

Both train the same fully connected GAN on the ring with the library's own step. The ratio is the
time of sixteen single steps over that of one step of sixteen members; the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from saddlepoint import recipes
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.networks.mlp import Mlp
from saddlepoint.training.averaging import Average
from saddlepoint.training.device import choose, processor
from saddlepoint.training.freed_memory import keeping_freed_memory
from saddlepoint.training.step import Batches, Stepper

BATCH = 128


class Contestant:
    """A run of one or of several seeds, stepped as the trainer steps it."""

    def __init__(
        self, width: int, seed: int | tuple[int, ...], penalised: bool, device: str
    ) -> None:
        policy = choose(device, "float32")
        run = recipes.toy_ring() if penalised else recipes.gan("ring")
        hidden = {"hidden": (width,) * 3}
        learner = run.learner.replace(
            generator=Mlp(**hidden), critic=Mlp(**hidden, activation="leaky_relu")
        )
        data = run.data.open()
        built = learner.learner(data.info, batch_size=BATCH, seed=seed)
        policy.place(built)
        if isinstance(seed, tuple):
            loader = MemberLoader(data, "train", BATCH, seeds=seed, device=policy.device)
        else:
            loader = data.loader("train", BATCH, seed=seed, device=policy.device)
        self.stepper = Stepper(built, policy, Batches(loader, BATCH), seed)
        self.average = Average(built, 0.999)
        self.done = 0

    def seconds(self, steps: int) -> float:
        """Seconds a step."""
        start = time.perf_counter()
        for _ in range(steps):
            self.stepper.step(self.done, 0.0)
            self.done += 1
            self.average.update(self.done)
        if self.stepper.policy.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    device = choose(asked.device, "float32").device
    head = {"processor": processor(device), "threads": torch.get_num_threads()}
    head |= {"torch": torch.__version__, "members": asked.members, "batch": BATCH}
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    rows = []
    for name, width, penalised in (
        ("plain GAN, 3×64", 64, False),
        ("plain GAN, 3×128", 128, False),
        ("relativistic + R1 + R2, 3×64", 64, True),
        ("relativistic + R1 + R2, 3×128", 128, True),
    ):
        single = Contestant(width, 0, penalised, asked.device)
        together = Contestant(width, tuple(range(asked.members)), penalised, asked.device)
        with keeping_freed_memory():  # as in a run of several seeds
            single.seconds(20), together.seconds(5)
            alone, joint = [], []
            for _ in range(asked.rounds):
                alone.append(single.seconds(100))
                joint.append(together.seconds(30))
        ratios = [asked.members * a / b for a, b in zip(alone, joint, strict=True)]
        rows.append(
            {
                "case": name,
                "single_ms": 1e3 * statistics.median(alone),
                "together_ms": 1e3 * statistics.median(joint),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
            }
        )
        row = rows[-1]
        print(
            f"{name:32} one {row['single_ms']:6.2f} ms   together {row['together_ms']:6.2f} ms   "
            f"ratio {row['ratio']:.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})",
            flush=True,
        )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
