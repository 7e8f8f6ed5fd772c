"""Every chosen score of a candidate against one reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.evaluation import duplicates, sides
from saddlepoint.evaluation.progress import Teller
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.rows import Row
from saddlepoint.evaluation.sides import Reference, Side
from saddlepoint.features.cache import FeatureCache, key_of
from saddlepoint.features.efficientnet import weights_file
from saddlepoint.features.interface import FeatureSpace
from saddlepoint.features.opening import open_features
from saddlepoint.scores.declaration import Score, chosen
from saddlepoint.scores.figure import Figure
from saddlepoint.scores.view import View
from saddlepoint.training.device import choose
from saddlepoint.training.run_directory import versions

INSTALL = 'pip install "saddlepoint[features]"'
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Settings:
    """How to evaluate.

    Attributes:
        n: Real examples and samples; by default what both sides allow, at most 10,000.
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
        settings = cls(
            n,
            [features] if isinstance(features, str | nn.Module) else list(features),
            [scores] if isinstance(scores, str) else list(scores),
            seed,
            where if where.type == "cuda" else _CPU,
        )
        chosen(settings.scores)
        return settings

    @property
    def request(self) -> dict[str, Any]:
        """What tells two evaluations of one candidate apart."""
        words = [word if isinstance(word, str) else type(word).__name__ for word in self.features]
        scores = list(self.scores)
        return {"n": self.n, "features": words, "scores": scores, "seed": self.seed}


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
        reference = self.reference
        for place, space in enumerate(self.spaces):
            view = self._view(space, candidate)
            control = None
            if len(reference.control) >= sides.LEAST:
                control = self._view(space, reference.control, is_control=True)
            applicable = [
                score
                for score in chosen(self.settings.scores)
                if (place == 0 or not score.place) and score.applies_to(view)
            ]
            for number, score in enumerate(applicable):
                self._tell(f"{score.title} ({space.name})", number, len(applicable))
                rows.append(self._row(score, space, view, control))
        if not rows:
            raise BadInput(
                f"none of the scores {', '.join(self.settings.scores)} applies to these examples."
            )
        sizes = {
            "real": len(reference.real),
            "control": len(reference.control),
            "candidate": len(candidate),
        }
        counts = duplicates.count_duplicates(reference, candidate)
        return Evaluation(
            candidate=candidate.name,
            reference=reference.real.name,
            where=reference.where,
            n=sizes,
            facts=facts
            | {
                "versions": versions(),
                "data": reference.data.fingerprint,
                "duplicates": counts,
                "request": self.settings.request,
            },
            rows=tuple(rows),
            notes=self._notes(candidate) + duplicates.sentences(counts, reference, candidate),
            preparation={"real": reference.real.notes, "candidate": candidate.notes},
            remedy=self._remedy(),
        )

    def _notes(self, candidate: Side) -> tuple[str, ...]:
        reference = self.reference
        notes = [*reference.notes, *(space.note for space in self.spaces if space.note)]
        if 0 < len(reference.control) != len(candidate):
            notes.append(
                f"the control has {len(reference.control):,} examples and the candidate "
                f"{len(candidate):,}: scores that depend on the number get no verdict."
            )
        return tuple(notes)

    def _remedy(self) -> str:
        """The command that installs a better space, where every space is weak."""
        weak = self.reference.data.images and all(space.weakness for space in self.spaces)
        return INSTALL if weak and weights_file() is None else ""

    def _row(self, score: Score, space: FeatureSpace, view: View, control: View | None) -> Row:
        beside = None
        if control is not None and not score.applies_to(control):
            control = None  # a score of the model itself
        if control is not None and (self.reference.unseen is None or not score.held_out):
            key = (score.key, space.name)
            if key not in self._control:
                self._control[key] = score.compute(control)
            beside = self._control[key]
        equal = len(self.reference.control) == len(view.fake)
        return Row(
            score.key,
            score.title,
            score.place or space.name,
            score.better,
            score.compute(view),
            beside,
            comparable=equal or score.unbiased,
            yardstick=score.worthless(view),
            weakness="" if score.place else space.weakness,
            independent=score.independent,
        )

    def _view(self, space: FeatureSpace, side: Side, is_control: bool = False) -> View:
        reference = self.reference
        real = self._features(space, reference.real)
        fake = self._features(space, side)
        return View(
            images=reference.data.images,
            real=reference.real.x,
            fake=side.x,
            real_features=real,
            fake_features=fake,
            control=reference.control.x,
            is_control=is_control,
            probabilities=space.probabilities_from(fake),
            real_shares=space.shares_from(real),
            train=None if reference.train is None else reference.train.x,
            mixture=reference.dataset.mixture,
            seed=self.settings.seed,
            unseen=None if reference.unseen is None else reference.unseen.x,
            labels=side.labels,
            real_labels=reference.real.labels,
            recognition=side.recognition,
        )

    def _features(self, space: FeatureSpace, side: Side) -> Tensor:
        key = None if space.key is None else (key_of(side.x), space.key)
        what = f"features of {side.name} ({space.name})"

        def progress(_: str, done: int, total: int) -> None:
            self._tell(what, done, total)

        return self._cache.get(key, lambda: space.of(side.x, progress))
