"""An experiment from its start to its files: options, bench, findings, tables, pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from saddlepoint import drawing
from saddlepoint.errors import BadInput
from saddlepoint.lab import tables
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import Experiment
from saddlepoint.lab.findings import Findings
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.outputs import replace_output
from saddlepoint.run.description import MOST_SEEDS

TABLES = ("table.md", "table.csv", "table.tex", tables.RESULT)


def carry_out(
    experiment: Experiment,
    out: Path,
    options: LabOptions = LabOptions(),  # noqa: B008 - frozen
) -> Findings:
    """Do an experiment and write its tables, pictures and ``result.json``.

    Args:
        experiment: One of ``EXPERIMENTS``.
        out: Its folder; done again, it goes on with what is missing there.
        options: How it is done.

    Raises:
        BadInput: An option does not fit, or the folder holds something else.
        RunStopped: The folder cannot be written.
    """
    minutes, seeds, only, at_once = options.minutes, options.seeds, options.only, options.at_once
    budget = experiment.fast if options.fast else experiment.full
    if budget.minutes is None:
        training_alone = {"--minutes": minutes, "--only": only, "--at-once": at_once}
        for option, value in training_alone.items():
            if value is not None:
                raise BadInput(f"{option} is for trainings, and {experiment.name} trains nothing.")
    if options.whole and not experiment.whole:
        raise BadInput(f"{experiment.name} has no longer form: leave out --whole.")
    if at_once is not None and at_once < 1:
        raise BadInput(f"--at-once {at_once}: at least one training must run.")
    if seeds is not None and not 1 <= seeds <= MOST_SEEDS:
        raise BadInput(f"--seeds {seeds}: use 1 to {MOST_SEEDS}.")
    if minutes is not None and not 0 < minutes < math.inf:
        raise BadInput(f"--minutes {minutes}: use a number above 0.")
    bench = Bench(
        experiment=experiment.name,
        out=out,
        budget=Budget(
            seeds=budget.seeds if seeds is None else seeds,
            minutes=budget.minutes if minutes is None else minutes,
        ),
        whole=options.whole,
        only=only,
        at_once=at_once or 2,
        files=(*TABLES, *(f"{name}.png" for name in experiment.pictures)),
    )
    findings = experiment.function(bench)
    assert set(findings.pictures) == set(experiment.pictures), "pictures are declared"
    bench.open()
    _write(bench, findings, options.fast)
    return findings


def _write(bench: Bench, findings: Findings, fast: bool) -> None:
    about = {
        "experiment": bench.experiment,
        "settings": _settings(bench, fast),
        "seeds": list(range(bench.budget.seeds)),
        **_machine(bench),
    }
    texts = {
        "table.md": tables.markdown(findings, _protocol(bench)),
        "table.csv": tables.csv_text(findings),
        "table.tex": tables.latex(findings),
        tables.RESULT: tables.result_text(findings, about),
    }
    for name, text in texts.items():
        replace_output(bench.out / name, text.encode())
    for name, picture in findings.pictures.items():
        replace_output(bench.out / f"{name}.png", drawing.png(picture))


def _settings(bench: Bench, fast: bool) -> dict[str, Any]:
    return {
        "minutes": bench.budget.minutes,
        "whole": bench.whole,
        "only": bench.only,
        "fast": fast,
    }


def _machine(bench: Bench) -> dict[str, Any]:
    import torch

    from saddlepoint.training.device import processor
    from saddlepoint.training.run_directory import versions

    cpu = torch.device("cpu")
    places = sorted(bench.devices) or [("cpu", processor(cpu))]
    return {
        "device": ", ".join(dict.fromkeys(device for device, _ in places)),
        "processor": ", ".join(dict.fromkeys(model for _, model in places)),
        "versions": versions(),
    }


def _protocol(bench: Bench) -> str:
    seeds, minutes = bench.budget.seeds, bench.budget.minutes
    budget = "" if minutes is None else f", {minutes:.3g} minutes of one core a training"
    return f"{seeds} seed(s){budget}; means ± standard deviations over seeds."
