"""Fréchet and kernel distances of features: ours against torch-fidelity and torchmetrics.

    python benchmarks/distances.py [--samples 10000] [--rounds 7] [--threads 2] [--json FILE]

Everybody gets the same float32 features in memory and returns the same estimator: the Fréchet
distance, moments included, and the kernel distance over 100 pairs of random subsets of 1,000. The
last case is ours alone: all pairs, with an interval. A ratio is a peer's time over ours within one
round, in which all take turns; the median over rounds.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import json
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from saddlepoint.metrics.frechet import Moments, frechet_distance
from saddlepoint.metrics.kernel import kernel_distance_subsets, kernel_estimate
from saddlepoint.training.device import processor

SUBSETS, SIZE, SEED = 100, 1000, 2020
OPERATORS = torch.library.Library("torchvision", "FRAGMENT")  # lives as long as its definitions
MISSING = (
    "This benchmark needs its peers: "
    "pip install -c constraints.txt torchmetrics tqdm && pip install --no-deps torch-fidelity"
)

Run = Callable[[], float]


def features(n: int, dimensions: int, seed: int, shift: float) -> Tensor:
    """Correlated, positive, sparse rows, as a network's pooled activations are."""
    random = torch.Generator().manual_seed(seed)
    # One mixing for both samples: they differ by `shift` alone.
    mixing = torch.randn(256, dimensions, generator=torch.Generator().manual_seed(0)) / 16
    hidden = torch.randn(n, 256, generator=random) @ mixing
    return torch.relu(hidden + 0.3 * torch.randn(n, dimensions, generator=random) + shift)


class Absent(types.ModuleType):
    """A module of which any name can be imported; none of them does anything."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def import_peers() -> None:
    """Import both peers; torch-fidelity asks for torchvision at import and not for distances."""
    absent: list[str] = []
    try:
        import torchvision  # noqa: F401
    except ImportError:
        absent = stand_in_for_torchvision()
    except RuntimeError:  # built for another torch, it fails for want of two operators
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        import torch_fidelity  # noqa: F401

        for name in absent:
            del sys.modules[name]  # torchmetrics looks for it and can do without
        import torchmetrics  # noqa: F401
    except ImportError:
        sys.exit(MISSING)


def stand_in_for_torchvision() -> list[str]:
    """Put empty modules where torch-fidelity looks for torchvision; return their names."""
    names = [
        "torchvision",
        "torchvision.datasets",
        "torchvision.transforms",
        "torchvision.transforms.functional",
    ]
    for name in names:
        module = Absent(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], leaf, module)
    return names


class Identity(torch.nn.Module):
    """The features are there already."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.num_features = dimensions

    def forward(self, rows: Tensor) -> Tensor:
        """The rows."""
        return rows


def cases(real: Tensor, fake: Tensor) -> dict[str, dict[str, Run]]:
    """For each distance, who computes it and how; ours first."""
    from torch_fidelity import metric_fid, metric_kid
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    identity = Identity(real.shape[1])
    fid = FrechetInceptionDistance(feature=identity)
    kid = KernelInceptionDistance(feature=identity, subsets=SUBSETS, subset_size=SIZE)

    def torchmetrics(metric: torch.nn.Module) -> Tensor:
        metric.reset()
        metric.update(real, real=True)
        metric.update(fake, real=False)
        return metric.compute()

    def fidelity_frechet() -> float:
        moments = [metric_fid.fid_features_to_statistics(side) for side in (real, fake)]
        found = metric_fid.fid_statistics_to_metric(*moments, verbose=False)
        return found[metric_fid.KEY_METRIC_FID]

    def fidelity_kernel() -> float:
        found = metric_kid.kid_features_to_metric(
            real,
            fake,
            kid_subsets=SUBSETS,
            kid_subset_size=SIZE,
            kid_kernel="poly",
            kid_kernel_poly_degree=3,
            kid_kernel_poly_gamma=None,
            kid_kernel_poly_coef0=1.0,
            rng_seed=SEED,
            verbose=False,
        )
        return found[metric_kid.KEY_METRIC_KID_MEAN]

    return {
        "Fréchet distance": {
            "saddlepoint": lambda: frechet_distance(Moments.of(real), Moments.of(fake)),
            "torch-fidelity": fidelity_frechet,
            "torchmetrics": lambda: float(torchmetrics(fid)),
        },
        f"kernel distance, {SUBSETS} × {SIZE}": {
            "saddlepoint": lambda: kernel_distance_subsets(real, fake, SUBSETS, SIZE, SEED).mean,
            "torch-fidelity": fidelity_kernel,
            "torchmetrics": lambda: float(torchmetrics(kid)[0]),
        },
        "kernel distance, all pairs, interval": {
            "saddlepoint": lambda: kernel_estimate(real, fake).value,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(asked.threads)
    import_peers()
    from threadpoolctl import threadpool_limits

    head = {"processor": processor(torch.device("cpu")), "threads": asked.threads}
    head |= {"samples": asked.samples, "dimensions": asked.dimensions}
    head |= {name: version(name) for name in ("torch", "numpy", "torch-fidelity", "torchmetrics")}
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    real = features(asked.samples, asked.dimensions, 1, 0.0)
    fake = features(asked.samples, asked.dimensions, 2, 0.1)
    rows = []
    with threadpool_limits(asked.threads):  # NumPy's threads, for torch-fidelity
        for case, contestants in cases(real, fake).items():
            values = {name: run() for name, run in contestants.items()}  # and warm up
            seconds: dict[str, list[float]] = {name: [] for name in contestants}
            for _ in range(asked.rounds):
                for name, run in contestants.items():
                    start = time.perf_counter()
                    run()
                    seconds[name].append(time.perf_counter() - start)
            for name, taken in seconds.items():
                ratios = [a / b for a, b in zip(taken, seconds["saddlepoint"], strict=True)]
                rows.append(
                    {
                        "case": case,
                        "library": name,
                        "value": values[name],
                        "seconds": statistics.median(taken),
                        "ratio": statistics.median(ratios),
                        "ratio_min": min(ratios),
                        "ratio_max": max(ratios),
                    }
                )
                row = rows[-1]
                print(
                    f"{case:38} {name:15} {row['value']:12.6g} {row['seconds']:8.3f} s   "
                    f"ratio {row['ratio']:.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})",
                    flush=True,
                )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
