"""Completion, help and the parser know the same options, because one list makes them."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kit.tiny import DISTINCT
from saddlepoint import flags
from saddlepoint.cli import main
from saddlepoint.commands import PLAIN
from saddlepoint.commands.sweep import names_of_options
from saddlepoint.completion import script
from saddlepoint.errors import BadInput
from saddlepoint.games.regularisers import REGULARISERS
from saddlepoint.networks.kinds import NETWORKS
from saddlepoint.options import described, start_of
from saddlepoint.recipes import RECIPES
from saddlepoint.short_options import IMPORT, common_options, recipe_options


@cache
def completed() -> dict[str, Any]:
    """What the completion script knows of each command."""
    (line,) = re.findall(r"^COMPLETION_SPEC = (.*)$", script(["bash"], PLAIN, "saddlepoint"), re.M)
    known: dict[str, Any] = ast.literal_eval(line)["subcommands"]
    return known


def options_of(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {flag: each for each in spec["options"] for flag in each["flags"] if flag != "-h"}


#: Options with their choices that were parsed already; many recipes share them.
tried: set[tuple[str, tuple[str, ...]]] = set()


def complaint(*words: str) -> str:
    try:
        described(start_of(words[0]), words[1:], "test")
    except BadInput as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", DISTINCT)
def test_help_completion_and_parser_agree_option_by_option(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    main(["train", name, "--help", "--all"])
    page = capsys.readouterr().out.replace("\n      ", " ")
    helped = set(re.findall(r"^  (--\S+)", page, re.M))
    helped |= set(re.findall(r"^  --\S+ \| (--\S+)", page, re.M))
    known = options_of(completed()["train"]["subcommands"][name])
    run, _ = described(start_of(name), [], "test")
    listed = [flag for group in flags.groups(run) for flag in group.flags]
    short = [*common_options(), IMPORT, *recipe_options(RECIPES[name])]
    opposites = {f"--no-{option.name}" for option in short if option.opposite}
    assert set(known) - {"--help"} == helped | opposites
    assert helped == {*flags.names(run), *(f"--{option.name}" for option in short)}

    for option in short:
        assert tuple(known[f"--{option.name}"].get("choices", ())) == option.choices
    shown = []
    for flag in listed:
        if flag.name not in {f"--{option.name}" for option in short}:
            assert tuple(known[flag.name].get("choices", ())) == flag.choices
        if flag.switch:  # which may need other options beside it
            assert "is not an option" not in complaint(name, flag.name)
        else:
            shown += [flag.name, *flag.words]
        offered = flag.choices if not flag.part else ()
        # the options of a pyramid's two games are those of one
        plain = re.sub(r"^--learner\.(innermost|refinement)\.", "--learner.", flag.name)
        for choice in offered if (plain, offered) not in tried else ():
            # where it does not fit the rest, the word is known all the same
            assert "choose from" not in complaint(name, flag.name, choice)
        tried.add((plain, offered))
    # and the parser takes all of them, with the values that they show
    read, _ = described(start_of(name), shown, "test")
    assert read == run


@pytest.mark.parametrize("name", DISTINCT)
def test_sweep_completes_what_train_does_and_its_own(name: str) -> None:
    train, sweep = (options_of(completed()[c]["subcommands"][name]) for c in ("train", "sweep"))
    assert set(sweep) - set(train) == set(names_of_options())
    assert all(sweep[option] == train[option] for option in train)
    assert tuple(sweep["--pick"]["choices"]) == ("grid", "optuna")


def test_no_option_of_sweep_hides_one_of_a_recipe() -> None:
    short = {
        f"--{o.name}" for r in RECIPES.values() for o in (*common_options(), *recipe_options(r))
    }
    assert not short & set(names_of_options())


def test_options_that_were_out_of_reach_are_completed() -> None:
    train = completed()["train"]["subcommands"]
    for option in ("--validate", "--stop-when"):
        assert all(option in options_of(train[name]) for name in RECIPES)
    assert "minimax" in options_of(train["gan"])["--objective"]["choices"]
    assert "--width" in options_of(train["dcgan"])


@cache
def bash_script() -> str:
    return script(["bash"], PLAIN, "saddlepoint")


def complete(folder: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    (folder / "script").write_text(bash_script())
    program = (
        f"source {folder / 'script'}\n"
        f"COMP_WORDS=(saddlepoint {' '.join(words[:-1])} {words[-1]!r})\n"
        f"COMP_CWORD={len(words)}\n_tyro_saddlepoint\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True, env={"PATH": path}
    )
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_words_of_parts_and_their_options(tmp_path: Path) -> None:
    assert set(RECIPES) <= complete(tmp_path, "train", "")
    offered = complete(tmp_path, "train", "gan", "--learner.critic", "")
    assert offered == {each.word() for each in NETWORKS}
    offered = complete(tmp_path, "train", "gan", "--learner.critic-regularisers", "r1", "")
    assert {"none", "r2", "wgan_gp"} | {each.word() for each in REGULARISERS} <= offered
    offered = complete(tmp_path, "train", "toy-ring", "--learner.critic-regularisers.r1.w")
    assert offered == {"--learner.critic-regularisers.r1.weight"}
    assert complete(tmp_path, "train", "gan", "--val") == {"--validate"}
    assert "frechet" in complete(tmp_path, "train", "gan", "--validate", "fr")
    assert complete(tmp_path, "sweep", "gan", "--learner.cost", "unr") == {"unrolled"}
    assert complete(tmp_path, "sweep", "dcgan", "--tri") == {"--trials"}
    assert complete(tmp_path, "resume", "--resch") == {"--reschedule"}


def test_zsh_has_the_same_list() -> None:
    assert "'--learner.critic'" in script(["zsh"], PLAIN, "saddlepoint")


def test_a_shell_whose_package_is_missing_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(BadInput, match="pip install shtab"):
        script(["tcsh"], {}, "saddlepoint")
