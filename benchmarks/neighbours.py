"""Precision, recall, density and coverage against the prdc package, interleaved; or at full size.

    python benchmarks/neighbours.py [--n 10000] [--rounds 5] [--json FILE]
    python benchmarks/neighbours.py --large [--estimates] [--json FILE]

The first form times both on the same features and checks that they agree; it needs the package
(`pip install prdc`). The second scores 50,000 against 50,000 samples once and reports the peak
memory of the process, which must be a fresh one: `ru_maxrss` never falls.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from saddlepoint.metrics.precision_recall import Prdc, prdc, prdc_estimates
from saddlepoint.training.device import processor

K = 5


def features(n: int, d: int, seed: int) -> Tensor:
    """Correlated features, like those of a network: their variances fall as 1/i."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator)
    return x.mul_(torch.arange(1, d + 1).rsqrt()).add_(0.02 * seed)


def timed(score: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = score()
    return time.perf_counter() - start, found


def package(real: Tensor, fake: Tensor) -> Prdc:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real.numpy(), fake.numpy(), K)
    return Prdc(**{name: float(value) for name, value in found.items()})


def against_the_package(n: int, d: int, rounds: int) -> dict[str, Any]:
    real, fake = features(n, d, 0), features(n, d, 1)
    prdc(real[:500], fake[:500], K), package(real[:500], fake[:500])
    ours, theirs, intervals, apart = [], [], [], 0.0
    for turn in range(rounds):
        seconds, mine = timed(lambda: prdc(real, fake, K))
        ours.append(seconds)
        seconds, other = timed(lambda: package(real, fake))
        theirs.append(seconds)
        intervals.append(timed(lambda: prdc_estimates(real, fake, K))[0])
        apart = max(apart, *(abs(a - b) for a, b in zip(mine, other, strict=True)))
        print(
            f"round {turn + 1}: ours {ours[-1]:.2f} s, package {theirs[-1]:.2f} s, "
            f"ours with intervals {intervals[-1]:.2f} s",
            flush=True,
        )
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    print(
        f"n {n}, d {d}: {statistics.median(ratios):.2f} times as fast "
        f"({min(ratios):.2f}–{max(ratios):.2f}), scores at most {apart:.1e} apart"
    )
    return {
        "n": n,
        "d": d,
        "ours_s": statistics.median(ours),
        "package_s": statistics.median(theirs),
        "with_intervals_s": statistics.median(intervals),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "apart": apart,
        "scores": mine._asdict(),
    }


def at_full_size(n: int, d: int, with_intervals: bool) -> dict[str, Any]:
    real, fake = features(n, d, 0), features(n, d, 1)
    before = peak()
    score = prdc_estimates if with_intervals else prdc
    seconds, found = timed(lambda: score(real, fake, K))
    row = {"n": n, "d": d, "intervals": with_intervals, "seconds": seconds}
    row |= {"peak_gib": peak(), "features_and_libraries_gib": before}
    values = [each.value if with_intervals else each for each in found]
    row["scores"] = dict(zip(Prdc._fields, values, strict=True))
    print(
        f"n {n}, d {d}: {seconds:.0f} s, peak {row['peak_gib']:.2f} GiB "
        f"({before:.2f} GiB before the first distance)"
    )
    return row


def peak() -> float:
    """Peak resident memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, help="samples of each kind: 10,000, --large 50,000")
    parser.add_argument("--d", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="full size, time and peak memory")
    parser.add_argument("--estimates", action="store_true", help="with intervals (--large)")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    head = {"processor": processor(torch.device("cpu")), "threads": asked.threads, "k": K}
    head |= {"torch": torch.__version__}
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    with threadpool_limits(asked.threads):
        if asked.large:
            row = at_full_size(asked.n or 50_000, asked.d, asked.estimates)
        else:
            row = against_the_package(asked.n or 10_000, asked.d, asked.rounds)
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, **row}, indent=2) + "\n")


if __name__ == "__main__":
    main()
