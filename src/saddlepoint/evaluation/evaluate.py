"""Score a run, or any two sources, against real examples and against a control."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.evaluation import sides
from saddlepoint.evaluation.progress import Teller, telling
from saddlepoint.evaluation.result import Evaluation, Figure, Row
from saddlepoint.evaluation.score import Score
from saddlepoint.evaluation.scores import chosen
from saddlepoint.evaluation.sides import Reference, Side
from saddlepoint.evaluation.view import View
from saddlepoint.features.cache import FeatureCache, key_of
from saddlepoint.features.interface import FeatureSpace
from saddlepoint.features.opening import open_features
from saddlepoint.metrics.estimate import mean_of
from saddlepoint.training.device import choose
from saddlepoint.training.folder import versions
from saddlepoint.training.trained import Trained, load

Source = Any
_CPU = torch.device("cpu")
PAIRS = 12  # samples that are shown beside their nearest training images
Which = int | Literal["auto", "latest", "best"]


@dataclass(frozen=True)
class Settings:
    """How to evaluate.

    Attributes:
        n: Real examples and samples; by default what there is, at most 10,000.
        features: Feature spaces: words as on the command line, or torch modules.
        scores: Names of scores, ``default`` or ``all``.
        seed: Seed of the samples and of everything random in scores.
        device: Where networks compute features.
    """

    n: int | None = None
    features: Sequence[str | nn.Module] = ("auto",)
    scores: Sequence[str] = ("default",)
    seed: int = 0
    device: torch.device = _CPU

    @classmethod
    def of(
        cls,
        n: int | None,
        features: str | nn.Module | Sequence[str | nn.Module],
        scores: str | Sequence[str],
        seed: int,
        device: str,
    ) -> Settings:
        """From what a user gives; a wrong name is told before the work begins.

        Raises:
            BadInput: An unknown score or device.
        """
        where = choose(device, "float32").device
        found = cls(
            n,
            [features] if isinstance(features, str | nn.Module) else list(features),
            [scores] if isinstance(scores, str) else list(scores),
            seed,
            where if where.type == "cuda" else _CPU,
        )
        chosen(found.scores)
        return found


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
    device: str = "auto",
    quiet: bool = True,
) -> Evaluation:
    """Say whether samples are good: scores with 95 % intervals, beside real examples' own.

    Give either a run, or two sources. A run's samples are compared with the test split of its
    data, and the control is its validation split; of two sources, the examples of ``real`` are
    halved. Every score of the control is what a generator as good as fresh data would get.

    Of a run with several seeds every seed is scored; the figures are means over seeds with
    Student's interval, and each seed's evaluation is in ``facts["members"]``.

    Args:
        run: A run directory.
        real: Real examples: a folder of images, an array (or its file), a built-in name, or a run,
            whose data then count.
        fake: What to score: the same, or a run, whose samples then count.
        n: Real examples and samples; by default what there is, at most 10,000.
        features: Feature spaces (see ``saddlepoint.features.description.SPACES``), a path of an
            ONNX file, ``module:name`` or a torch module; one or several.
        scores: ``default``, ``all`` or names of scores; one or several.
        checkpoint: Which checkpoint of a run, as for ``load``.
        seed: Seed of the samples and of everything random in scores.
        device: Where a run draws its samples; on CUDA networks compute features there too.
        quiet: Show no progress.

    Raises:
        BadInput: Nothing to compare, unknown names, shapes that do not fit, too few examples.
    """
    if (run is None) == (real is None and fake is None) or (real is None) != (fake is None):
        raise BadInput("evaluate takes either a run, or both --real and --fake.")
    settings = Settings.of(n, features, scores, seed, device)
    began = time.perf_counter()
    with telling(quiet) as tell:
        if run is not None:
            where = Path(run).expanduser()
            reference = sides.of_run(where, n)
            found = of_model(
                load(where, checkpoint, device=device), where, reference, settings, tell
            )
        else:
            reference, candidate = _two_sources(real, fake, settings, checkpoint, device)
            found = Scorer(reference, settings, tell).evaluation(candidate, {"seed": seed})
    return replace(found, seconds=time.perf_counter() - began)


def of_model(
    model: Trained, where: Path, reference: Reference, settings: Settings, tell: Teller
) -> Evaluation:
    """The evaluation of a run's model; over its seeds, if it has several."""
    scorer = Scorer(reference, settings, tell)
    facts = {"run": str(where), "step": model.step, "seed": settings.seed}
    found = []
    for member in range(model.run.seeds):
        name = f"{where.name}, step {model.step}"
        own = dict(facts)
        if model.run.seeds > 1:
            name, own = f"{name}, seed {member}", facts | {"member": member}
        tell("drawing samples", member, model.run.seeds)
        side = sides.drawn(model, name, len(reference.real), settings.seed, member)
        found.append(scorer.evaluation(side, own))
    return found[0] if len(found) == 1 else over_seeds(found, f"{where.name}, step {model.step}")


def over_seeds(found: Sequence[Evaluation], name: str) -> Evaluation:
    """Means over independent trainings, with Student's intervals over them."""
    first = found[0]
    rows = []
    for index, row in enumerate(first.rows):
        values = [each.rows[index].figure.estimate for each in found]
        estimate = mean_of([v.value for v in values], values[0].n_real, values[0].n_fake)
        estimate = replace(estimate, method=f"Student's t over {len(found)} seeds")
        notes = tuple(dict.fromkeys(n for each in found for n in each.rows[index].figure.notes))
        rows.append(replace(row, figure=Figure(row.key, estimate, None, notes)))
    facts = {key: value for key, value in first.facts.items() if key != "member"}
    return replace(
        first,
        candidate=name,
        rows=tuple(rows),
        facts=facts | {"members": [each.as_json() for each in found]},
        notes=(*first.notes, f"means over {len(found)} seeds; intervals are over seeds."),
    )


def _two_sources(
    real: Source, fake: Source, settings: Settings, checkpoint: Which, device: str
) -> tuple[Reference, Side]:
    model = None
    if sides.is_run(fake):
        model = load(Path(fake).expanduser(), checkpoint, device=device)
        if model.run.seeds > 1:
            raise BadInput(
                f"{fake} holds {model.run.seeds} seeds: use `saddlepoint evaluate {fake}`."
            )
    wanted = model.data.shape if model is not None else sides.natural_shape(fake)
    shape = sides.natural_shape(real)
    reference = sides.of_source(real, settings.n, shape or wanted)
    shape = reference.data.shape
    if model is not None:
        if model.data.shape != shape:
            raise BadInput(
                f"{fake} draws examples of shape {model.data.shape}, and {reference.data.name} "
                f"holds {shape}: give a folder of images, which is brought to the run's size."
            )
        name = f"{Path(fake).name}, step {model.step}"
        return reference, sides.drawn(model, name, len(reference.real), settings.seed)
    return reference, sides.candidate(fake, settings.n or len(reference.real), shape)


class Scorer:
    """Scores candidates against one reference; what belongs to the reference is computed once.

    Attributes:
        reference: The real side.
    """

    def __init__(self, reference: Reference, settings: Settings, tell: Teller) -> None:
        """Open the feature spaces; a classifier may be trained for it."""
        self.reference, self.settings, self._tell = reference, settings, tell
        self._cache = FeatureCache()
        self.spaces: list[FeatureSpace] = [
            open_features(word, reference.dataset, device=settings.device, progress=tell)
            for word in settings.features
        ]
        self._control: dict[tuple[str, str], Figure] = {}

    def evaluation(self, candidate: Side, facts: dict[str, Any]) -> Evaluation:
        """Every chosen score that applies, in every feature space."""
        bad = int((~candidate.x.flatten(1).isfinite().all(1)).sum())
        if bad:
            raise BadInput(
                f"{bad} of {len(candidate)} samples of {candidate.name} are NaN or infinite: "
                "evaluate an earlier checkpoint."
            )
        rows: list[Row] = []
        pairs = None
        reference = self.reference
        for place, space in enumerate(self.spaces):
            views = {"candidate": self._view(space, candidate)}
            if len(reference.control) >= sides.LEAST:
                views["control"] = self._view(space, reference.control)
            wanted = [
                score
                for score in chosen(self.settings.scores)
                if (score.each_space or place == 0) and score.applies(views["candidate"])
            ]
            for number, score in enumerate(wanted):
                self._tell(f"{score.title} ({space.name})", number, len(wanted))
                rows.append(self._row(score, space, views))
            if reference.data.images and any(score.key == "memorisation" for score in wanted):
                pairs = views["candidate"].closest_pairs(PAIRS)
        if not rows:
            raise BadInput(
                f"none of the scores {', '.join(self.settings.scores)} applies to these examples."
            )
        sizes = {
            "real": len(reference.real),
            "control": len(reference.control),
            "candidate": len(candidate),
        }
        notes = [space.note for space in self.spaces if space.note]
        if len(reference.control) != len(candidate):
            notes.append(
                f"the control has {len(reference.control):,} examples and the candidate "
                f"{len(candidate):,}: scores with a finite-sample bias differ for that alone."
            )
        return Evaluation(
            candidate=candidate.name,
            reference=reference.real.name,
            where=reference.where,
            n=sizes,
            facts=facts | {"versions": versions(), "data": reference.data.fingerprint},
            rows=tuple(rows),
            notes=tuple(notes),
            pairs=pairs,
        )

    def _row(self, score: Score, space: FeatureSpace, views: dict[str, View]) -> Row:
        control = None
        if "control" in views:
            key = (score.key, space.name)
            if key not in self._control:
                self._control[key] = score.compute(views["control"])
            control = self._control[key]
        name = space.name if score.each_space else score.place
        figure = score.compute(views["candidate"])
        return Row(score.key, score.title, name, score.better, figure, control)

    def _view(self, space: FeatureSpace, side: Side) -> View:
        reference = self.reference
        real = self._features(space, reference.real)
        fake = self._features(space, side)
        return View(
            space=space.name,
            images=reference.data.images,
            real=reference.real,
            fake=side,
            real_features=real,
            fake_features=fake,
            probabilities=space.probabilities_from(fake),
            real_shares=space.shares_from(real),
            train=reference.train,
            control=reference.control,
            mixture=reference.mixture,
            seed=self.settings.seed,
        )

    def _features(self, space: FeatureSpace, side: Side) -> Tensor:
        key = None if space.key is None else (key_of(side.x), space.key)
        what = f"features of {side.name} ({space.name})"

        def progress(_: str, done: int, total: int) -> None:
            self._tell(what, done, total)

        return self._cache.get(key, lambda: space.of(side.x, progress))
