"""From words on the command line to values: tyro parses, mistakes become one sentence."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tyro
from pydantic import ValidationError
from tyro.conf import AvoidSubcommands

from saddlepoint import flags, kind_words
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.description import Description, explain
from saddlepoint.errors import PROG, BadInput, did_you_mean, did_you_mean_place
from saddlepoint.recipes import RECIPES, find
from saddlepoint.recipes.registry import Recipe
from saddlepoint.run.description import GROUP, NAME, Run, read_run
from saddlepoint.run.init import Init
from saddlepoint.run.training import Validation
from saddlepoint.short_options import (
    DEFAULT_PATIENCE,
    common_options,
    common_parser,
    recipe_options,
)

IMAGE = "image"  # the recipe of images alone
STARTS = "a folder or .zip of images, an .npz or .npy file, a recipe or a run.json"
MOST_NAMED = 3  # recipes that are listed as having an option
Described = TypeVar("Described", bound=Description)


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
    def read(*args: object, **options: object) -> Callable[[], None]:
        return functools.partial(function, *args, **options)

    parse(read, words, prog)()


def _sentence(box: str, prog: str) -> str:
    """The message inside a framed error, and the option that it suggests, in one line."""
    lines = [re.sub(r"[│╭╮╰╯]", "", line).strip() for line in box.splitlines()]
    lines = [line for line in lines if line]
    if lines and lines[0].endswith("─"):
        lines = lines[1:]
    elif len(lines) > 1 and set(lines[1]) == {"-"}:  # where the terminal has no frames
        lines = lines[2:]
    rules = [i for i, line in enumerate(lines) if set(line) in ({"─"}, {"-"})] or [len(lines)]
    said = " ".join(lines[: rules[0]]).strip() or "these options cannot be read"
    hint = ""
    for before, line in itertools.pairwise(lines):
        if before.startswith("Perhaps you meant"):
            hint = f" Did you mean {line.split()[0]}?"
    # pydantic's own wording, told without its apparatus
    said = re.sub(r"\d+ validation errors? for \w+ ", "", said)
    said = re.sub(r"Error parsing (\S+): (\S+) (?=Value error|Input )", r"\1.\2: ", said)
    said = re.sub(
        r"Error parsing (\S+): no type matching (?:\{None\}\|)?(.+?) could be instantiated from "
        r"\[(.*?)\]\. Got errors: .*",
        r"\1 \3: it should be \2",
        said,
    )
    said = re.sub(r"Error parsing (--\S+): ", r"\1: ", said)
    said = re.sub(
        r"invalid literal for int\(\) with base 10: ('.*?')", r"\1 is no whole number", said
    )
    said = said.replace("Value error, ", "").replace(": Input should", ": it should")
    said = re.sub(r" \[type=.*?\]( For further information visit \S+)?", "", said)
    said = re.sub(r"^Error parsing (\S+): (\w+) Value error, ", r"--\1.\2: ", said)
    said = re.sub(r"^Error parsing (\S+): ", r"--\1: ", said)  # of several fields together
    return f"{said.rstrip('.')}.{hint} See `{prog} --help`."


@dataclass(frozen=True)
class Start:
    """What ``train`` was pointed at: a recipe, the file of a description, or images.

    Attributes:
        recipe: The recipe; None for a description.
        path: What was written.
        images: Whether it is a folder of images, or a file of them, for the recipe ``image``.
    """

    recipe: Recipe | None
    path: Path
    images: bool = False


def start_of(target: str) -> Start:
    """Read the first word after ``train``.

    Names of recipes come first, then what exists: a description, or images.

    Raises:
        BadInput: Neither a recipe nor anything that exists.
    """
    if target.startswith("-"):
        raise BadInput(f"name a recipe or a run.json before the options, and not '{target}'.")
    path = Path(target)
    if target.replace("_", "-") in RECIPES:
        return Start(find(target), path)
    if not path.exists():
        if "/" in target or target.endswith(".json"):
            raise BadInput(f"{path} does not exist: name {STARTS}.")
        folders = [each.name for each in Path().iterdir() if each.is_dir()]
        raise BadInput(
            f"'{target}' is not a recipe (`{PROG} recipes` lists them), and nothing here is called "
            f"so.{did_you_mean(target, [*RECIPES, *folders])} Name {STARTS}."
        )
    if path.is_dir():
        for name in (GROUP, NAME):
            if (path / name).is_file():
                return Start(None, path / name)
        return Start(find(IMAGE), path, images=True)
    if path.suffix.lower() in (".zip", ".npz", ".npy"):
        return Start(find(IMAGE), path, images=True)
    if path.suffix.lower() != ".json":
        raise BadInput(f"{path} is neither images nor a description: name {STARTS}.")
    return Start(None, path)


def described(start: Start, words: Sequence[str], prog: str) -> tuple[Run, argparse.Namespace]:
    """The run that ``saddlepoint train TARGET WORDS`` describes, and the common options.

    What a recipe whose options are planned leaves open has the recipe's own values here.

    Raises:
        BadInput: An option or value that does not exist or fit, with what it should be.
    """
    common, dotted = common_parser(prog, start.recipe).parse_known_args(list(words))
    return with_words(_describe(start, common), dotted, prog, start.recipe), common


def with_words(run: Run, words: Sequence[str], prog: str, recipe: Recipe | None = None) -> Run:
    """The run with options that go by their place in the description.

    Raises:
        BadInput: An option or value that does not exist or fit, with what it should be.
    """
    run, left = kind_words.chosen(run, words)
    listed = [flag for group in flags.groups(run) for flag in group.flags]
    known = {path for flag in listed if not flag.part for path in flag.paths}
    for option in left:
        if option.path not in known:
            raise BadInput(
                f"'{option.name}' is not an option of `{prog}`."
                f"{_instead(option, run, listed, recipe)} See `{prog} --help --all`."
            )
    if words:
        rest = [word for option in left for word in option.words]
        run = parse(AvoidSubcommands[Run], rest, prog, default=run)
    return run


def _instead(
    option: kind_words.Option, run: Run, listed: Sequence[flags.Flag], recipe: Recipe | None
) -> str:
    """What to write in the place of an unknown option."""
    name = option.name
    for flag in listed:
        if flag.part and flag.many and option.path.startswith(f"{flag.path}."):
            first = option.path.removeprefix(f"{flag.path}.").split(".")[0]
            if not any(each.path.startswith(f"{flag.path}.{first}.") for each in listed):
                return (
                    f" The list has no member '{first}', it is now: {' '.join(flag.words)}. Its "
                    f"members are chosen with {flag.name} {flag.values}."
                )
    kinds = kind_words.kinds_with(run, option)
    if kinds:
        place = name.rpartition(".")[0]
        return f" It belongs to another kind: {place} {' or '.join(kinds)}."
    short = [f"--{each.name}" for each in (*common_options(), *recipe_options(recipe))]
    elsewhere = [
        other
        for other, function in RECIPES.items()
        if name.removeprefix("--") in [each.name for each in recipe_options(function)]
    ]
    if len(elsewhere) > MOST_NAMED:
        elsewhere = [elsewhere[0], f"others, see `{PROG} recipes`"]
    belongs = f" It is an option of the recipe {' and of '.join(elsewhere)}." * bool(elsewhere)
    return did_you_mean_place(name, [*short, *flags.names(run)]) or belongs


def described_so_far(start: Start, words: Sequence[str], prog: str) -> Run:
    """The run that the short options and the words for parts describe, for its help."""
    common, dotted = common_parser(prog, start.recipe).parse_known_args(list(words))
    return kind_words.chosen(_describe(start, common), dotted)[0]


def _describe(start: Start, common: argparse.Namespace) -> Run:
    """The description before dotted options: a recipe's or a file's, with the short options."""
    names = ("seed", "steps", "batch_size", "device", "precision")
    given = {n: getattr(common, n) for n in names if getattr(common, n) is not None}
    if start.recipe is not None:
        of_recipe = {o.key: getattr(common, o.key) for o in recipe_options(start.recipe)}
        given |= {n: value for n, value in of_recipe.items() if value is not None}
        if start.images and common.data is not None:
            raise BadInput(f"{start.path} and --data {common.data} both name data: give one.")
        data = start.path if start.images else common.data
        run = start.recipe(*([data] if data else []), **given)
    else:
        run = read_run(start.path)
        changes: dict[str, object] = {}
        if "seed" in given:
            changes["seed"] = given.pop("seed")
        if common.data is not None:
            changes["data"] = describe_data(common.data)
        run = replaced(run, changes | {"training": replaced(run.training, given)})
    if common.init is not None:
        run = replaced(run, {"init": Init(run=common.init.expanduser().absolute())})
    if common.seeds is not None:
        run = replaced(run, {"seeds": common.seeds})
    if common.dynamics is not None:
        run = kind_words.chosen(run, ["--training.dynamics", common.dynamics])[0]
    validation = run.training.validation
    if common.validate == "none":
        validation = Validation()  # what a score would have used goes with it
    elif common.validate is not None:
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
    match = re.fullmatch(r"plateau(?::([1-9]\d*))?", word)
    if match is None:
        raise BadInput(
            f"--stop-when '{word}': use plateau, or plateau:N for N validations without a new best."
        )
    return int(match.group(1) or DEFAULT_PATIENCE)


def replaced(description: Described, changes: dict[str, object]) -> Described:
    """``description.replace`` whose validation errors are ``BadInput`` sentences."""
    try:
        return description.replace(**changes)
    except ValidationError as error:
        raise BadInput(explain(error, type(description))) from None
