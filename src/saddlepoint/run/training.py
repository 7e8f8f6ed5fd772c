"""How long, on what and how a run trains (torch-free)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from saddlepoint.description import Description, OneOf
from saddlepoint.errors import did_you_mean
from saddlepoint.games.dynamics import Alternating, AnyDynamics
from saddlepoint.run.frozen import FrozenPart
from saddlepoint.schedules import NonNegative
from saddlepoint.scores.declaration import VALIDATING


def _known_score(name: str) -> str:
    if name not in (known := tuple(VALIDATING)):
        raise ValueError(
            f"'{name}' is no score for validation (known: {', '.join(known)})."
            f"{did_you_mean(name, known)}"
        )
    return name


ValidationScore = Annotated[str, AfterValidator(_known_score), OneOf(VALIDATING)]


class Best(Description):
    """Which checkpoint counts as the best: by a scalar of the record."""

    scalar: str | None = Field(
        None,
        description="Name of a recorded scalar, for example 'elbo'; by default the validation "
        "score, if there is one.",
    )
    mode: Literal["min", "max"] = Field("min", description="Is smaller or larger better?")

    @model_validator(mode="after")
    def _mode_needs_a_scalar(self) -> Best:
        if self.scalar is None and self.mode != "min":
            raise ValueError(
                "mode says which value of a scalar is best: name one with "
                "--training.best.scalar, or leave mode at min."
            )
        return self


class Validation(Description):
    """A score of the averaged model on the validation split, with every checkpoint."""

    score: ValidationScore = Field(
        "none",
        description="kernel distance (unbiased, good for few samples), Fréchet or sliced "
        "Wasserstein distance; lower is better.",
    )
    features: str = Field("pixels", description="Feature space, as for `evaluate`.")
    samples: int = Field(1000, ge=40, le=50_000, description="Samples and real examples.")
    patience: int | None = Field(
        None, ge=1, description="Stop after so many validations without a new best."
    )

    @model_validator(mode="after")
    def _all_needs_a_score(self) -> Validation:
        if self.score != "none":
            return self
        if self.patience is not None:
            raise ValueError("patience counts validations: choose a score with --validate.")
        for name in ("features", "samples"):
            usual = type(self).model_fields[name].default
            if getattr(self, name) != usual:
                raise ValueError(
                    f"{name} are what a score compares, and there is none: choose a score with "
                    f"--validate, or leave {name} at {usual}."
                )
        return self


class Training(Description):
    """The part of a run's description that no model family touches."""

    # On another device a run has the same weights to start from and the same batches, but a device
    # draws its own noise and rounds in its own way: the same distribution, not the same numbers.
    conduct: ClassVar[frozenset[str]] = frozenset(
        {
            "device",
            "threads",
            "log_every",
            "sample_every",
            "sample_seconds",
            "samples",
            "checkpoint_every",
            "keep",
            "watch",
        }
    )

    steps: int = Field(2000, ge=1, description="Training steps; schedules run over this horizon.")
    batch_size: int | None = Field(
        None, ge=2, description="Examples per update; by default 128, or all if there are fewer."
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ... or mps.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 where the processor computes with it and the networks are wide "
        "enough to gain (or convolve), else float32.",
    )
    threads: int | None = Field(None, ge=1, description="CPU threads; by default PyTorch's choice.")
    dynamics: AnyDynamics = Alternating()
    averaging: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="Decay per step of the averaged weights that samples use; 0 uses the last.",
    )
    averaging_half_life: NonNegative | None = Field(
        None,
        description="Average over images instead, whatever the batch size: the half-life in "
        "images (steps × batch size); 0 uses the last weights.",
    )
    averaging_ramp: float | None = Field(
        None,
        gt=0,
        description="Let the half-life be at most this share of the images so far (StyleGAN2: "
        "0.05).",
    )
    freeze: tuple[FrozenPart, ...] = Field(
        (),
        description="Parts that keep their weights, by how their names begin (critic.backbone.0); "
        "with NAME:images=N until N images, else the whole run.",
    )
    log_every: int = Field(50, ge=1, description="Steps between lines of the record.")
    sample_every: int = Field(
        500, ge=1, description="Steps between sample grids, where they do not come by time."
    )
    sample_seconds: float | None = Field(
        None,
        gt=0,
        description="Sample grids by time instead, whatever sample_every says: the first after 30 "
        "seconds of training or so many, if that is less, the next always so many seconds later, "
        "one at the end.",
    )
    samples: int = Field(64, ge=1, le=1024, description="Samples in each grid.")
    checkpoint_every: int = Field(500, ge=1, description="Steps between checkpoints.")
    keep: int = Field(3, ge=1, description="Newest checkpoints that are kept, besides the best.")
    watch: bool = Field(
        True,
        description="Measure with every checkpoint and picture how the samples spread and how near "
        "they are to training examples, and warn of symptoms.",
    )
    validation: Validation = Validation()
    best: Best = Best()

    @model_validator(mode="after")
    def _one_way_to_average(self) -> Training:
        if self.averaging_half_life is None:
            if self.averaging_ramp is not None:
                raise ValueError(
                    "averaging_ramp limits a half-life in images, and averaging is a decay per "
                    "step, which warms up by itself: give averaging_half_life too, or leave the "
                    "ramp out."
                )
        elif self.changed("averaging"):
            raise ValueError(
                "averaging is a decay per step and averaging_half_life one per image: give one of "
                "them."
            )
        return self
