"""Options that several commands share: one dataclass each, its fields their help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from saddlepoint.errors import BadInput, did_you_mean

Which = int | Literal["auto", "latest", "best"]


@dataclass(frozen=True)
class DrawingOptions:
    """How samples are drawn."""

    checkpoint: str = "auto"
    """latest, best, a step, or auto: the best if the run names one, else the latest."""
    seed: int = 0
    """Seed of the samples; the first m of n are those of --n m."""
    device: str = "auto"
    """Where to draw samples."""
    quiet: bool = False
    """Show no progress."""

    @property
    def which(self) -> Which:
        """The checkpoint.

        Raises:
            BadInput: It is none of the words, and no step.
        """
        word = self.checkpoint
        if word in ("auto", "latest", "best"):
            return word  # type: ignore[return-value]
        if word.isdecimal() and len(word) < 19:
            return int(word)
        raise BadInput(
            f"--checkpoint '{word}': use auto, latest, best or a step."
            f"{did_you_mean(word, ('auto', 'latest', 'best'))}"
        )

    def arguments(self) -> dict[str, Any]:
        """They as the library takes them."""
        return {
            "checkpoint": self.which,
            "seed": self.seed,
            "device": self.device,
            "quiet": self.quiet,
        }


@dataclass(frozen=True)
class ScoreOptions:
    """What is computed of samples and real examples."""

    n: int | None = None
    """Real examples and samples (by default what both sides allow, at most 10,000)."""
    features: tuple[str, ...] = ("auto",)
    """auto, pixels, classifier, efficientnet-lite0, inception, a file.onnx or
    package.module:name; one or several."""
    scores: tuple[str, ...] = ("default",)
    """default, all or names (a wrong one lists them and what they are); one or several."""

    def arguments(self) -> dict[str, Any]:
        """They as the library takes them.

        Raises:
            BadInput: There are no such features, or none are named.
        """
        from saddlepoint.features.words import parse_features

        for name, words in (("features", self.features), ("scores", self.scores)):
            if not words:
                raise BadInput(f"--{name} names one or several, and nothing follows it.")
        for word in self.features:
            parse_features(word)
        return {"n": self.n, "features": self.features, "scores": self.scores}


@dataclass(frozen=True)
class ScoringOptions(ScoreOptions):
    """The same of runs that were trained before."""

    data: Path | None = None
    """Where the data of a run are now, if they moved."""

    def arguments(self) -> dict[str, Any]:
        """They as the library takes them.

        Raises:
            BadInput: There are no such features.
        """
        return super().arguments() | {"data": self.data}


@dataclass(frozen=True)
class OutputOptions:
    """What may be replaced."""

    overwrite: bool = False
    """Replace what this program wrote at --out before; files of yours never are."""

    def check(self, out: Path | None) -> None:
        """Refuse to replace what is not named.

        Raises:
            BadInput: There is no --out.
        """
        if self.overwrite and out is None:
            raise BadInput("--overwrite replaces what lies at --out: name that, too.")


Drawing = Annotated[DrawingOptions, tyro.conf.arg(name="")]
Scores = Annotated[ScoreOptions, tyro.conf.arg(name="")]
Scoring = Annotated[ScoringOptions, tyro.conf.arg(name="")]
Output = Annotated[OutputOptions, tyro.conf.arg(name="")]
