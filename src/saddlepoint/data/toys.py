"""Toy distributions in the plane: each draws its points, and knows its density where it is exact.

Torch-free; NumPy is imported where points are drawn, since naming a toy needs none.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.data.source import MOST_CLASSES, DataSource, Labelled
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from saddlepoint.data.dataset import Dataset
    from saddlepoint.data.mixture import Mixture

    Points = NDArray[np.float64]
    Labels = NDArray[np.int64]


class Toy(DataSource):
    """Points in the plane, drawn once.

    Attributes:
        class_count: How many classes the labels have; 0 without labels.
    """

    examples: int = Field(
        50_000, ge=1, le=100_000_000, description="How many points are drawn, once."
    )
    seed: int = Field(0, ge=0, description="Seed of the points, apart from the run's seed.")

    @property
    @abstractmethod
    def class_count(self) -> int:
        """How many classes the labels have; 0 without labels."""

    @abstractmethod
    def points(self, rng: np.random.Generator) -> tuple[Points, Labels | None]:
        """Draw ``examples`` points (N, 2) and their labels (N,), which may be None."""

    def draw(self) -> tuple[NDArray[np.float32], Labels | None]:
        """The points (N, 2) and their labels (N,), a function of the description alone.

        Raises:
            BadInput: A point is too far away for float32.
        """
        import numpy as np

        from saddlepoint.randomness import numpy_generator

        points, labels = self.points(numpy_generator(self.seed, "toy", self.kind))
        with np.errstate(over="ignore"):
            drawn = points.astype(np.float32)
        if not np.isfinite(drawn).all():
            raise BadInput(f"{self.kind} as described reaches beyond float32: make it smaller.")
        return drawn, labels

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.resident import Examples, ResidentDataset, limited

        points, labels = self.draw()
        classes = tuple(str(k) for k in range(self.class_count))
        examples = limited(Examples(points, labels, classes), self)
        return ResidentDataset(
            self.kind, examples, self.split, share=self.label_share, mixture=self.mixture()
        )

    @override
    def natural_shape(self) -> tuple[int, ...]:
        """See ``DataSource.natural_shape``."""
        return (2,)


class Gaussians(Toy, Labelled):
    """Equally weighted Gaussians of one deviation; the label is the Gaussian."""

    std: float = Field(gt=0, description="Standard deviation of each Gaussian.")

    @abstractmethod
    def centres(self) -> Points:
        """Where they are, (K, 2), in the order of their labels."""

    @override
    def points(self, rng: np.random.Generator) -> tuple[Points, Labels | None]:
        """See ``Toy.points``."""
        centres = self.centres()
        labels = rng.integers(len(centres), size=self.examples)
        return centres[labels] + self.std * rng.standard_normal((self.examples, 2)), labels

    @override
    def mixture(self) -> Mixture:
        """See ``DataSource.mixture``."""
        from saddlepoint.data.mixture import Mixture

        return Mixture(self.centres(), self.std)

    @override
    def log_density(self, points: ArrayLike) -> NDArray[np.float64]:
        """See ``DataSource.log_density``; the formula is that of ``Mixture.log_density``."""
        return self.mixture().log_density(points)


class Ring(Gaussians):
    """Equally weighted Gaussians on a circle: the classic test for mode collapse."""

    kind: Literal["ring"] = "ring"
    modes: int = Field(8, ge=1, le=MOST_CLASSES)
    radius: float = Field(1.0, gt=0)
    std: float = Field(0.01, gt=0, description="Standard deviation of each Gaussian.")

    @property
    @override
    def class_count(self) -> int:
        return self.modes

    @override
    def centres(self) -> Points:
        """See ``Gaussians.centres``."""
        import numpy as np

        # The angles 2πk/K stop before 2π, which would be the first mode again.
        angles = 2 * np.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


class Grid(Gaussians):
    """Equally weighted Gaussians on a square grid centred at the origin."""

    kind: Literal["grid"] = "grid"
    side: int = Field(5, ge=1, le=100, description="Modes along each side; side² in all.")
    spacing: float = Field(2.0, gt=0)
    std: float = Field(0.05, gt=0, description="Standard deviation of each Gaussian.")

    @property
    @override
    def class_count(self) -> int:
        return self.side**2

    @override
    def centres(self) -> Points:
        """See ``Gaussians.centres``."""
        import numpy as np

        middle = (self.side - 1) / 2
        ticks = (np.arange(self.side) - middle) * self.spacing
        x, y = np.meshgrid(ticks, ticks, indexing="ij")
        return np.stack([x.ravel(), y.ravel()], axis=1)


class SwissRoll(Toy):
    """A spiral sheet seen from its side, in two dimensions, scaled to about unit size."""

    kind: Literal["swiss-roll"] = "swiss-roll"
    std: float = Field(0.02, ge=0, description="Gaussian noise on the curve.")

    @property
    @override
    def class_count(self) -> int:
        return 0

    @override
    def points(self, rng: np.random.Generator) -> tuple[Points, Labels | None]:
        """See ``Toy.points``."""
        import numpy as np

        # The usual roll, angle 1.5π to 4.5π, divided by its largest radius.
        angle = 1.5 * np.pi * (1 + 2 * rng.random(self.examples))
        curve = np.stack([np.cos(angle), np.sin(angle)], axis=1) * angle[:, None]
        return curve / (4.5 * np.pi) + self.std * rng.standard_normal((self.examples, 2)), None


class Spirals(Toy, Labelled):
    """Interleaved spiral arms; the arm is the label."""

    kind: Literal["spirals"] = "spirals"
    arms: int = Field(2, ge=1, le=MOST_CLASSES)
    turns: float = Field(1.0, gt=0)
    std: float = Field(0.02, ge=0, description="Gaussian noise on the curve.")

    @property
    @override
    def class_count(self) -> int:
        return self.arms

    @override
    def points(self, rng: np.random.Generator) -> tuple[Points, Labels | None]:
        """See ``Toy.points``."""
        import numpy as np

        labels = rng.integers(self.arms, size=self.examples)
        # The square root spreads the points evenly over the disc.
        radius = np.sqrt(rng.random(self.examples))
        angle = 2 * np.pi * (self.turns * radius + labels / self.arms)
        curve = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
        return curve + self.std * rng.standard_normal((self.examples, 2)), labels


class TwoLines(Toy, Labelled):
    """Two parallel vertical segments, x = 0 and x = distance, y uniform in [0, 1]."""

    kind: Literal["two-lines"] = "two-lines"
    distance: float = Field(1.0)

    @property
    @override
    def class_count(self) -> int:
        return 2

    @override
    def points(self, rng: np.random.Generator) -> tuple[Points, Labels | None]:
        """See ``Toy.points``; the label is the line."""
        import numpy as np

        labels = rng.integers(2, size=self.examples)
        return np.stack([labels * self.distance, rng.random(self.examples)], axis=1), labels
