"""The model families that a run can name (torch-free on import)."""

from __future__ import annotations

from typing import Annotated

from saddlepoint.description import one_of
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.family import Family
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.learners.semisupervised.description import M1M2, M2
from saddlepoint.learners.variational.description import Variational

FAMILIES: list[type[Family]] = [Adversarial, Laplacian, Variational, M2, M1M2]
AnyFamily = Annotated[Family, one_of(FAMILIES)]
