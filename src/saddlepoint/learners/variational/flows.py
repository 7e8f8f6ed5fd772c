"""Flows that bend the encoder's normal distribution, by the library zuko (an extra)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.precision import in_full_precision, widened

FlowKind = Literal["none", "autoregressive", "spline"]
HIDDEN = (64, 64)


class PosteriorFlow(nn.Module):
    """z = g(z₀ | h) for z₀ from the encoder's normal distribution, h the encoder's features.

    Autoregressive transformations in the direction in which all numbers are computed at once, so
    that drawing is fast: an inverse autoregressive flow, affine or of splines.

    Papers: Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, 2016;
    Durkan et al., Neural Spline Flows, 2019.
    """

    def __init__(self, kind: FlowKind, layers: int, latent: int, features: int) -> None:
        """Build it with weights from PyTorch's present random state.

        Raises:
            BadInput: zuko is not installed.
        """
        super().__init__()
        try:
            import zuko
        except ImportError as error:
            raise BadInput(
                f"--learner.flow {kind} needs zuko, which is not installed: "
                '`pip install "saddlepoint[flows]"`, or leave --learner.flow at none.'
            ) from error
        family = zuko.flows.MAF if kind == "autoregressive" else zuko.flows.NSF
        flow = family(latent, features, transforms=layers, hidden_features=HIDDEN)
        self.transform = flow.transform

    def forward(self, start: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Z (..., batch, latent) and log |det ∂z/∂z₀| (..., batch), in float32.

        Args:
            start: z₀, (..., batch, latent).
            features: h, (batch, features).
        """
        with in_full_precision(start.device.type):
            z, log_determinant = self.transform(widened(features)).call_and_ladj(start)
        return z, log_determinant
