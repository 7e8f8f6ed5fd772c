"""Do bfloat16 and float32 train equally well? Several seeds of both, scored alike.

    python benchmarks/parity.py [--seeds 5] [--steps 2000] [--json benchmarks/results/parity.json]

Trains the DCGAN recipe on the 8×8 digits and measures, on 1,797 samples each: the Fréchet distance
in pixel space (64 dimensions; this is no FID) to all real digits, and the share of samples that a
classifier of real digits (RBF support vectors, accuracy printed) puts into its rarest class. The
control row compares halves of the real digits at n = 898 each, so it bears more finite-sample bias
than the others.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

import saddlepoint as sp


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½)."""
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(cov_a)
    half = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ cov_b @ half), 0)).sum()
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(means + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    digits = load_digits()
    real = digits.data / 8 - 1
    classifier = SVC().fit(real, digits.target)
    accuracy = cross_val_score(SVC(), real, digits.target, cv=5).mean()
    print(f"classifier: {accuracy:.1%} in 5-fold cross-validation; seeds {asked.seeds}")
    order = np.random.default_rng(0).permutation(len(real))
    control = frechet(real[order[:898]], real[order[898:1796]])
    print(f"control, real against real (898 each): Fréchet {control:.2f}")
    found = {"control": control, "accuracy": accuracy, "steps": asked.steps}
    for precision in ("float32", "bfloat16"):
        distances, rarest = [], []
        for seed in range(asked.seeds):
            with tempfile.TemporaryDirectory() as folder:
                run = sp.recipes.dcgan_two_core(seed=seed, steps=asked.steps, precision=precision)
                sp.train(run, Path(folder) / "run", quiet=True)
                samples = sp.load(Path(folder) / "run").sample(1797, seed=1).flatten(1).numpy()
            distances.append(frechet(samples.astype(np.float64), real))
            counts = np.bincount(classifier.predict(samples), minlength=10)
            rarest.append(counts.min() / len(samples))
        found[precision] = {"frechet": distances, "rarest": rarest}
        print(
            f"{precision:9} Fréchet {np.mean(distances):.2f} ± {np.std(distances, ddof=1):.2f}   "
            f"rarest class {np.mean(rarest):.1%} ± {np.std(rarest, ddof=1):.1%}",
            flush=True,
        )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
