"""Where the time of a DCGAN step goes, and what faster forms of its parts would gain.

    python benchmarks/step_parts.py [--rounds 9] [--json benchmarks/results/step_parts.json]

One thread, in processor time, so that what else the machine does disturbs little; ``--threads 2``
takes the time of the clock, for a quiet machine. First the step's operations by kind and layer.
Then the parts for which a faster form was tried (`benchmarks/faster_parts.py`), each alone, in turn
with its rival. At last the whole step, A B A B: without and with the deep small layers as matrix
products, and without and with freed memory kept. Medians and ranges of the ratios.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from faster_parts import (
    KERNEL,
    PADDING,
    deep_layers_as_convolutions,
    normalised_gradient,
    upsampled,
)
from ours import Ours
from saddlepoint.networks.strided import convolved, weight_gradient
from saddlepoint.training.device import Policy, choose, processor
from saddlepoint.training.freed_memory import keeping_freed_memory
from step import BATCH, CASES, ours_of

KINDS = {
    "native_batch_norm": "batch norm, forward",
    "native_batch_norm_backward": "batch norm, backward",
    **dict.fromkeys(["leaky_relu_", "relu_", "tanh"], "activations, forward"),
    **dict.fromkeys(
        ["leaky_relu_backward", "threshold_backward", "tanh_backward"], "activations, backward"
    ),
    **dict.fromkeys(["mm", "addmm"], "projection and head"),
    **dict.fromkeys(["_to_copy", "clone", "copy_"], "copies between types and layouts"),
    "_fused_adamw_": "optimisers",
    "_foreach_lerp_": "averaged weights",
    "_foreach_norm": "gradient norms",
}
LAYERS = [(256, 512, 8), (128, 256, 16), (64, 128, 32)]
CONVOLUTION = ([2, 2], [1, 1], [1, 1], False, [0, 0], 1)


@dataclass(frozen=True)
class Watch:
    """How time is taken: the clock, and how often."""

    now: Callable[[], float]
    rounds: int

    def in_turn(self, rivals: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
        """Milliseconds of each, by round; the round before the first is not counted."""
        spent: dict[str, list[float]] = {name: [] for name in rivals}
        for number in range(self.rounds + 1):
            for name, run in rivals.items():
                start = self.now()
                run()
                if number > 0:
                    spent[name].append(1e3 * (self.now() - start))
        return spent

    def compare(
        self, title: str, usual: Callable[[], object], other: Callable[[], object]
    ) -> dict[str, object]:
        """Two ways to the same numbers."""
        return compared(title, self.in_turn({"usual": usual, "other": other}))


def compared(title: str, spent: dict[str, list[float]]) -> dict[str, object]:
    """The milliseconds of two ways to the same numbers, and their ratio, also printed."""
    ratios = [a / b for a, b in zip(spent["usual"], spent["other"], strict=True)]
    row = {
        "what": title,
        "usual_ms": statistics.median(spent["usual"]),
        "other_ms": statistics.median(spent["other"]),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }
    print(
        f"{title:58}{row['usual_ms']:>8.1f}{row['other_ms']:>8.1f}"
        f"{row['ratio']:>8.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})",
        flush=True,
    )
    return row


class Parts(TorchDispatchMode):
    """Seconds of every operation, by part of the step."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now = now
        self.seconds: dict[str, float] = defaultdict(float)

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), settings: Any = None
    ) -> Any:
        start = self.now()
        result = operation(*arguments, **(settings or {}))
        self.seconds[part(operation.overloadpacket.__name__, arguments)] += self.now() - start
        return result


def part(name: str, arguments: Any) -> str:
    """The part of the step that an operation belongs to."""
    if not name.startswith("convolution"):
        return KINDS.get(name, "the rest")
    backward = name == "convolution_backward"
    weight = arguments[2] if backward else arguments[1]
    transposed = arguments[7] if backward else arguments[6]
    inner, outer = weight.shape[:2]
    arrow = f"{inner}→{outer}" if transposed else f"{outer}→{inner}"
    what = "transposed convolution" if transposed else "convolution"
    if not backward:
        return f"{what} {arrow}, forward"
    of = {(True, False): "to the input", (False, True): "to the weight"}
    return f"{what} {arrow}, {of.get(tuple(arguments[-1][:2]), 'to both')}"


def profile(step: Callable[[], None], steps: int, watch: Watch) -> dict[str, float]:
    """Milliseconds of one step by part, and what lies between the operations."""
    parts = Parts(watch.now)
    start = watch.now()
    with parts:
        for _ in range(steps):
            step()
    whole = watch.now() - start
    parts.seconds["outside operations"] = whole - sum(parts.seconds.values())
    return {name: 1e3 * spent / steps for name, spent in parts.seconds.items()}


def maps(channels: int, side: int, dtype: torch.dtype) -> Tensor:
    x = torch.randn(BATCH, channels, side, side).to(dtype)
    return x.contiguous(memory_format=torch.channels_last)


def close(value: Tensor, expected: Tensor) -> None:
    """Within the rounding of the type."""
    scale = float(expected.float().abs().max())
    tolerance = 0.02 if expected.dtype == torch.bfloat16 else 1e-4
    torch.testing.assert_close(value.float(), expected.float(), rtol=0, atol=tolerance * scale)


def parts_alone(dtype: torch.dtype, watch: Watch) -> list[dict[str, object]]:
    """Each part's usual form and its rival, checked to give the same numbers."""
    rows = []
    aten = torch.ops.aten
    for inner, outer, side in LAYERS:
        x, gradient = maps(inner, side, dtype), maps(outer, side // 2, dtype)
        weight = 0.02 * torch.randn(outer, inner, 4, 4)
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        where = f"{inner}→{outer} at {side}×{side}"

        def usual(x=x, gradient=gradient, weight=weight) -> Tensor:
            mask = [False, True, False]
            return aten.convolution_backward(gradient, x, weight, None, *CONVOLUTION, mask)[1]

        def product(x=x, gradient=gradient) -> Tensor:
            return weight_gradient(x, gradient, KERNEL, PADDING)

        def forward(x=x, weight=weight) -> Tensor:
            return aten.convolution(x, weight, None, *CONVOLUTION)

        def as_product(x=x, weight=weight) -> Tensor:
            return convolved(x, weight, PADDING)

        close(product(), usual())
        close(as_product(), forward())
        rows.append(watch.compare(f"weight gradient {where}, as a product", usual, product))
        rows.append(watch.compare(f"forward {where}, as a product", forward, as_product))
    x = maps(64, 32, dtype)
    weight = (0.02 * torch.randn(64, 3, 4, 4)).to(dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)

    def transposed() -> Tensor:
        return torch.conv_transpose2d(x, weight, None, 2, 1)

    close(upsampled(x, weight), transposed())
    title = "transposed 64→3 at 64×64, as four images shuffled"
    rows.append(watch.compare(title, transposed, lambda: upsampled(x, weight)))
    for channels, side in ((64, 32), (128, 16), (256, 8), (512, 4)):
        rows.append(norm_backwards(channels, side, dtype, watch))
    return rows


def norm_backwards(channels: int, side: int, dtype: torch.dtype, watch: Watch) -> dict[str, object]:
    """Batch norm and leaky ReLU backwards: PyTorch's two operations, and written out."""
    aten = torch.ops.aten
    x, gradient = maps(channels, side, dtype), maps(channels, side, dtype)
    gain, bias = torch.rand(channels) + 0.5, torch.randn(channels)
    running = torch.zeros(channels), torch.ones(channels)
    z, mean, deviation = aten.native_batch_norm(x, gain, bias, *running, True, 0.1, 1e-5)
    y = aten.leaky_relu_(z, 0.2)

    def usual() -> tuple[Tensor, ...]:
        back = aten.leaky_relu_backward(gradient, y, 0.2, True)
        return aten.native_batch_norm_backward(
            back, x, gain, *running, mean, deviation, True, 1e-5, [True, True, True]
        )

    def written_out() -> tuple[Tensor, ...]:
        return normalised_gradient(gradient, x, y, gain, mean, deviation)

    for value, expected in zip(written_out(), usual(), strict=True):
        close(value, expected.to(dtype))
    title = f"norm and activation backwards, {channels} at {side}×{side}, written out"
    return watch.compare(title, usual, written_out)


def whole_step(ours: Ours, watch: Watch) -> dict[str, object]:
    """The step with convolutions alone, and as it is: with products in the deep small layers."""

    def stepping(products: bool) -> Callable[[], None]:
        def run() -> None:
            with nullcontext() if products else deep_layers_as_convolutions():
                ours.step()

        return run

    title = "the whole step, deep small layers as products"
    return watch.compare(title, stepping(False), stepping(True))


def kept_memory(ours: Ours, watch: Watch) -> dict[str, object]:
    """The step with freed memory given back to the system as the C library likes, and kept."""
    spent: dict[str, list[float]] = {"usual": [], "other": []}
    pages: dict[str, list[int]] = {"usual": [], "other": []}
    for _ in range(watch.rounds):
        for name, keeping in (("usual", nullcontext()), ("other", keeping_freed_memory())):
            with keeping:
                ours.step()  # fetches what the end of the last round gave back
                faults, start = page_faults(), watch.now()
                ours.step()
                spent[name].append(1e3 * (watch.now() - start))
                pages[name].append(page_faults() - faults)
    row = compared("the whole step, freed memory kept", spent)
    row["page_faults"] = {name: statistics.median(counts) for name, counts in pages.items()}
    print("page faults a step: {usual:,.0f}, kept {other:,.0f}".format(**row["page_faults"]))
    return row


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def at_the_rate_of_products(ours: Ours, dtype: torch.dtype, watch: Watch) -> dict[str, float]:
    """What the step's convolutions would take at the rate of a bare matrix product of their size.

    The product is that of 256→512 at 8×8, unfolding left out.
    """
    with FlopCounterMode(display=False) as counter:
        ours.step()
    counts = counter.get_flop_counts()["Global"]
    operations = sum(n for name, n in counts.items() if "convolution" in str(name))
    outer, inner, places = 512, 16 * 256, 16 * BATCH
    rows, kernels = torch.randn(places, inner).to(dtype), torch.randn(inner, outer).to(dtype)
    milliseconds = statistics.median(watch.in_turn({"": lambda: rows @ kernels})[""])
    rate = 2 * outer * inner * places / milliseconds
    return {
        "convolutions_gflop": operations / 1e9,
        "product_gflop_per_second": rate / 1e6,
        "convolutions_at_that_rate_ms": operations / rate,
    }


def built(policy: Policy) -> Ours:
    case = CASES[0]
    images = np.random.default_rng(0).integers(0, 256, (512, *case.shape), dtype=np.uint8)
    return ours_of(case, images, policy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=4, help="steps of the profile")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    watch = Watch(time.thread_time if asked.threads == 1 else time.perf_counter, asked.rounds)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    policy = choose("cpu", asked.precision)
    head = {
        "processor": processor(policy.device),
        "threads": asked.threads,
        "torch": torch.__version__,
        "precision": policy.precision,
        "batch": BATCH,
        "case": CASES[0].name,
    }
    print(" · ".join(f"{key} {value}" for key, value in head.items()))
    with keeping_freed_memory():
        ours = built(policy)
        for _ in range(2):
            ours.step()
        parts = profile(ours.step, asked.steps, watch)
        total = sum(parts.values())
        print(f"\none step: {total:.0f} ms")
        for name, spent in sorted(parts.items(), key=lambda item: -item[1]):
            print(f"{name:58}{spent:>8.1f}{spent / total:>8.1%}")
        print(f"\n{'milliseconds':58}{'usual':>8}{'other':>8}   ratio (min–max)")
        dtype = torch.bfloat16 if policy.precision == "bfloat16" else torch.float32
        alone = parts_alone(dtype, watch)
        whole = whole_step(ours, watch)
        bound = at_the_rate_of_products(ours, dtype, watch)
    memory = kept_memory(ours, watch)
    spent = sum(ms for name, ms in parts.items() if "convolution" in name)
    print(
        f"\n{bound['convolutions_gflop']:.0f} GFLOP of convolutions: {spent:.0f} ms; at the "
        f"{bound['product_gflop_per_second']:.0f} GFLOP/s of a bare product "
        f"{bound['convolutions_at_that_rate_ms']:.0f} ms"
    )
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        rows = {"parts_ms": parts, "alone": alone, "whole_step": [whole, memory], "bound": bound}
        asked.json.write_text(json.dumps({**head, **rows}, indent=2, ensure_ascii=False) + "\n")
        print(f"\nwritten to {asked.json}")


if __name__ == "__main__":
    main()
