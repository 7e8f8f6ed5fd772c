"""The power of two-sample tests: how often they notice a difference, against n."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from saddlepoint.drawing import Band, curves, plain_style, rendered
from saddlepoint.drawing.panels import LIGHT
from saddlepoint.errors import BadInput
from saddlepoint.metrics.estimate import Estimate, proportion
from saddlepoint.randomness import derive, numpy_generator
from saddlepoint.two_sample.kinds import named, two_sample_test
from saddlepoint.two_sample.outcome import FEWEST

# From n and a generator to n independent samples, (n, d) or (n,).
Draw = Callable[[int, np.random.Generator], Any]

PERMUTATIONS = 99  # of each test; more would change the power by little


@dataclass(frozen=True)
class Power:
    """How often tests rejected at each number of samples.

    Attributes:
        tests: Their names.
        sizes: Samples of each side, ascending.
        level: α: a test rejected where p ≤ α.
        repetitions: Fresh pairs of samples for each size, the same for all tests.
        shares: For each test the share of rejections at each size, with its Clopper–Pearson
            interval of 95 %. Under the null it estimates the type-I error, at most α.
    """

    tests: tuple[str, ...]
    sizes: tuple[int, ...]
    level: float
    repetitions: int
    shares: dict[str, tuple[Estimate, ...]]

    def __str__(self) -> str:
        """One line a test, one column a size."""
        width = max(map(len, self.tests))
        lines = [f"{'n':{width}} " + "".join(f"{size:>8,}" for size in self.sizes)]
        for test in self.tests:
            values = "".join(f"{share.value:8.2f}" for share in self.shares[test])
            lines.append(f"{test:{width}} {values}")
        return "\n".join(lines)

    def picture(self, title: str = "") -> Image.Image:
        """Curves of the power against n with 95 % bands, and the level as a dotted line.

        Tests differ by colour, marker and dash, and stand in the legend as their curves end, the
        most powerful first; letters and lines can be read from afar.
        """
        with plain_style():
            from matplotlib.figure import Figure
            from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

            figure = Figure(figsize=(11, 6), dpi=128, facecolor="white")
            figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
            axes = figure.add_subplot()
            level = f"level α = {self.level:g}"
            panel = curves(self.sizes, self._bands, levels={level: self.level}, marked=True)
            panel.draw(axes, replace(LIGHT, ink="#444444"))
            lines, names = axes.get_legend_handles_labels()
            for line in axes.get_lines():
                line.set_clip_on(False)  # marks at 0 and 1
            if (inside := axes.get_legend()) is not None:
                inside.remove()
            ends = [-share[-1].value for share in self.shares.values()]
            order = [*sorted(range(len(ends)), key=ends.__getitem__), len(ends)]
            if len(self.sizes) > 1:
                axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(self.sizes))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value):,}"))
            axes.set_ylim(0, 1)
            axes.set_xlabel("samples of each side, n", fontsize=18)
            axes.set_ylabel(f"power (share of {self.repetitions:,} tries)", fontsize=18)
            if title:
                figure.suptitle(textwrap.fill(title, 64), fontsize=19, parse_math=False)
            axes.tick_params(labelsize=16)
            axes.spines[["top", "right"]].set_visible(False)
            # Beside the axes, where it covers no curve.
            figure.legend(
                [lines[i] for i in order],
                [names[i] for i in order],
                loc="outside right center",
                fontsize=16,
                frameon=False,
            )
            return rendered(figure)

    @property
    def _bands(self) -> dict[str, Band]:
        """The curve of every test with its intervals."""
        return {
            test.replace("_", " "): Band(*np.array([(s.value, s.low, s.high) for s in shares]).T)
            for test, shares in self.shares.items()
        }


def power(
    test: str | Sequence[str],
    draw_real: Draw,
    draw_fake: Draw,
    sizes: Sequence[int] = (25, 50, 100, 200),
    repetitions: int = 200,
    seed: int = 0,
    level: float = 0.05,
    **options: Any,
) -> Power:
    """How often a test rejects at level α when it is given n samples of each side.

    Several tests see the same samples, so that their curves can be compared. What is drawn at a
    size and repetition depends on (seed, size, repetition) alone, not on the other sizes. With
    the same distribution on both sides the power is the type-I error.

    Args:
        test: One name of ``TWO_SAMPLE_TESTS``, or several.
        draw_real: From n and a NumPy generator to n real samples, (n, d) or (n,).
        draw_fake: Likewise for generated samples.
        sizes: Samples of each side.
        repetitions: Fresh pairs of samples for each size.
        seed: Decides everything.
        level: α.
        **options: For those tests that have them; 99 permutations unless others are asked for.

    Raises:
        BadInput: As ``two_sample_test``; no size or one below four, no repetition, a level that
            is not between 0 and 1 or that so few permutations cannot reach, or a draw that gives
            another number of samples than it was asked for.

    Example:
        >>> from saddlepoint.two_sample.power import power
        >>> seen = power(
        ...     "kolmogorov_smirnov",
        ...     lambda n, random: random.normal(size=n),
        ...     lambda n, random: random.normal(1.0, size=n),
        ...     sizes=(10, 40),
        ...     repetitions=50,
        ... )
        >>> few, many = seen.shares["kolmogorov_smirnov"]
        >>> many.value > 0.9 > few.value
        True
    """
    tests = (test,) if isinstance(test, str) else tuple(dict.fromkeys(test))
    if not tests:
        raise BadInput("power needs at least one test: name one.")
    entries = [named(name) for name in tests]
    permutations = options.setdefault("permutations", PERMUTATIONS)
    _check(sizes, repetitions, level)
    if any("permutations" in e.options for e in entries) and level * (1 + permutations) < 1:
        raise BadInput(
            f"p-values of {permutations} permutations are at least 1/{1 + permutations}, and the "
            f"level is {level:g}: ask for more permutations."
        )
    known = {name for entry in entries for name in entry.options} | {"permutations"}
    if unknown := sorted(set(options) - known):
        raise BadInput(f"none of the tests {', '.join(tests)} has an option '{unknown[0]}'.")
    sizes = sorted(set(sizes))
    rejected = np.zeros((len(tests), len(sizes)), dtype=int)
    for column, size in enumerate(sizes):
        for repetition in range(repetitions):
            real = _drawn(draw_real, size, numpy_generator(seed, "real", size, repetition))
            fake = _drawn(draw_fake, size, numpy_generator(seed, "fake", size, repetition))
            chance = derive(seed, "test", size, repetition)
            for row, entry in enumerate(entries):
                own = {name: options[name] for name in entry.options if name in options}
                outcome = two_sample_test(real, fake, entry.name, chance, **own)
                rejected[row, column] += outcome.p_value <= level
    shares = {
        name: tuple(
            proportion(int(count), repetitions, size, size)
            for count, size in zip(counts, sizes, strict=True)
        )
        for name, counts in zip(tests, rejected, strict=True)
    }
    return Power(tests, tuple(sizes), level, repetitions, shares)


def _drawn(draw: Draw, size: int, random: np.random.Generator) -> Any:
    samples = draw(size, random)
    if not hasattr(samples, "__len__") or len(samples) != size:
        given = len(samples) if hasattr(samples, "__len__") else "none"
        raise BadInput(
            f"a draw was asked for {size} samples and gave {given}: draw(n, random) returns "
            "an array (n, d)."
        )
    return samples


def _check(sizes: Sequence[int], repetitions: int, level: float) -> None:
    if not len(sizes) or min(sizes) < FEWEST:
        raise BadInput(
            f"power needs sizes of at least {FEWEST} samples of each side, not {list(sizes)}."
        )
    if repetitions < 1 or not 0 < level < 1:
        raise BadInput(
            "power needs at least one repetition and a level between 0 and 1, not "
            f"repetitions={repetitions}, level={level}."
        )
