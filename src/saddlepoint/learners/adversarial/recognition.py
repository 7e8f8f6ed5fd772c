"""What reads codes off a critic's features: q(c | x) of every code."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from saddlepoint.learners.codes import Categorical, Code
from saddlepoint.networks.fields import Norm
from saddlepoint.networks.member_linear import linear
from saddlepoint.networks.norms import vector_norm
from saddlepoint.networks.precision import in_full_precision, widened

LEAK = 0.01  # of the authors' program; the paper's appendix says 0.1


class Recognition(nn.Module):
    """From features to q(c | x): a softmax for a categorical code, N(μ, σ²) for a continuous one.

    One hidden layer, then a linear map, which computes in float32 or finer. σ is ``floor`` and
    softplus of what the network says: without a floor log q has no bound. None: σ is 1, and
    log q(c | x) a squared error.

    Args:
        features: Numbers of a feature vector.
        codes: What is read, in the order of the latents' last columns.
        hidden: Units of the hidden layer; 0: none.
        norm: Behind it.
        floor: The least σ; None: σ = 1.
        members: Independent copies, None for one.
    """

    def __init__(
        self,
        features: int,
        codes: Sequence[Code],
        hidden: int,
        norm: Norm,
        floor: float | None,
        members: int | None,
    ) -> None:
        super().__init__()
        self.codes, self.floor = tuple(codes), floor
        layers: list[nn.Module] = []
        if hidden:
            layers = [linear(features, hidden, members), *vector_norm(norm, hidden, members)]
            layers.append(nn.LeakyReLU(LEAK))
        self.body = nn.Sequential(*layers)
        self.sizes = [self._size(code) for code in codes]
        self.head = linear(hidden or features, sum(self.sizes), members)

    def _size(self, code: Code) -> int:
        if isinstance(code, Categorical):
            return code.classes
        return 1 if self.floor is None else 2

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """The parameters of q by code: logits (..., K), or (..., 2) of μ and σ."""
        hidden = self.body(features)
        with in_full_precision(hidden.device.type):
            parts = self.head(widened(hidden)).split(self.sizes, -1)
        read: dict[str, Tensor] = {}
        for code, part in zip(self.codes, parts, strict=True):
            read[code.name] = part if isinstance(code, Categorical) else self._normal(part)
        return read

    def log_likelihoods(self, features: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """Log q(c | x) of each code, nats ([members,] batch).

        Args:
            features: Of the examples that were made ([members,] batch, features).
            latents: What they were made from ([members,] batch, columns), the codes last.
        """
        read = self(features)
        codes = latents[..., latents.shape[-1] - sum(code.width for code in self.codes) :]
        parts = widened(codes).split([code.width for code in self.codes], -1)
        each: dict[str, Tensor] = {}
        for code, part in zip(self.codes, parts, strict=True):
            q = read[code.name]
            if isinstance(code, Categorical):
                each[code.name] = (functional.log_softmax(q, -1) * part).sum(-1)
            else:
                mean, deviation = q.unbind(-1)
                error = (part.squeeze(-1) - mean) / deviation
                each[code.name] = -0.5 * (error.square() + math.log(2 * math.pi)) - deviation.log()
        return each

    def _normal(self, part: Tensor) -> Tensor:
        if self.floor is None:
            return torch.cat([part, torch.ones_like(part)], -1)
        mean, raw = part.unbind(-1)
        return torch.stack([mean, self.floor + functional.softplus(raw)], -1)
