"""Help, completion and what is suggested for mistyped options."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from kit.tiny import DISTINCT, tiny
from saddlepoint import flags
from saddlepoint.cli import dispatch, main
from saddlepoint.commands import COMMANDS
from saddlepoint.commands.sweep import names_of_options
from saddlepoint.description import Description, explain
from saddlepoint.errors import BadInput, did_you_mean_place
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.family import Family
from saddlepoint.options import described, start_of
from saddlepoint.recipes import RECIPES
from saddlepoint.recipes.registry import TWO_CORE
from saddlepoint.run.description import Run, read_run
from saddlepoint.schedules import forms
from saddlepoint.short_options import common_options, recipe_options


def said_by(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with contextlib.suppress(SystemExit):
        main(words)
    return capsys.readouterr().out


def refused(target: str, *words: str) -> str:
    with pytest.raises(BadInput) as error:
        described(start_of(target), words, f"saddlepoint train {target}")
    return str(error.value)


HELPS = [
    ["--help"],
    *([name, "--help"] for name in [*COMMANDS, "completion"]),
    *(["train", name, "--help"] for name in RECIPES),
    ["train", "dcgan", "--data", "/", "--dynamics", "consensus", "--help"],
]


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_is_short_at_80_columns(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = said_by(words, capsys).splitlines()
    # every part has a line with its words (of a pyramid the parts of two games), every recipe one
    most = 60
    if words[0] == "train":
        pyramid = words[1].removesuffix(TWO_CORE) in ("lapgan", "lapgan-r3")
        most = 134 if pyramid else 90 if len(words) > 2 else 125
    assert 4 <= len(lines) < most
    if words[0] == "train" and len(words) > 2:
        assert max(map(len, lines)) <= 80
        assert " ".join(lines).endswith("--help --all` lists every option with its choices.")


def test_help_of_sweep_has_its_options_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said_by(["sweep", "--help"], capsys).splitlines()
    assert max(map(len, lines)) <= 80
    shown = {line.split()[0] for line in lines if line.startswith("  --")}
    common = {"--seeds", "--at-once", "--out", "--quiet"}
    assert shown == {*names_of_options(), *common}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--pick", "random"], "invalid choice|choose from|pick"),
        (["--trials", "many"], "--trials"),
        (["--n", "1", "2"], "2"),
        (["--by", "kernel", "--by", "frechet"], "--by stands there twice"),
        (["--vary"], "--vary: name an option and its values"),
        (["--features"], "--features: a value is missing"),
        (["--features", "pixls"], "Did you mean 'pixels'"),
        (["--scores", "kernal"], "Did you mean 'kernel'"),
    ],
)
def test_mistakes_in_the_options_of_sweep(words: list[str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        dispatch(["sweep", "gan", "--vary", "learner.cost=game,unrolled", *words])


@pytest.mark.parametrize("name", RECIPES)
def test_short_help_has_the_short_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = said_by(["train", name, "--help"], capsys)
    for option in (*common_options(), *recipe_options(RECIPES[name])):
        assert f"--{option.name}" in said
        assert all(choice in said for choice in option.choices)
    run, _ = described(start_of(name), [], "test")
    assert f"training steps (default: {run.training.steps})" in said
    assert f"(default: {run.data.kind})" in said
    assert f"{sum(len(group.flags) for group in flags.groups(run))} options go by their" in said


@pytest.mark.parametrize("name", DISTINCT)
def test_short_help_has_the_words_of_every_part(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = " ".join(said_by(["train", name, "--help"], capsys).split())
    run, _ = described(start_of(name), [], "test")
    parts = [flag for group in flags.groups(run) for flag in group.flags if flag.part]
    assert len(parts) >= 5
    for flag in parts:
        short = flag.name.removeprefix("--training.")
        if short == "dynamics":  # has a short option above, with the same words
            assert f"--{short} {{{', '.join(flag.choices)}}}" in said
            continue
        words = f"{flag.name} {', '.join(flag.choices)} (default: {' '.join(flag.words)})"
        assert words in said


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", DISTINCT)
def test_all_help_lists_every_option_with_choices_and_default(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    page = said_by(["train", name, "--help", "--all"], capsys)
    lines = page.splitlines()
    assert max(len(line) for line in lines if "--" not in line) <= min(width, 100)
    said = "".join(page.split())  # lines break anywhere
    run, _ = described(start_of(name), [], "test")
    for flag in (flag for group in flags.groups(run) for flag in group.flags):
        tail = f"|{flag.opposite}" if flag.switch else flag.values.replace(" ", "")
        start = said.index(flag.name + tail)
        assert f"(default:{''.join(flag.words) or 'empty'})" in said[start:]
    norms = ("virtual",) if "-norm{" in said else ()  # the networks of r3gan have none
    for choice in (*OBJECTIVES, *norms, "feature_matching", "bfloat16"):
        assert choice in said or run.learner.kind in ("variational", "m2", "m1_m2")
    assert "".join(forms().split()) in said


def test_kinds_and_lists_show_what_could_stand_there(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(said_by(["train", "wgan-gp", "--help", "--all"], capsys).split())
    assert "--learner.generator {mlp, dcgan" in said
    assert "--learner.generator-optimiser {adam, sgd, rmsprop" in said
    assert "--training.dynamics {alternating, simultaneous, " in said
    assert "--learner.critic-regularisers {none, gradient_penalty, r1, r2, wgan_gp, " in said
    assert "These words are the whole list" in said
    assert "--learner.critic-regularisers.wgan-gp.weight NUMBER|SCHEDULE" in said
    assert ".kind" not in said


@pytest.mark.parametrize("name", DISTINCT)
def test_every_listed_option_with_its_default_is_the_run_itself(name: str) -> None:
    run, _ = described(start_of(name), [], "test")
    words = []
    for flag in (flag for group in flags.groups(run) for flag in group.flags):
        if flag.switch:
            words.append(flag.name if flag.words == ("on",) else flag.opposite)
        else:
            words += [flag.name, *flag.words]
    assert len(words) > 80
    assert described(start_of(name), words, "test")[0] == run


@pytest.mark.parametrize("name", DISTINCT)
def test_what_the_help_lists_is_what_there_is(name: str) -> None:
    """Every leaf of the description is an option, and every list of parts is one."""

    def leaves(value: object) -> int:
        if isinstance(value, dict):
            if value.get("kind") in ("cosine", "exponential", "piecewise"):
                return 1
            return sum(map(leaves, value.values()))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return 1 + sum(map(leaves, value))  # the list, and in it a kind each that is none
        return 1

    run = RECIPES[name]()
    listed = sum(len(group.flags) for group in flags.groups(run))
    games = [value for value in dict(run.learner).values() if isinstance(value, Family)]
    members = sum(
        len(v)
        for family in (run.learner, *games)
        for v in dict(family).values()
        if isinstance(v, tuple) and v and hasattr(v[0], "kind")
    )
    # the data's kind is chosen with --data, another run with --init, imports are filled in, and
    # games are of one kind
    others = 3 + len(games)
    assert listed == leaves(json.loads(str(run))) - members - others


def test_recipes_train_on_their_own_data_by_default() -> None:
    for name, recipe in RECIPES.items():
        assert described(start_of(name), [], "test")[0] == recipe(), name


def test_switches_and_schedules_are_options_in_either_state() -> None:
    run, _ = described(start_of("dcgan"), ["--data.flip", "--data.no-flip"], "test")
    assert not run.data.flip
    words = ["--learner.critic-optimiser.learning-rate", "3e-4"]
    words += ["--learner.critic-regularisers.1.weight", "cosine:2:1"]
    run, _ = described(start_of("toy-ring"), words, "test")
    assert run.learner.critic_optimiser.learning_rate == 3e-4
    assert run.learner.critic_regularisers[1].weight.end == 1


def test_switches_of_recipes() -> None:
    for words, objective in [
        ([], "least_squares"),
        (["--pearson"], "least_squares_pearson"),
        (["--pearson", "true"], "least_squares_pearson"),
        (["--pearson", "False"], "least_squares"),
        (["--no-pearson"], "least_squares"),
    ]:
        assert described(start_of("lsgan-mlp"), words, "test")[0].learner.objective == objective
    assert "neither true nor false" in refused("lsgan-mlp", "--pearson", "maybe")


@pytest.mark.parametrize(
    ("recipe", "word", "hint"),
    [
        (
            "dcgan",
            "--learner.widht",
            "Did you mean '--learner.generator.width' or '--learner.critic.width'?",
        ),
        (
            "dcgan",
            "--learner.width",
            "Did you mean '--learner.generator.width' or '--learner.critic.width'?",
        ),
        ("dcgan", "--learner.generatr.width", "Did you mean '--learner.generator.width'?"),
        ("dcgan", "--learner.critic.widht", "Did you mean '--learner.critic.width'?"),
        (
            "dcgan",
            "--learner.critic.learning-rate",
            "Did you mean '--learner.critic-optimiser.learning-rate' or "
            "'--learner.generator-optimiser.learning-rate'?",
        ),
        ("dcgan", "--learner.critic_step", "Did you mean '--learner.critic-steps'?"),
        ("dcgan", "--traning.log-every", "Did you mean '--training.log-every'?"),
        ("dcgan", "--log-every", "Did you mean '--training.log-every'?"),
        ("dcgan", "--stpes", "Did you mean '--steps'?"),
        ("dcgan", "--widht", "Did you mean '--width'?"),
        (
            "gan",
            "--width",
            "It is an option of the recipe acgan and of others, see `saddlepoint recipes`.",
        ),
        (
            "wgan-gp",
            "--learner.critic-regularisers.0.wieght",
            "critic-regularisers.wgan-gp.weight'?",
        ),
        ("gan", "--learner.critic.width", "It belongs to another kind: --learner.critic dcgan or "),
    ],
)
def test_what_is_suggested_for_an_unknown_option(recipe: str, word: str, hint: str) -> None:
    said = refused(recipe, word, "3")
    assert said.startswith(f"'{word}' is not an option of `saddlepoint train {recipe}`. ")
    assert hint in said
    assert said.endswith(f"See `saddlepoint train {recipe} --help --all`.")


def test_nothing_far_fetched_is_suggested() -> None:
    for recipe, word in [("dcgan", "--lr"), ("dcgan", "--data.sized"), ("gan", "--gpus")]:
        assert "Did you mean" not in refused(recipe, word, "3")


def test_at_most_three_places_are_suggested() -> None:
    known = [f"--{letter}.width" for letter in "abcd"]
    assert did_you_mean_place("--widht", known).count("width") == 3
    assert did_you_mean_place("--e.width", []) == ""


@pytest.mark.parametrize(
    ("path", "key", "sentence"),
    [
        ("", "sede", "'sede' is not an option here. Did you mean 'seed'?"),
        ("training", "step", "'training.step' is not an option here. Did you mean 'steps'?"),
        (
            "learner.generator",
            "widht",
            "'learner.generator.widht' is not an option here. Did you mean 'width'?",
        ),
        (
            "learner",
            "widht",
            "'learner.widht' is not an option here. Did you mean 'learner.generator.width' or "
            "'learner.critic.width'?",
        ),
        ("learner.critic_optimiser", "weight_decy", "Did you mean 'weight_decay'?"),
        ("training.validation", "patiance", "Did you mean 'patience'?"),
        ("data.split", "tset", "'data.split.tset' is not an option here. Did you mean 'test'?"),
        ("", "log_every", "Did you mean 'training.log_every'?"),
    ],
)
def test_keys_of_a_run_file_are_compared_where_they_stand(
    path: str, key: str, sentence: str, tmp_path: Path
) -> None:
    whole = json.loads(str(tiny("dcgan")))
    part = whole
    for name in path.split(".") if path else []:
        part = part[name]
    part[key] = 3
    (tmp_path / "run.json").write_text(json.dumps(whole))
    with pytest.raises(BadInput, match=re.escape(sentence)):
        read_run(tmp_path / "run.json")


def test_values_of_a_run_file_are_named_by_their_place(tmp_path: Path) -> None:
    whole = json.loads(str(RECIPES["wgan-gp-mlp"]()))
    whole["learner"]["critic_regularisers"][0]["everi"] = 2
    whole["learner"]["generator"]["pieces"] = 1
    whole["learner"]["critic_optimiser"]["learning_rate"] = "fast"
    (tmp_path / "run.json").write_text(json.dumps(whole))
    with pytest.raises(BadInput) as error:
        read_run(tmp_path / "run.json")
    said = str(error.value)
    assert (
        "'learner.critic_regularisers.0.everi' is not an option here. Did you mean 'every'?" in said
    )
    assert "learner.generator.pieces = 1: input should be greater than or equal to 2" in said
    assert "learner.critic_optimiser.learning_rate" in said
    assert "adversarial" not in said
    assert "gradient_penalty" not in said


def test_explain_without_a_model_keeps_pydantics_place() -> None:
    class Inner(Description):
        size: int = 1

    with pytest.raises(ValidationError) as error:
        Inner.model_validate({"sizes": 2})
    assert explain(error.value) == "'sizes' is not an option here."
    assert explain(error.value, Inner) == "'sizes' is not an option here. Did you mean 'size'?"


def test_the_help_of_completion_and_of_plain_commands_with_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "bash|zsh|tcsh" in said_by(["completion", "--help"], capsys)
    assert said_by(["resume", "--help", "--all"], capsys) == said_by(["resume", "--help"], capsys)
    assert "--help" in said_by(["train", "--help", "--all"], capsys)


def test_the_cache_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(said_by(["--help"], capsys).split())
    assert "~/.cache/saddlepoint" in said
    assert "SADDLEPOINT_DATA" in said


def test_help_of_a_run_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my run.json").write_text(str(tiny("vae")))
    path = tmp_path / "my run.json"
    said = said_by(["train", str(path), "--help"], capsys)
    assert f"saddlepoint train '{path}' [options]" in said
    assert "training steps (default: 12)" in said
    assert "--learner.encoder " in said
    assert isinstance(read_run(path), Run)
