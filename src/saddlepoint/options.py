"""From words on the command line to values: tyro parses, mistakes become one sentence."""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import io
import itertools
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from pydantic import ValidationError
from tyro.conf import AvoidSubcommands

from saddlepoint.data.description import Folder, describe_data
from saddlepoint.description import Description, explain
from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.games.dynamics import DYNAMICS
from saddlepoint.recipes import RECIPES, find
from saddlepoint.recipes.registry import Recipe
from saddlepoint.run import Run, read_run
from saddlepoint.training.description import Validation

DEFAULT_PATIENCE = 10


def parse(target: Any, words: Sequence[str], prog: str, **settings: Any) -> Any:
    """Let tyro call ``target`` with ``words``; help is printed as usual.

    Raises:
        BadInput: What tyro has to say about a mistake, in one sentence.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(target, args=list(words), prog=prog, **settings)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise BadInput(_sentence(complaint.getvalue(), prog)) from None
    except ValidationError as error:
        raise BadInput(explain(error)) from None


def call(function: Callable[..., None], words: Sequence[str], prog: str) -> None:
    """Read ``words`` as the arguments of ``function``, then call it, its output untouched."""

    @functools.wraps(function)
    def read(*args: Any, **options: Any) -> Callable[[], None]:
        return functools.partial(function, *args, **options)

    parse(read, words, prog)()


def _sentence(box: str, prog: str) -> str:
    """The message inside a framed error, and the option that it suggests, in one line."""
    lines = [re.sub(r"[│╭╮╰╯]", "", line).strip() for line in box.splitlines()]
    lines = [line for line in lines if line]
    if lines and lines[0].endswith("─"):
        lines = lines[1:]
    rules = [i for i, line in enumerate(lines) if set(line) == {"─"}] or [len(lines)]
    said = " ".join(lines[: rules[0]]).strip() or "these options cannot be read"
    hint = ""
    for before, line in itertools.pairwise(lines):
        if before.startswith("Perhaps you meant"):
            hint = f" Did you mean {line.split()[0]}?"
    # pydantic's own wording, told without its apparatus
    said = re.sub(r"\d+ validation errors? for \w+ ", "", said)
    said = re.sub(r" \[type=.*?\]( For further information visit \S+)?", "", said)
    return f"{said.rstrip('.')}.{hint} See `{prog} --help`."


def known_flags(description: Description, prefix: str = "") -> list[str]:
    """The dotted options of a description as it stands: ``--training.log-every`` and so on."""
    found = []
    for name in type(description).model_fields:
        value = getattr(description, name)
        dotted = f"{prefix}{name.replace('_', '-')}"
        if isinstance(value, Description):
            found += known_flags(value, f"{dotted}.")
        elif isinstance(value, tuple) and any(isinstance(v, Description) for v in value):
            for index, each in enumerate(value):
                found += known_flags(each, f"{dotted}.{index}.")
        else:
            found.append(f"--{dotted}")
    return found


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        raise BadInput(f"{message}. See `{self.prog} --help`.")


def common_parser(prog: str, recipe: Recipe | None) -> argparse.ArgumentParser:
    """The short options of ``train``: those of every run and those of the recipe itself."""
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    common = parser.add_argument_group("common options")
    common.add_argument(
        "--data",
        help="built-in data set, folder of images, or .npz / .npy file (default: digits)",
    )
    common.add_argument("--out", type=Path, help="new run directory (default: runs/NAME-N)")
    common.add_argument("--seed", type=int, help="seed of everything (default: 0)")
    common.add_argument("--steps", type=int, help="training steps")
    common.add_argument("--batch-size", type=int, help="examples per update (default: 128)")
    common.add_argument("--device", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    common.add_argument("--precision", help="auto, float32 or bfloat16 (default: auto)")
    common.add_argument(
        "--dynamics", choices=list(DYNAMICS), help="how the players move (default: alternating)"
    )
    common.add_argument(
        "--validate",
        choices=typing.get_args(Validation.model_fields["score"].annotation),
        help="score on the validation split with every checkpoint; the best is kept",
    )
    common.add_argument(
        "--stop-when",
        metavar="plateau[:PATIENCE]",
        help="stop after so many validations (default: 10) without a new best",
    )
    common.add_argument(
        "--strict", action="store_true", help="refuse an image folder with unreadable files"
    )
    common.add_argument("--quiet", action="store_true", help="show no progress")
    if recipe is not None:
        own = parser.add_argument_group("options of this recipe")
        for name, parameter in recipe_options(recipe).items():
            add_option(own, name, parameter)
    return parser


def recipe_options(recipe: Recipe) -> dict[str, inspect.Parameter]:
    """The keyword parameters that belong to this recipe alone."""
    parameters = inspect.signature(recipe, eval_str=True).parameters
    return {n: p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def add_option(group: Any, name: str, parameter: inspect.Parameter) -> None:
    """Add a recipe's keyword parameter (a number, a string or a choice) as an option."""
    kind = parameter.annotation
    choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else None
    group.add_argument(
        f"--{name.replace('_', '-')}",
        type=type(choices[0]) if choices else kind,
        choices=choices,
        help=f"(default: {parameter.default})",
    )


@dataclass(frozen=True)
class Start:
    """What ``train`` was pointed at: a recipe, or the file of a description."""

    recipe: Recipe | None
    path: Path


def start_of(target: str) -> Start:
    """Read the first word after ``train``.

    Raises:
        BadInput: Neither a recipe nor a file.
    """
    if target.startswith("-"):
        raise BadInput(f"name a recipe or a run.json before the options, and not '{target}'.")
    path = Path(target)
    if target in RECIPES or not (target.endswith(".json") or path.exists()):
        return Start(find(target), path)
    return Start(None, path / "run.json" if path.is_dir() else path)


def print_train_help(start: Start, words: Sequence[str], prog: str) -> None:
    """Print every option of a run as described so far; --data decides which data options exist."""
    words = [word for word in words if word not in ("-h", "--help")]
    parser = common_parser(prog, start.recipe)
    common, _ = parser.parse_known_args(words)
    print(f"usage: {prog} [options]\n")
    if start.recipe is not None:
        print(inspect.cleandoc(start.recipe.__doc__ or "").splitlines()[0] + "\n")
    print(parser.format_help())
    print("Everything else by its place in the description:\n")
    with contextlib.suppress(SystemExit):
        parse(AvoidSubcommands[Run], ["--help"], prog, default=_describe(start, common))


def described(start: Start, words: Sequence[str], prog: str) -> tuple[Run, argparse.Namespace]:
    """The run that ``saddlepoint train TARGET WORDS`` describes, and the common options.

    Raises:
        BadInput: An option or value that does not exist or fit, with what it should be.
    """
    common, dotted = common_parser(prog, start.recipe).parse_known_args(list(words))
    run = _describe(start, common)
    flags = known_flags(run)
    short = [f"--{name.replace('_', '-')}" for name in vars(common)]
    for word in dotted:
        name = word.split("=", 1)[0]
        if word.startswith("--") and name.replace("_", "-") not in flags:
            raise BadInput(
                f"'{name}' is not an option of `{prog}`.{did_you_mean(name, [*flags, *short])} "
                f"See `{prog} --help`."
            )
    if dotted:
        run = parse(AvoidSubcommands[Run], dotted, prog, default=run)
    return run, common


def _describe(start: Start, common: argparse.Namespace) -> Run:
    """The description before dotted options: a recipe's or a file's, with the short options."""
    names = ("seed", "steps", "batch_size", "device", "precision")
    given = {n: getattr(common, n) for n in names if getattr(common, n) is not None}
    if start.recipe is not None:
        own = {n: getattr(common, n) for n in recipe_options(start.recipe)}
        given |= {n: value for n, value in own.items() if value is not None}
        run = start.recipe(common.data or "digits", **given)
    else:
        run = read_run(start.path)
        changes: dict[str, Any] = {}
        if "seed" in given:
            changes["seed"] = given.pop("seed")
        if common.data is not None:
            changes["data"] = describe_data(common.data)
        run = replaced(run, changes | {"training": replaced(run.training, given)})
    if common.dynamics is not None:
        training = replaced(run.training, {"dynamics": DYNAMICS[common.dynamics]()})
        run = replaced(run, {"training": training})
    validation = run.training.validation
    if common.validate is not None:
        validation = replaced(validation, {"score": common.validate})
    if common.stop_when is not None:
        patience = _patience(common.stop_when)
        score = "kernel" if validation.score == "none" else validation.score
        validation = replaced(validation, {"score": score, "patience": patience})
    run = replaced(run, {"training": replaced(run.training, {"validation": validation})})
    if common.strict:
        if not isinstance(run.data, Folder):
            raise BadInput("--strict is for image folders, and these data are none.")
        run = replaced(run, {"data": replaced(run.data, {"strict": True})})
    return run


def _patience(word: str) -> int:
    """The patience in ``plateau`` or ``plateau:N``."""
    found = re.fullmatch(r"plateau(?::([1-9]\d*))?", word)
    if found is None:
        raise BadInput(
            f"--stop-when '{word}': use plateau, or plateau:N for N validations without a new best."
        )
    return int(found.group(1) or DEFAULT_PATIENCE)


def replaced(description: Any, changes: dict[str, Any]) -> Any:
    """``description.replace`` whose validation errors are ``BadInput`` sentences."""
    try:
        return description.replace(**changes)
    except ValidationError as error:
        raise BadInput(explain(error, type(description))) from None
