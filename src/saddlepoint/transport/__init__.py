"""Optimal transport between finite sets of masses: exact with a certificate, or approximate.

`earth_mover` is the way in; `linear_programme` gives the lecture's c, A and b.
"""

from saddlepoint.transport.approximations import (
    SinkhornApproximation,
    SlicedApproximation,
    sinkhorn_approximation,
    sliced_approximation,
)
from saddlepoint.transport.certificate import Certificate
from saddlepoint.transport.earth_mover import earth_mover
from saddlepoint.transport.line import line_distance, line_transport
from saddlepoint.transport.programme import LinearProgramme, linear_programme
from saddlepoint.transport.solution import Transport

__all__ = [
    "Certificate",
    "LinearProgramme",
    "SinkhornApproximation",
    "SlicedApproximation",
    "Transport",
    "earth_mover",
    "line_distance",
    "line_transport",
    "linear_programme",
    "sinkhorn_approximation",
    "sliced_approximation",
]
