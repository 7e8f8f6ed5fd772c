"""The short options of ``train``: those of every run and those of a recipe, and their parser."""

from __future__ import annotations

import argparse
import inspect
import re
import typing
from dataclasses import dataclass
from pathlib import Path

from saddlepoint import kind_words
from saddlepoint.data.kinds import built_in
from saddlepoint.description import Description, OneOf
from saddlepoint.errors import BadInput
from saddlepoint.recipes.registry import Recipe
from saddlepoint.run.training import Training
from saddlepoint.scores.declaration import VALIDATING

DEFAULT_PATIENCE = 10


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        raise BadInput(f"{message}. See `{self.prog} --help`.")


@dataclass(frozen=True)
class Short:
    """A short option of ``train``; parser, help and completion are all made from these.

    Attributes:
        name: Without the dashes.
        help: What it means.
        kind: The type of its value; bool: a switch.
        choices: The words that it may be, if these are few.
        metavar: What stands for the value in help.
        default: What holds without it, in words.
        checked: Whether the description says what is wrong with a word, instead of the parser.
        opposite: Of a switch: whether ``--no-...`` turns it off.
    """

    name: str
    help: str
    kind: type = str
    choices: tuple[str, ...] = ()
    metavar: str = "TEXT"
    default: str = ""
    checked: bool = False
    opposite: bool = False

    @property
    def key(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")

    @property
    def values(self) -> str:
        """What may follow it."""
        if self.kind is bool:
            return ""
        return "{" + ",".join(self.choices) + "}" if self.choices else self.metavar


def _choices(model: type[Description], field: str) -> tuple[str, ...]:
    return tuple(map(str, typing.get_args(model.model_fields[field].annotation)))


def common_options() -> tuple[Short, ...]:
    """The short options of every run, with the words that there are now."""
    dynamics = kind_words.slot_of(Training.model_fields["dynamics"])
    assert dynamics is not None
    return (
        Short(
            "data",
            f"built-in data ({', '.join(built_in())}), a folder or .zip of images, an .npz or .npy "
            "file",
            metavar="NAME|PATH",
            default="the recipe's",
        ),
        Short("out", "new run directory", Path, metavar="PATH", default="runs/NAME-N"),
        Short(
            "init",
            "run directory to start from: its weights, as far as they fit",
            Path,
            metavar="PATH",
            default="random weights",
        ),
        Short("seed", "seed of everything", int, metavar="INT"),
        Short(
            "seeds",
            "seeds to train: side by side where the networks stack, else a run each",
            int,
            metavar="INT",
        ),
        Short(
            "at-once",
            "of seeds with a run each: so many processes",
            int,
            metavar="INT",
            default="1",
        ),
        Short("steps", "training steps", int, metavar="INT"),
        Short(
            "minutes",
            "in the place of steps: as many as fit, by a short measurement",
            float,
            metavar="NUMBER",
        ),
        Short("batch-size", "examples per update", int, metavar="INT"),
        Short("device", "auto, cpu, cuda, cuda:1 or mps", metavar="DEVICE"),
        Short("precision", "how the networks compute", choices=_choices(Training, "precision")),
        Short("dynamics", "how the players move", choices=dynamics.words),
        Short(
            "validate",
            "score on the validation split with every checkpoint; the best is kept",
            choices=tuple(VALIDATING),
        ),
        Short(
            "stop-when",
            f"stop after so many validations ({DEFAULT_PATIENCE}) without a new best",
            metavar="plateau[:PATIENCE]",
            default="never",
        ),
        Short("strict", "refuse an image folder with files that are unreadable or no images", bool),
        Short("quiet", "show no progress", bool),
    )


#: Read by ``cli.py`` before everything else, for all commands.
IMPORT = Short(
    "import", "module or file with parts of your own; any number of times", metavar="MODULE|FILE.py"
)


def recipe_options(recipe: Recipe | None) -> tuple[Short, ...]:
    """The options that belong to this recipe alone: its keyword parameters."""
    if recipe is None:
        return ()
    parameters = inspect.signature(recipe, eval_str=True).parameters
    meanings = dict(re.findall(r"^\s*(\w+): (.+)$", inspect.cleandoc(recipe.__doc__ or ""), re.M))
    return tuple(
        _of_parameter(name, parameter, meanings.get(name, "").replace("``", ""))
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    )


def _of_parameter(name: str, parameter: inspect.Parameter, meaning: str) -> Short:
    """A recipe's keyword parameter (a number, a string, a switch or a choice) as an option."""
    kind = parameter.annotation
    choices: tuple[str, ...] = ()
    checked = False
    if typing.get_origin(kind) is typing.Annotated:
        one_of = [each for each in kind.__metadata__ if isinstance(each, OneOf)]
        choices = one_of[0].words if one_of else ()
        kind, checked = typing.get_args(kind)[0], True
    if typing.get_origin(kind) is typing.Literal:
        choices = tuple(map(str, typing.get_args(kind)))
        kind = type(typing.get_args(kind)[0])
    metavar = {int: "INT", float: "NUMBER"}.get(kind, "TEXT")
    default = parameter.default
    default = ("on" if default else "off") if kind is bool else str(default)
    return Short(
        name.replace("_", "-"), meaning, kind, choices, metavar, default, checked, kind is bool
    )


def common_parser(prog: str, recipe: Recipe | None) -> argparse.ArgumentParser:
    """The parser of the short options: those of every run and those of the recipe itself."""
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    for option in common_options():
        if option.kind is bool:
            parser.add_argument(f"--{option.name}", action="store_true")
        else:
            _add(parser, option)
    for option in recipe_options(recipe):
        if option.kind is bool:
            name = f"--{option.name}"
            # the word is not needed: --pearson is --pearson true
            parser.add_argument(name, type=_truth, nargs="?", const=True, metavar="true|false")
            parser.add_argument(f"--no-{option.name}", action="store_false", dest=option.key)
            parser.set_defaults(**{option.key: None})
        else:
            _add(parser, option)
    return parser


def _add(parser: argparse.ArgumentParser, option: Short) -> None:
    choices = [option.kind(word) for word in option.choices if not option.checked] or None
    parser.add_argument(f"--{option.name}", type=option.kind, choices=choices)


def _truth(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"'{word}' is neither true nor false")
    return word.lower() == "true"
