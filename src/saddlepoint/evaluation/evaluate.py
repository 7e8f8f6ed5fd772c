"""Score a run, or any two sources, against real examples and against a control."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from saddlepoint.errors import BadInput, command_line
from saddlepoint.evaluation import sides
from saddlepoint.evaluation.progress import Teller, telling
from saddlepoint.evaluation.recognising import recognised
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.scorer import Scorer, Settings
from saddlepoint.evaluation.sides import Reference
from saddlepoint.evaluation.sources import Preparation, is_run, two_sides
from saddlepoint.metrics.estimate import mean_gap, mean_of
from saddlepoint.scores.figure import Figure
from saddlepoint.training.trained import Trained, load

Source = Any
Which = int | Literal["auto", "latest", "best"]


def evaluate(
    run: str | Path | None = None,
    *,
    real: Source = None,
    fake: Source = None,
    n: int | None = None,
    features: str | nn.Module | Sequence[str | nn.Module] = "auto",
    scores: str | Sequence[str] = "default",
    checkpoint: Which = "auto",
    seed: int = 0,
    data: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    resize: Literal["crop", "pad", "stretch"] | None = None,
    channels: Literal[1, 2, 3, 4] | None = None,
    value_range: Literal["0..255", "0..1", "-1..1"] | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> Evaluation:
    """Say whether samples are good: scores with 95 % intervals, beside real examples' own.

    Give either a run, or two sources. A run's samples are compared with the test split of its
    data, and the control is its validation split; of two sources, the reference and the control
    are disjoint parts of ``real``. Every score of the control is what a generator as good as fresh
    data would get.

    Of a run with several seeds every seed is scored; the figures are means over seeds with
    Student's interval, and each seed's evaluation is in ``facts["members"]``.

    Args:
        run: A run directory.
        real: Real examples: a folder of images, an array (or its file), a built-in name, or a run,
            whose data then count.
        fake: What to score: the same, or a run, whose samples then count.
        n: Real examples and samples; by default what both sides allow, at most 10,000.
        features: Feature spaces (see ``saddlepoint.features.words.SPACES``), a path of an
            ONNX file, ``module:name`` or a torch module; one or several.
        scores: ``default``, ``all`` or names of scores; one or several.
        checkpoint: Which checkpoint of a run, as for ``load``.
        seed: Seed of the samples and of everything random in scores.
        data: Where a run's data are now, if they moved.
        size: Of two sources: pixels of folders' images, a side or (height, width); by default
            their own where both agree.
        resize: Of two sources: how images of other sizes are brought to it.
        channels: Of two sources: of folders' images.
        value_range: Of two sources: range of floating-point arrays.
        device: Where a run draws its samples; on CUDA networks compute features there too.
        quiet: Show no progress.

    Raises:
        BadInput: Nothing to compare, unknown names, shapes that do not fit, too few examples.

    Example:
        >>> import numpy as np
        >>> import saddlepoint as sp
        >>> random = np.random.default_rng(0)
        >>> real, fake = random.normal(size=(600, 2)), random.normal(1.0, size=(300, 2))
        >>> row = sp.evaluate(real=real, fake=fake, scores="frechet").row("frechet")
        >>> 1.5 < row.figure.estimate.value < 2.5  # the squared distance of the means is 2
        True
        >>> row.control.estimate.value < 0.1  # other real examples in the place of the fakes
        True
    """
    if (run is None) == (real is None and fake is None) or (real is None) != (fake is None):
        raise BadInput("evaluate takes either a run, or both --real and --fake.")
    settings = Settings.of(n, features, scores, seed, device)
    whole = (size, size) if isinstance(size, int) else size
    preparation = Preparation(whole, resize, channels, value_range)
    if run is not None and preparation.asked:
        raise BadInput(
            f"{preparation.asked[0]} is for two sources: a run's samples have one form, in which "
            "its data are read."
        )
    if run is None and data is not None:
        raise BadInput("--data says where a run's data are now: leave it out with --real.")
    began = time.perf_counter()
    with telling(quiet) as tell:
        if run is not None:
            where = Path(run).expanduser()
            model = load(where, checkpoint, device=device)
            reference = sides.of_run(where, n, data)
            evaluation = of_model(model, where, reference, settings, tell)
        else:
            drawing = _model(fake, checkpoint, device) if is_run(fake) else None
            reference, candidate = two_sides(real, fake, drawing, n, seed, preparation)
            evaluation = Scorer(reference, settings, tell).evaluation(candidate, {"seed": seed})
    return replace(evaluation, seconds=time.perf_counter() - began)


def _model(fake: str | Path, checkpoint: Which, device: str) -> Trained:
    model = load(Path(fake).expanduser(), checkpoint, device=device)
    if model.run.seeds > 1:
        command = command_line("evaluate", fake)
        raise BadInput(f"{fake} holds {model.run.seeds} seeds: use `{command}`.")
    return model


def of_model(
    model: Trained, where: Path, reference: Reference, settings: Settings, tell: Teller
) -> Evaluation:
    """The evaluation of a run's model; over its seeds, if it has several."""
    scorer = Scorer(reference, settings, tell)
    facts = {"run": str(where), "step": model.step, "seed": settings.seed}
    title = f"{where.resolve().name}, step {model.step}"
    each = []
    for member in range(model.run.seeds):
        name, known = title, dict(facts)
        if model.run.seeds > 1:
            name, known = f"{title}, seed {member}", facts | {"member": member}
        tell("drawing samples", member, model.run.seeds)
        side = sides.drawn(model, name, len(reference.real), settings.seed, member)
        recognition = recognised(model, reference.dataset, len(side), settings.seed, member)
        side = replace(side, recognition=recognition)
        each.append(scorer.evaluation(side, known))
    return each[0] if len(each) == 1 else over_seeds(each, title)


def over_seeds(each: Sequence[Evaluation], name: str) -> Evaluation:
    """Means over independent trainings, with Student's intervals over them.

    The p-value of a test is the smallest of the seeds, times their number (Bonferroni): of the
    hypothesis that not one of them differs from the data.
    """
    first = each[0]
    rows = []
    for index, row in enumerate(first.rows):
        values = [one.rows[index].figure.estimate for one in each]
        estimate = mean_of([v.value for v in values], values[0].n_real, values[0].n_fake)
        estimate = replace(estimate, method=f"Student's t over {len(each)} seeds")
        notes = tuple(dict.fromkeys(n for one in each for n in one.rows[index].figure.notes))
        p_values = [p for one in each if (p := one.rows[index].figure.p_value) is not None]
        smallest = min(1.0, len(each) * min(p_values)) if len(p_values) == len(each) else None
        weakness = next((w for one in each if (w := one.rows[index].figure.weakness)), "")
        figure = Figure(estimate, smallest, notes, row.figure.pictures, weakness)
        gaps = [gap for one in each if (gap := one.rows[index].gap) is not None]
        difference = mean_gap(gaps) if len(gaps) == len(each) else None
        rows.append(replace(row, figure=figure, difference=difference))
    facts = {key: value for key, value in first.facts.items() if key != "member"}
    return replace(
        first,
        candidate=name,
        rows=tuple(rows),
        facts=facts | {"members": [one.as_json() for one in each]},
        notes=(*first.notes, f"means over {len(each)} seeds; intervals are over seeds."),
    )
