"""An experiment from its start to its files: options, bench, findings, tables, pictures."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from saddlepoint import drawing
from saddlepoint.drawing import Drawing
from saddlepoint.drawing.panels import Theme
from saddlepoint.errors import BadInput
from saddlepoint.lab import tables, write_up
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import Experiment
from saddlepoint.lab.findings import Findings
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.outputs import replace_output
from saddlepoint.run.description import MOST_SEEDS

PALETTE = 256  # colours of a figure's PNG, so that pages and results stay small
TABLES = (write_up.NAME, write_up.HTML, "table.csv", "table.tex", tables.RESULT)


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
    if not experiment.trains:
        training_alone = {"--minutes": minutes, "--only": only, "--at-once": at_once}
        for option, value in training_alone.items():
            if value is not None:
                raise BadInput(f"{option} is for trainings, and {experiment.name} trains nothing.")
    if minutes is not None and budget.minutes is None:
        raise BadInput(
            f"--minutes: the trainings of {experiment.name} have a number of steps, not a time."
        )
    if options.seed < 0:
        raise BadInput(f"--seed {options.seed}: use 0 or more.")
    if options.data is not None and not experiment.data:
        raise BadInput(f"{experiment.name} has data of its own: leave out --data.")
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
            steps=budget.steps,
            seconds=budget.seconds,
        ),
        seed=options.seed,
        fast=options.fast,
        whole=options.whole,
        data=options.data,
        only=only,
        at_once=at_once or 2,
        files=(*TABLES, *drawn_files(experiment, options)),
    )
    if budget.seconds is not None and budget.minutes is None:
        print(f"{experiment.name}: {takes(budget.seconds)} on two free cores.", flush=True)
    start = time.perf_counter()
    findings = experiment.function(bench)
    assert set(findings.pictures) == set(experiment.pictures), "pictures are declared"
    bench.open()
    about = {
        "experiment": experiment.name,
        "question": experiment.question,
        "method": list(experiment.method),
        "settings": _settings(bench, options),
        "seeds": list(bench.seeds),
        "took": None if experiment.trains else time.perf_counter() - start,
        **_machine(bench),
    }
    _write(bench, findings, about, options)
    return findings


def drawn_files(experiment: Experiment, options: LabOptions) -> list[str]:
    """Names of the pictures that an experiment writes."""
    endings = (".png", ".svg") if options.svg else (".png",)
    return [f"{name}{ending}" for name in experiment.pictures for ending in endings]


def takes(seconds: float) -> str:
    """How long something takes, in words."""
    from saddlepoint.training.progress import duration

    return "some seconds" if seconds < 10 else f"about {duration(math.ceil(seconds))}"


def _write(bench: Bench, findings: Findings, about: dict[str, Any], options: LabOptions) -> None:
    theme: Theme = "dark" if options.dark else "light"
    pictures: dict[str, bytes] = {}
    for name, picture in findings.pictures.items():
        if isinstance(picture, Drawing):
            pictures[f"{name}.png"] = drawing.png(picture.picture(theme), PALETTE)
            if options.svg:
                replace_output(bench.out / f"{name}.svg", picture.svg(theme))
        else:
            pictures[f"{name}.png"] = drawing.png(picture)
    texts = {
        write_up.NAME: write_up.markdown(findings, about, list(pictures)),
        write_up.HTML: write_up.html(findings, about, pictures),
        "table.csv": tables.csv_text(findings),
        "table.tex": tables.latex(findings),
        tables.RESULT: tables.result_text(findings, about),
    }
    for name, text in texts.items():
        replace_output(bench.out / name, text.encode())
    for name, content in pictures.items():
        replace_output(bench.out / name, content)


def _settings(bench: Bench, options: LabOptions) -> dict[str, Any]:
    return {
        "minutes": bench.budget.minutes,
        "steps": bench.budget.steps,
        "whole": bench.whole,
        "only": bench.only,
        "fast": options.fast,
        "given": {
            "minutes": options.minutes,
            "seeds": options.seeds,
            "seed": options.seed or None,
            "only": options.only,
            # a path says where something lay, not what it was
            **({} if options.data is None else {"data": Path(options.data).name}),
        },
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
