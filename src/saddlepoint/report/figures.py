"""The curves of a run as pictures: scalars by kind, and speed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from saddlepoint.drawing import COLOURS, plain_style, rendered
from saddlepoint.report.gather import Curve, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES, _FIGURES = 6, 14  # lines in a figure, figures on a page
_LOSSES = {"loss", "losses", "elbo", "bound", "kl", "nll", "reconstruction", "likelihood"}
_PENALTIES = {"penalty", "penalties", "r1", "r2"}
_FIRST = ("Losses", "Scores", "Penalties", "Gradient norms")
_LAST = "Learning rates"


@dataclass(frozen=True)
class Drawing:
    """A picture with its heading and the words for those who do not see it."""

    title: str
    picture: Image.Image
    alt: str


def family(name: str) -> str:
    """Say which figure a scalar belongs to, by its name: ``critic/score_real`` to Scores."""
    parts = name.lower().split("/")
    words = {word for part in parts for word in (part, *part.split("_"))}
    if "gradient_norm" in words or "grad_norm" in words or {"gradient", "norm"} <= words:
        return "Gradient norms"
    if {"learning", "rate"} <= words or "lr" in words:
        return _LAST
    if "information" in words:
        return "Information"
    if words & _PENALTIES:
        return "Penalties"
    if parts[-1].startswith("score"):
        return "Scores"
    if words & _LOSSES:
        return "Losses"
    title = re.sub(r"[_\s]+", " ", parts[0]).strip() or "Others"
    return title[0].upper() + title[1:]


def groups(curves: Sequence[Curve]) -> list[tuple[str, list[Curve]]]:
    """Sort curves into figures of a few lines each, losses first, learning rates last."""
    by_family: dict[str, list[Curve]] = {}
    for curve in curves:
        by_family.setdefault(family(curve.name), []).append(curve)
    middle = [title for title in by_family if title not in _FIRST and title != _LAST]
    ordered = []
    for title in (*_FIRST, *middle, _LAST):
        # By name, so that a player has the same colour in each figure that shows all players.
        members = sorted(by_family.get(title, []), key=lambda curve: curve.name)
        parts = [members[start : start + _LINES] for start in range(0, len(members), _LINES)]
        for index, part in enumerate(parts, 1):
            suffix = f" ({index} of {len(parts)})" if len(parts) > 1 else ""
            ordered.append((title + suffix, part))
    return ordered


def curves(summary: Summary) -> tuple[list[Drawing], list[str]]:
    """Draw the scalars; returns the drawings and the names for which there was no room."""
    resumes = [event.step for event in summary.events if event.name == "resume"]
    sorted_groups = groups(summary.curves)
    # The same steps in all figures, so that the eye can go from one to the next.
    end = max((step for curve in summary.curves for step in curve.steps), default=0)
    drawings = [
        Drawing(
            title,
            _draw(
                *(title, [(c.name, c.steps, c.values) for c in members], "step", end, resumes),
                seeds={c.name: np.asarray(c.members) for c in members if c.members},
            ),
            _alt(title, members),
        )
        for title, members in sorted_groups[:_FIGURES]
    ]
    left = [curve.name for _, members in sorted_groups[_FIGURES:] for curve in members]
    return drawings, left


def speed(summary: Summary) -> Drawing | None:
    """Draw examples per second over the training time; None without two measurements."""
    measured = [value for value in summary.rate if math.isfinite(value)]
    if len(measured) < 2:
        return None
    total = max(summary.seconds)
    unit, size = next(
        (name, length)
        for name, length in (("hours", 3600), ("minutes", 60), ("seconds", 1))
        if total >= 2 * length or length == 1
    )
    times = [value / size for value in summary.seconds]
    lines = [("examples per second", times, summary.rate)]
    picture = _draw("Speed", lines, f"training time in {unit}", total / size, zero=True)
    middle = float(np.median(measured))
    alt = f"Examples per second over the training time: median {middle:,.0f}."
    return Drawing("Speed", picture, alt)


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Running mean with triangular weights over ``window`` values; gaps stay gaps.

    A convolution, not a difference of running sums: a single huge value would leave its rounding
    error in all sums after it.
    """
    valid = np.isfinite(values)
    weights = np.bartlett(min(window, 501) // 2 * 2 + 3)[1:-1]
    if len(weights) > len(values):
        return np.where(valid, values, np.nan)
    total = np.convolve(np.where(valid, values, 0.0), weights, "same")
    weight = np.convolve(valid.astype(float), weights, "same")
    mean = np.full(len(values), np.nan)
    np.divide(total, weight, out=mean, where=valid)
    return mean


def _draw(
    title: str,
    lines: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    x_label: str,
    end: float,
    resumes: Sequence[int] = (),
    *,
    zero: bool = False,
    seeds: Mapping[str, np.ndarray] | None = None,
) -> Image.Image:
    """Draw named lines (x, y): raw values faint, running means solid, crosses for gaps.

    Where there are several seeds, y is their mean: each seed is a thin line behind it, and a band
    shows the mean ± one standard deviation.
    """
    with plain_style():
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        # Small in inches: the picture stays legible when a phone shrinks it.
        figure = Figure(figsize=(4.6, 3.1), dpi=200, facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        for index, (name, x, y) in enumerate(lines):
            colour = COLOURS[index % len(COLOURS)]
            steps, values = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
            window = len(values) // 6
            if seeds and name in seeds:
                each = seeds[name]
                spread = each.std(axis=1, ddof=1)
                axes.plot(steps, each, color=colour, linewidth=0.4, alpha=0.3)
                band: dict[str, Any] = {"color": colour, "alpha": 0.15, "linewidth": 0}
                axes.fill_between(steps, values - spread, values + spread, **band)
            raw: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 2.5}
            if window < 5:
                axes.plot(steps, values, **raw, linewidth=1.1, label=name)
            else:
                raw["marker"] = "" if len(values) > 50 else "."
                axes.plot(steps, values, **raw, linewidth=0.7, alpha=0.35)
                axes.plot(steps, smoothed(values, window), color=colour, linewidth=1.6, label=name)
            gaps = steps[~np.isfinite(values)]
            if len(gaps):
                axes.plot(
                    *(gaps, np.full(len(gaps), 0.03), "x"),
                    color=colour,
                    markersize=5,
                    transform=axes.get_xaxis_transform(),
                    label=f"not finite ({len(gaps):,})",
                )
        for index, step in enumerate(resumes):
            style: dict[str, Any] = {"color": "#777777", "linewidth": 0.9, "linestyle": (0, (4, 3))}
            axes.axvline(step, **style, zorder=0, label="" if index else "resumed")
        finite = np.array([v for _, _, y in lines for v in y if math.isfinite(v)])
        note = _scale(axes, finite) if not zero else ""
        if zero and len(finite):
            axes.set_ylim(0, float(finite.max()) * 1.15 or 1.0)
        if end > 0:
            axes.set_xlim(-0.02 * end, 1.02 * end)
        axes.set_xlabel(x_label, fontsize=8.5)
        label = lines[0][0] if len(lines) == 1 else _unit(title)
        axes.set_ylabel(label + note, fontsize=8.5, parse_math=False)
        axes.tick_params(labelsize=8)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=x_label == "step"))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        # Handed over with their labels, else matplotlib hides those that begin with "_".
        labels = [(line, str(line.get_label())) for line in axes.lines]
        handles = [line for line, label in labels if label and not label.startswith("_child")]
        if len(handles) > 1:
            names = [str(line.get_label()) for line in handles]
            columns = 2 if max(map(len, names)) < 30 else 1
            options: dict[str, Any] = {"loc": "outside lower left", "ncols": columns}
            legend = figure.legend(handles, names, **options, fontsize=8, frameon=False)
            for text in legend.get_texts():
                text.set_parse_math(False)
        return rendered(figure).quantize(64, dither=Image.Dither.NONE)


def _scale(axes: Axes, values: np.ndarray) -> str:
    """Choose a logarithmic axis where one size hides the rest; returns what the label adds."""
    axes.ticklabel_format(axis="y", scilimits=(-3, 5))
    sizes = np.abs(values[values != 0])
    if not len(sizes):
        return ""
    if values.min() == values.max():  # a constant, not its rounding errors
        axes.set_ylim(*sorted((0, 2 * float(values[0]))))
        return ""
    if (values > 0).all():
        if sizes.max() / sizes.min() <= 200:
            return ""
        axes.set_yscale("log")
        return " (log scale)"
    middle = float(np.median(sizes))
    if sizes.max() <= 100 * middle:
        return ""
    axes.set_yscale("symlog", linthresh=middle)
    return " (log scale away from 0)"


def _unit(title: str) -> str:
    name = re.sub(r" \(\d+ of \d+\)$", "", title)
    known = {"Losses": "loss", "Scores": "score", "Penalties": "penalty"}
    known |= {"Gradient norms": "gradient norm", _LAST: "learning rate"}
    return known.get(name, name[0].lower() + name[1:])


def _alt(title: str, members: Sequence[Curve]) -> str:
    parts = []
    for curve in members:
        finite = [value for value in curve.values if math.isfinite(value)]
        if not finite:
            parts.append(f"{curve.name} never finite")
            continue
        gaps = len(curve.values) - len(finite)
        note = f" ({gaps} not finite)" if gaps else ""
        parts.append(f"{curve.name} from {finite[0]:.4g} to {finite[-1]:.4g}{note}")
    return f"{title} against the step: {'; '.join(parts)}."
