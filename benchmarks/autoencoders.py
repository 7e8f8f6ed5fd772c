"""What variational autoencoders come to on held-out images: the tables and pictures of docs/vae.md.

    python benchmarks/autoencoders.py OUT [--seeds 3] [--only pixels bounds hidden plane]

Trains small fully connected ones into folders of OUT, goes on where it was stopped, and prints a
table for each part:

- ``pixels``: the likelihoods of pixels, on the bundled digits;
- ``bounds``: ELBO, free bits and importance weights, on the digits binarised at random;
- ``hidden``: lower halves filled in, and training on examples with hidden values, on the same;
- ``plane``: the manifold of two latents and the rows of filled images, as pictures.

The digits are few and small, so that all of it takes minutes.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
import torch

import saddlepoint as sp
from saddlepoint.drawing import grid
from saddlepoint.explore import active_units, fill_in, importance_weighted, manifold
from saddlepoint.learners.variational.description import Variational
from saddlepoint.run.description import Run
from saddlepoint.training.trained import Trained

CPU = torch.device("cpu")
STEPS = 800
LONGER = 2500  # one shared scale starts at 1 and needs a thousand steps to fall
STOCHASTIC = {"kind": "bernoulli", "binarise": "stochastic"}
EACH = {"kind": "gaussian", "scale": "each"}
PIXELS = {
    "gaussian, shared σ, dequantised": {"dequantise": True},
    "gaussian, σ of each value, dequantised": {"likelihood": EACH, "dequantise": True},
    "discretised_logistic, shared scale": {"likelihood": "discretised_logistic"},
    "discretised_logistic, scale of each value": {
        "likelihood": {"kind": "discretised_logistic", "scale": "each"}
    },
    "categorical": {"likelihood": "categorical"},
}
BOUNDS = {
    "ELBO": {},
    "ELBO, KL warm-up": {"beta": {"kind": "piecewise", "points": ((0, 0), (0.3, 1), (1, 1))}},
    "free bits 0.1": {"free_bits": 0.1},
    "5 samples": {"samples": 5},
    "ELBO, 30 % hidden": {"missing": 0.3},
    "ELBO, 70 % hidden": {"missing": 0.7},
}


def run_of(steps: int, seeds: int, **changes: object) -> Run:
    """A run whose last checkpoint counts, on one thread."""
    run = sp.recipes.vae("digits", steps=steps, batch_size=128, device="cpu", precision="float32")
    learner = Variational.model_validate({**dict(run.learner), **changes})
    training = run.training.replace(
        threads=1, log_every=500, sample_every=10**6, checkpoint_every=steps
    )
    return run.replace(learner=learner, training=training, seeds=seeds)


def trained(run: Run, out: Path) -> Trained:
    """The run's model, trained unless it was."""
    if not (out / "run.json").exists():
        sp.train(run, out, quiet=True)
    elif sp.load(out).step < run.training.steps:
        sp.resume(out, quiet=True)
    return sp.load(out)


def of_seeds(values: list[float], form: str = ".2f") -> str:
    """Mean over seeds ± their standard deviation, where there are several."""
    if len(values) == 1:
        return f"{values[0]:{form}}"
    return f"{statistics.fmean(values):{form}} ± {statistics.stdev(values):{form}}"


def pixels(out: Path, several: int) -> None:
    """Bits per dimension of the digits, and the number of numbers that a pixel costs."""
    print("| likelihood | bits, ELBO | bits, 500 draws | nats, 500 draws |\n|---|---|---|---|")
    for number, (name, changes) in enumerate(PIXELS.items()):
        dear = name == "categorical"  # its decoder has 16,384 outputs
        seeds, steps = (1, STEPS) if dear else (several, LONGER)
        run = run_of(steps, seeds, **changes)
        model = trained(run, out / f"pixels-{number}")
        x = run.data.open().take("test", 1000, CPU).x
        found = [importance_weighted(model, x, samples=500, member=m) for m in range(seeds)]
        meaning = model.learner.meaning
        elbo = [
            meaning.bits_per_dimension(torch.tensor(each.elbo.value), 64).item() for each in found
        ]
        bits = of_seeds([each.bits.value for each in found])
        nats = of_seeds([each.nats.value for each in found], ".1f")
        print(f"| {name} | {of_seeds(elbo)} | {bits} | {nats} |", flush=True)


def binary(name: str, out: Path, seeds: int) -> Trained:
    """A model of binarised digits."""
    changes = {"likelihood": STOCHASTIC, **BOUNDS[name]}
    run = run_of(STEPS, seeds, **changes)
    return trained(run, out / f"bounds-{list(BOUNDS).index(name)}")


def bounds(out: Path, seeds: int) -> None:
    """Nats of held-out images by what was maximised, and latents in use."""
    print(
        "| trained by | ELBO | 500 draws | gap | draws that count | active |\n" + "|---" * 6 + "|"
    )
    for name in BOUNDS:
        model = binary(name, out, seeds)
        x = model.run.data.open().take("test", 1000, CPU).x
        found = [importance_weighted(model, x, samples=500, member=m) for m in range(seeds)]
        units = [active_units(model, x, member=m).count for m in range(seeds)]
        cells = [
            of_seeds([each.elbo.value for each in found]),
            of_seeds([each.nats.value for each in found]),
            of_seeds([each.nats.value - each.elbo.value for each in found]),
            of_seeds([float(np.median(each.effective)) for each in found], ".1f"),
            " ".join(map(str, units)),
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def hidden(out: Path, seeds: int) -> None:
    """Squared errors of lower halves, filled in by models and with means."""
    print("| model | goes on with | model | means | gain |\n|---|---|---|---|---|")
    seen = torch.zeros(8, 8, dtype=torch.bool)
    seen[:4] = True
    models = {
        "30 % hidden in training": ("ELBO, 30 % hidden", "drawn"),
        "70 % hidden in training": ("ELBO, 70 % hidden", "drawn"),
        "seen whole in training": ("ELBO", "drawn"),
        "the same": ("ELBO", "mean"),
    }
    for shown, (name, goes_on) in models.items():
        model = binary(name, out, seeds)
        data = model.run.data.open()
        x, means = data.take("test", 1000, CPU).x, data.info.mean
        errors = []
        for member in range(seeds):
            filled = fill_in(model, x, seen, sweeps=50, pixels=goes_on, means=means, member=member)
            errors.append({k: v.value for k, v in filled.errors(x).items()})
        cells = [of_seeds([e[k] for e in errors], ".4f") for k in ("model", "means", "gain")]
        print(f"| {shown} | {goes_on} | {' | '.join(cells)} |", flush=True)


def plane(out: Path, seeds: int) -> None:
    """Two pictures: a manifold, and images with their lower halves filled in."""
    run = run_of(3 * STEPS, 1, likelihood="bernoulli", latent=2)
    model = trained(run, out / "plane")
    manifold(model, 15).picture().save(out / "vae-manifold.png")
    data = run.data.open()
    x, means = data.take("test", 12, CPU).x, data.info.mean
    seen = torch.zeros(8, 8, dtype=torch.bool)
    seen[:4] = True
    told = fill_in(binary("ELBO, 30 % hidden", out, seeds), x, seen, sweeps=50, means=means)
    half = np.where(told.observed, x.numpy(), 0.0)
    rows = np.concatenate([x.numpy(), half, told.with_means, told.examples])
    grid(rows, columns=12, scale=4).save(out / "vae-filled.png")
    print(f"{out / 'vae-manifold.png'}, {out / 'vae-filled.png'}")


PARTS = {"pixels": pixels, "bounds": bounds, "hidden": hidden, "plane": plane}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"torch": torch.__version__, "seeds": asked.seeds}))
    for name in asked.only:
        print(f"\n{name}\n")
        PARTS[name](asked.out, asked.seeds)


if __name__ == "__main__":
    main()
