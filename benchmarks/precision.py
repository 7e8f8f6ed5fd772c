"""Where bfloat16 pays on a fully connected network: the step in both precisions, interleaved.

    python benchmarks/precision.py [--rounds 7] [--json benchmarks/results/precision.json]

A plain GAN with two hidden layers of some width plays on points in the plane, batch 128, in
float32 and in bfloat16, in turn in one process. The ratio is float32's time over bfloat16's, so
bfloat16 pays where it is above 1; the widest product is batch · inputs · outputs of the largest
layer. From where `auto` takes bfloat16 is printed beside it (``Policy.pays_from``).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from saddlepoint import recipes
from saddlepoint.networks.mlp import Mlp
from saddlepoint.training.averaging import Average
from saddlepoint.training.device import choose, processor, widest_product
from saddlepoint.training.step import Batches, Stepper

BATCH = 128
WIDTHS = (64, 128, 256, 384, 512, 768, 1024)


class Contestant:
    """A run in one precision, stepped as the trainer steps it."""

    def __init__(self, width: int, precision: str, device: str) -> None:
        policy = choose(device, precision)
        points = np.random.default_rng(0).standard_normal((2048, 2)).astype(np.float32)
        run = recipes.gan(points, seed=1)
        hidden = (width, width)
        family = run.learner.replace(
            generator=Mlp(hidden=hidden), critic=Mlp(hidden=hidden, activation="leaky_relu")
        )
        data = run.data.open()
        self.learner = family.learner(data.info, batch_size=BATCH, seed=1)
        policy.place(self.learner)
        self.device = policy.device
        loader = data.loader("train", BATCH, seed=1, device=policy.device)
        self.stepper = Stepper(self.learner, policy, Batches(loader, BATCH), seed=1)
        self.average = Average(self.learner, run.training.averaging)
        self.done = 0

    def seconds(self, steps: int) -> tuple[float, float]:
        """Seconds a step, and processor seconds."""
        start, used = time.perf_counter(), time.process_time()
        for _ in range(steps):
            self.stepper.step(self.done, 0.0)
            self.done += 1
            self.average.update(self.done)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / steps, (time.process_time() - used) / steps


def race(width: int, device: str, rounds: int) -> dict[str, float]:
    """Time both precisions in turn."""
    single, half = (Contestant(width, each, device) for each in ("float32", "bfloat16"))
    count = max(5, round(0.5 / max(single.seconds(10)[0], half.seconds(10)[0])))
    times = [(single.seconds(count), half.seconds(count)) for _ in range(rounds)]
    ratios = [a / b for (a, _), (b, _) in times]
    return {
        "width": width,
        "widest_product": widest_product(single.learner, BATCH),
        "float32_ms": 1e3 * statistics.median(a for (a, _), _ in times),
        "bfloat16_ms": 1e3 * statistics.median(b for _, (b, _) in times),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "processor_time_ratio": statistics.median(a / b for (_, a), (_, b) in times),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    device = choose(asked.device, "float32").device
    head = {
        "processor": processor(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": BATCH,
        "pays_from": choose(asked.device, "auto").pays_from,
    }
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    rows = []
    for width in WIDTHS:
        row = race(width, asked.device, asked.rounds)
        rows.append(row)
        print(
            f"width {width:5}  widest product {row['widest_product']:>12,.0f}  "
            f"float32 {row['float32_ms']:6.2f} ms  bfloat16 {row['bfloat16_ms']:6.2f} ms  "
            f"ratio {row['ratio']:.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})  "
            f"in processor time {row['processor_time_ratio']:.2f}",
            flush=True,
        )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
