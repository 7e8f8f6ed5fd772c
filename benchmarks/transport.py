"""Exact optimal transport: how far the solvers agree, and how long they take.

    python benchmarks/transport.py [--sizes 50 200 1000 2000] [--rounds 3] [--json FILE]

Gaussian points, n a side, random masses, the Euclidean distance as the cost. On a line the closed
form, in the plane none. The linear programme, primal and dual apart, is asked for up to 200 points.
The time is the median over rounds in which all take turns, certificate included and imports not;
the difference is that of the value from the network simplex's, and the gap primal − dual value,
both in units of the value.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.transport import Transport, earth_mover

LARGEST_PROGRAMME = 200
PLACES = {1: "line", 2: "plane"}


def solvers(dimensions: int, n: int) -> list[str]:
    """Who can take part; the network simplex, with which all are compared, comes first."""
    programme = ["linear-programme"] * (n <= LARGEST_PROGRAMME)
    return ["network-simplex", *["line"] * (dimensions == 1), *programme]


def measured(dimensions: int, n: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each solver."""
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, dimensions)), rng.normal(size=(n, dimensions)) + 0.5
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n))
    names = solvers(dimensions, n)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    found: dict[str, Transport] = {}
    for _ in range(rounds):
        for name in names:
            start = time.perf_counter()
            found[name] = earth_mover(x, y, a=a, b=b, solver=name)
            seconds[name].append(time.perf_counter() - start)
    value = found["network-simplex"].value
    return [
        {
            "points": PLACES[dimensions],
            "n": n,
            "solver": name,
            "value": found[name].value,
            "difference": abs(found[name].value - value) / value,
            "gap": abs(found[name].certificate.gap) / value,
            "holds": found[name].certificate.holds,
            "seconds": statistics.median(seconds[name]),
        }
        for name in names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 1000, 2000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    earth_mover([[0.0, 0.0]], [[1.0, 1.0]], solver="network-simplex")  # imports POT
    earth_mover([[0.0, 0.0]], [[1.0, 1.0]], solver="linear-programme")
    head = {name: version(name) for name in ("numpy", "scipy", "POT")} | {"rounds": asked.rounds}
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    print("\n| points | n | solver | value | difference | gap | certificate | time |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for dimensions in PLACES:
        for n in asked.sizes:
            for row in measured(dimensions, n, asked.rounds):
                rows.append(row)
                print(
                    f"| {row['points']} | {n:,} | {row['solver']} | {row['value']:.12f} | "
                    f"{row['difference']:.0e} | {row['gap']:.0e} | "
                    f"{'holds' if row['holds'] else 'fails'} | {1000 * row['seconds']:.0f} ms |",
                    flush=True,
                )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
