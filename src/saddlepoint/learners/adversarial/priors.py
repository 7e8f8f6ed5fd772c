"""Priors: what latents are drawn from (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.description import Part, one_of
from saddlepoint.learners.codes import Categorical, Code, Continuous

if TYPE_CHECKING:
    from torch import Tensor


class Prior(Part):
    """The distribution of latents, made from standard normal numbers.

    Attributes:
        equation: The distribution, as a reader would write it.
    """

    equation: ClassVar[str]

    def columns(self, latent: int) -> tuple[str, ...]:
        """What the numbers of a latent vector are called; ``latent`` of them are noise."""
        return tuple(f"z{index}" for index in range(latent))

    @property
    def codes(self) -> tuple[Code, ...]:
        """Columns that mean something, in their order behind the noise; most priors have none."""
        return ()

    @abstractmethod
    def of(self, normal: Tensor) -> Tensor:
        """Draws of the prior, one for each row of standard normal numbers (..., columns)."""


class Normal(Prior):
    """Independent standard normal numbers."""

    equation = "z ~ N(0, 1)"

    kind: Literal["normal"] = "normal"

    @override
    def of(self, normal: Tensor) -> Tensor:
        return normal


class Uniform(Prior):
    """Independent uniform numbers: z = 2Φ(n) − 1, since Φ maps N(0, 1) to U(0, 1)."""

    equation = "z ~ U(−1, 1)"

    kind: Literal["uniform"] = "uniform"

    @override
    def of(self, normal: Tensor) -> Tensor:
        import torch

        return 2 * torch.special.ndtr(normal) - 1


class Coded(Prior):
    """Noise, and codes behind it that a recogniser is to read off the fakes.

    Without noise (latent 0) and with one categorical code, z is discrete and uniform.
    """

    conduct = frozenset({"names"})

    equation = "z = (noise, c₁, …, c_k), c categorical, U(−1, 1) or N(0, 1), all independent"

    kind: Literal["coded"] = "coded"
    noise: Literal["normal", "uniform"] = Field("normal", description="What noise is drawn from.")
    categorical: tuple[int, ...] = Field(
        (10,), description="Numbers of classes, one for each categorical code."
    )
    uniform: int = Field(0, ge=0, description="Codes from U(−1, 1).")
    gaussian: int = Field(0, ge=0, description="Codes from N(0, 1).")
    names: tuple[str, ...] = Field(
        (),
        description="Names of the codes, categorical ones first, then uniform, then Gaussian; by "
        "default c1, c2 and so on.",
    )

    @model_validator(mode="after")
    def _codes_are_named(self) -> Coded:
        few = next((k for k in self.categorical if k < 2), None)
        if few is not None:
            raise ValueError(f"categorical: a code of {few} classes says nothing: use 2 or more.")
        count = len(self.categorical) + self.uniform + self.gaussian
        if not count:
            raise ValueError(
                "a coded prior needs a code: give categorical, uniform or gaussian, or use the "
                "prior normal."
            )
        if self.names and len(self.names) != count:
            raise ValueError(
                f"names: there are {len(self.names)} names and {count} codes: give one to each, or "
                "none."
            )
        names = [code.name for code in self.codes]
        for name in names:
            if names.count(name) > 1 or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(
                    f"names: '{name}' should be a word of letters, digits, - and _, and stand "
                    "there once."
                )
        return self

    @property
    @override
    def codes(self) -> tuple[Code, ...]:
        count = len(self.categorical) + self.uniform + self.gaussian
        names = self.names or tuple(f"c{number}" for number in range(1, count + 1))
        discrete = len(self.categorical)
        chosen: list[Code] = [
            Categorical(name, classes)
            for name, classes in zip(names, self.categorical, strict=False)
        ]
        kinds = [True] * self.uniform + [False] * self.gaussian
        chosen += [
            Continuous(name, uniform) for name, uniform in zip(names[discrete:], kinds, strict=True)
        ]
        return tuple(chosen)

    @override
    def columns(self, latent: int) -> tuple[str, ...]:
        return (*super().columns(latent), *(c for code in self.codes for c in code.columns))

    @override
    def of(self, normal: Tensor) -> Tensor:
        import torch

        widths = [code.width for code in self.codes]
        noise, *parts = normal.split([normal.shape[-1] - sum(widths), *widths], -1)
        drawn = Uniform().of(noise) if self.noise == "uniform" else noise
        codes = [code.of(part) for code, part in zip(self.codes, parts, strict=True)]
        return torch.cat([drawn, *codes], -1)


PRIORS: list[type[Prior]] = [Normal, Uniform, Coded]
AnyPrior = Annotated[Prior, one_of(PRIORS)]
