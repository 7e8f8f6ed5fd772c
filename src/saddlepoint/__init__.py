"""saddlepoint: train, evaluate and understand deep generative models.

Importing the package does not import torch; the functions below do so when they are called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saddlepoint.version import VERSION as __version__

if TYPE_CHECKING:
    from saddlepoint import recipes
    from saddlepoint.data.describing import describe_data
    from saddlepoint.errors import BadInput, Interrupted, RunStopped, SaddlepointError
    from saddlepoint.evaluation.compare import compare
    from saddlepoint.evaluation.comparison import Comparison
    from saddlepoint.evaluation.evaluate import evaluate
    from saddlepoint.evaluation.result import Evaluation
    from saddlepoint.planning.plan import Plan, plan
    from saddlepoint.report.page import build_report
    from saddlepoint.run.description import Run, read_run
    from saddlepoint.run.own_parts import import_parts
    from saddlepoint.sweeping.sweep import sweep
    from saddlepoint.sweeping.swept import Sweep
    from saddlepoint.training.groups import resume, train
    from saddlepoint.training.stepwise import State, steps
    from saddlepoint.training.trained import Trained, load
    from saddlepoint.training.trainer import Result

_HOMES = {
    "BadInput": "errors",
    "Interrupted": "errors",
    "RunStopped": "errors",
    "SaddlepointError": "errors",
    "describe_data": "data.describing",
    "Run": "run.description",
    "read_run": "run.description",
    "import_parts": "run.own_parts",
    "Result": "training.trainer",
    "steps": "training.stepwise",
    "State": "training.stepwise",
    "sweep": "sweeping.sweep",
    "Sweep": "sweeping.swept",
    "train": "training.groups",
    "resume": "training.groups",
    "Trained": "training.trained",
    "load": "training.trained",
    "plan": "planning.plan",
    "Plan": "planning.plan",
    "build_report": "report.page",
    "evaluate": "evaluation.evaluate",
    "Evaluation": "evaluation.result",
    "compare": "evaluation.compare",
    "Comparison": "evaluation.comparison",
}

__all__ = [
    "BadInput",
    "Comparison",
    "Evaluation",
    "Interrupted",
    "Plan",
    "Result",
    "Run",
    "RunStopped",
    "SaddlepointError",
    "State",
    "Sweep",
    "Trained",
    "__version__",
    "build_report",
    "compare",
    "describe_data",
    "evaluate",
    "import_parts",
    "load",
    "plan",
    "read_run",
    "recipes",
    "resume",
    "steps",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "recipes":
        return import_module("saddlepoint.recipes")
    if name in _HOMES:
        return getattr(import_module(f"saddlepoint.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'saddlepoint' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
