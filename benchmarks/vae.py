"""One training step of the variational autoencoder against pythae's, interleaved in one process.

    pip install --no-deps --target PEERS pythae==0.1.2
    PYTHONPATH=PEERS python benchmarks/vae.py [--rounds 7] [--json benchmarks/results/vae.json]

Both have 784-512-16 units, the same initial weights (checked: both give the same posteriors and
reconstructions), Adam 1e-3 and batches of 128. pythae runs as its ``BaseTrainer`` does: its model,
its optimiser's step, its loss read at every step. Its data loader, which collates example by
example, is left out: its batches lie in memory. Ours runs as ``saddlepoint train`` does, with
averaged weights, gradient norms, the guard against non-finite values, and batches drawn at random
from uint8 images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from ours import Ours
from saddlepoint import recipes
from saddlepoint.learners.variational.description import Variational
from saddlepoint.networks.mlp import Mlp
from saddlepoint.training.device import Policy, choose, processor

BATCH, HIDDEN, LATENT, RATE = 128, 512, 16, 1e-3
COSTS = {"bernoulli": "bce", "gaussian": "mse"}  # ours, and pythae's nearest


def ours_of(likelihood: str, images: np.ndarray, policy: Policy) -> Ours:
    """The library's step with networks of the benchmark's size."""
    network = Mlp(hidden=(HIDDEN,))
    run = recipes.vae(images, likelihood=likelihood, seed=1)
    family = run.learner
    assert isinstance(family, Variational)
    family = family.replace(latent=LATENT, encoder=network, decoder=network)
    return Ours(run.replace(learner=family), policy, BATCH)


class Pythae:
    """The step of pythae's ``BaseTrainer`` (0.1.2) on batches in memory."""

    def __init__(self, cost: str, images: np.ndarray) -> None:
        from pythae.models import VAE, VAEConfig

        config = VAEConfig(input_dim=images.shape[1:3], latent_dim=LATENT, reconstruction_loss=cost)
        self.model = VAE(config)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=RATE)
        self.images = torch.from_numpy(images[..., 0]).float() / 255
        self.cursor, self.epoch_loss = 0, 0.0

    def inputs(self) -> dict[str, torch.Tensor]:
        start = self.cursor * BATCH % (len(self.images) - BATCH + 1)
        self.cursor += 1
        return {"data": self.images[start : start + BATCH]}

    def step(self) -> None:
        inputs = self.inputs()
        with nullcontext():  # its context of mixed precision, when that is off
            output = self.model(inputs, epoch=1, dataset_size=len(self.images), uses_ddp=False)
        loss = output.loss
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.epoch_loss += output.loss.item()
        if self.epoch_loss != self.epoch_loss:
            raise ArithmeticError("NaN detected in train loss")


def build_pair(likelihood: str, images: np.ndarray, policy: Policy) -> tuple[Ours, Pythae]:
    """Both contestants with the same weights, checked to compute the same."""
    ours, theirs = ours_of(likelihood, images, policy), Pythae(COSTS[likelihood], images)
    mine, other = ours.learner.autoencoder, theirs.model
    encoder = next(m for m in mine.encoder if isinstance(m, torch.nn.Linear))
    first, last = (m for m in mine.decoder.layers if isinstance(m, torch.nn.Linear))
    pairs = [
        (other.encoder.layers[0][0], encoder),
        (other.decoder.layers[0][0], first),
        (other.decoder.layers[1][0], last),
    ]
    with torch.no_grad():
        for target, source in pairs:
            target.load_state_dict(source.state_dict())
        for part, layer in enumerate((other.encoder.embedding, other.encoder.log_var)):
            rows = slice(part * LATENT, (part + 1) * LATENT)
            layer.weight.copy_(mine.posterior.weight[rows])
            layer.bias.copy_(mine.posterior.bias[rows])
        learned = [sum(p.numel() for p in m.parameters() if p.dim()) for m in (mine, other)]
        assert learned[0] == learned[1], learned  # apart from one standard deviation of ours
        x = theirs.inputs()["data"]
        shown = (2 * x - 1)[:, None]
        # pythae's input is in [0, 1], ours in [-1, 1]: half the weights, and the bias moved
        scaled = 2 * encoder.weight
        other.encoder.layers[0][0].weight.copy_(scaled)
        other.encoder.layers[0][0].bias.copy_(encoder.bias - encoder.weight.sum(1))
        mean, log_variance = ours.learner.posterior(shown)
        output = other.encoder(x)
        torch.testing.assert_close(mean, output.embedding, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(log_variance, output.log_covariance, rtol=1e-3, atol=1e-4)
        drawn = mine.decoder(mean).flatten(1).sigmoid()
        torch.testing.assert_close(
            drawn, other.decoder(mean)["reconstruction"].flatten(1), rtol=1e-3, atol=1e-4
        )
    return ours, theirs


def seconds(step: Callable[[], None], count: int) -> tuple[float, float]:
    """Seconds per call, and processor seconds."""
    start, used = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count, (time.process_time() - used) / count


def race(likelihood: str, policy: Policy, rounds: int, least: float) -> dict[str, object]:
    """Time both in turn."""
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (8192, 28, 28, 1), dtype=np.uint8)
    ours, theirs = build_pair(likelihood, images, policy)
    for step in (ours.step, theirs.step) * 3:
        step()
    count = max(1, round(least / seconds(ours.step, 5)[0]))
    mine, other = [], []
    for _ in range(rounds):
        mine.append(seconds(ours.step, count))
        other.append(seconds(theirs.step, max(1, count // 2)))
    ratios = [b / a for (a, _), (b, _) in zip(mine, other, strict=True)]
    work = [b / a for (_, a), (_, b) in zip(mine, other, strict=True)]
    return {
        "case": f"VAE 784-{HIDDEN}-{LATENT}, {likelihood} ({COSTS[likelihood]})",
        "precision": ours.policy.precision,
        "ours_images_per_second": BATCH / statistics.median(a for a, _ in mine),
        "pythae_images_per_second": BATCH / statistics.median(b for b, _ in other),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "processor_time_ratio": statistics.median(work),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="least time of one measurement")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    try:
        import pythae  # noqa: F401
    except ImportError:
        sys.exit("pythae is not installed: see the top of this file.")
    policy = choose("cpu", asked.precision)
    head = {
        "processor": processor(policy.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": BATCH,
    }
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    rows = []
    for likelihood in COSTS:
        row = race(likelihood, policy, asked.rounds, asked.seconds)
        rows.append(row)
        print(
            f"{row['case']:36} {row['precision']}  "
            f"pythae {row['pythae_images_per_second']:>7.0f}/s  "
            f"ours {row['ours_images_per_second']:>7.0f}/s  "
            f"ratio {row['ratio']:.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})  "
            f"in processor time {row['processor_time_ratio']:.2f}",
            flush=True,
        )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
