"""A user's own parts, in processes of their own: one run each, as a user's shell has them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kit.parts import LISTS
from kit.tiny import command
from saddlepoint.run.module_parts import ROLES

MODULE = '''
"""Parts of a user's own."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from saddlepoint.data.toys import Toy
from saddlepoint.games.objectives import Objective
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.network import Backbone, Network
from saddlepoint.recipes.registry import assemble, recipe
from saddlepoint.run.training import Training


class Slim(Network):
    """Two layers, for vectors."""

    takes = frozenset({"vectors"})
    presets: ClassVar = {"slimmer": {"width": 3}}

    kind: Literal["slim"] = "slim"
    width: int = Field(8, description="Units between the two layers.")

    def generator(self, site):
        from torch import nn

        return nn.Sequential(
            nn.Linear(site.inputs, self.width), nn.ReLU(), nn.Linear(self.width, *site.shape)
        )

    def backbone(self, site):
        from torch import nn

        return Backbone(nn.Sequential(nn.Linear(*site.shape, self.width), nn.ReLU()), self.width)


class Sizes(Regulariser):
    """The score's square, real and fake."""

    equation = "D(x)² + D(G(z))²"
    cures = "scores that grow"
    paper = "none"

    kind: Literal["sizes"] = "sizes"
    share: float = Field(0.5, description="Share of the real ones.")

    def values(self, turn):
        real, fake = turn.real_score.float().square(), turn.fake_score.float().square()
        return self.share * real + (1 - self.share) * fake


class Cross(Toy):
    """Points on two lines that cross."""

    kind: Literal["cross"] = "cross"
    examples: int = 400

    @property
    def class_count(self):
        return 0

    def points(self, rng):
        along = rng.uniform(-1, 1, self.examples)
        sign = rng.choice((-1, 1), self.examples)
        return np.stack([along, sign * along], 1), None


quadratic = Objective(
    name="quadratic", equation="", descends="", paper="", use_when="",
    critic=lambda real, fake: (real - 1).square() + (fake + 1).square(),
    generator=lambda real, fake: (fake - 1).square(),
    optimal_score=None, critic_cost=None, divergence=None,
)


@recipe("crossed")
def crossed(data: Any = Cross(), **common):
    """All of it at once, on the cross."""
    learner = Adversarial(
        latent=2, objective="quadratic", critic_regularisers=(Sizes(),),
        generator=Slim(), critic=Slim(width=4),
    )
    return assemble("crossed", data, learner, Training(steps=2), **common)
'''
TRAIN = ["--steps", "2", "--batch-size", "8", "--device", "cpu", "--quiet"]
NEEDED = "this run uses parts of 'my_losses': add --import my_losses."


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_losses.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module and a run of its recipe."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_losses.py").write_text(MODULE)
    words = ["--import", "my_losses", "train", "crossed", *TRAIN, "--out", "run"]
    done = command(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "saddlepoint resume run --steps 4 --import my_losses" in done.stdout
    return folder


def refused(*words: str) -> str:
    done = command(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("saddlepoint: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("saddlepoint: ").strip()


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_parts_are_trained_resumed_and_sampled(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    given = json.loads(Path("run/run.json").read_text())["given"]
    assert given["imports"] == ["my_losses"]
    assert given["learner"]["critic"]["kind"] == "slim"
    assert given["data"]["kind"] == "cross"
    for words in (
        ["resume", "run", "--steps", "4", "--quiet"],
        ["sample", "run", "--n", "3", "--out", "samples.npy"],
        ["evaluate", "run", "--n", "40", "--scores", "frechet", "--out", "scores"],
        ["train", "run/run.json", "--out", "again", *TRAIN],
    ):
        done = command(*words, "--import=my_losses")
        assert done.returncode == 0, done.stderr


def test_a_run_without_its_imports_says_which(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    for words in (
        ["resume", "run"],
        ["sample", "run", "--out", "x.npy"],
        ["evaluate", "run", "--out", "x"],
        ["compare", "run", "run", "--out", "x"],
        ["train", "run/run.json", "--out", "x"],
        ["train", "run", "--help"],
    ):
        assert refused(*words) == NEEDED, words
    assert not Path("x").exists()
    # a report needs the record alone
    assert command("report", "run").returncode == 0


@pytest.mark.slow
def test_a_file_is_found_again_wherever_it_is(here: Path) -> None:
    (here / "parts").mkdir()
    file = (here / "my_losses.py").rename(here / "parts" / "my losses.py")
    words = ["train", "crossed", *TRAIN, "--out", "run"]
    done = command(*words, "--import", "parts/my losses.py")
    assert done.returncode == 0, done.stderr
    assert json.loads((here / "run/run.json").read_text())["given"]["imports"] == [str(file)]
    assert f"add --import '{file}'." in refused("sample", "run", "--out", "x.npy")
    (here / "elsewhere").mkdir()
    moved = file.rename(here / "elsewhere" / "my losses.py")
    done = command("sample", "run", "--out", "x.npy", "--n", "2", "--import", str(moved))
    assert done.returncode == 0, done.stderr


def test_own_words_stand_in_other_runs_help_and_completion(here: Path) -> None:
    words = ["train", "gan", "--data", "cross", "--learner.generator", "slimmer"]
    words += ["--learner.critic-regularisers", "sizes", "r1", "--objective", "quadratic"]
    words += ["--learner.critic-regularisers.sizes.share", "0.25", *TRAIN, "--out", "run"]
    done = command("--import", "my_losses", *words, "--import", "my_losses")
    assert done.returncode == 0, done.stderr
    given = json.loads((here / "run/run.json").read_text())["given"]
    assert given["data"]["kind"] == "cross"
    assert given["learner"]["generator"]["width"] == 3
    assert given["learner"]["critic_regularisers"][0]["share"] == 0.25
    assert given["imports"] == ["my_losses"]
    said = command("train", "gan", "--help", "--import", "my_losses").stdout
    networks = ", ".join([*(network.word() for network in LISTS["networks"]), "slim", "slimmer"])
    assert f"{networks} (default: mlp)" in " ".join(said.split())
    assert "quadratic" in said
    assert (
        "Points on two lines that cross."
        in command("train", "crossed", "--help", "--all", "--import", "my_losses").stdout
    )
    assert "crossed" in command("recipes", "--import", "my_losses").stdout
    assert "'slimmer'" in command("completion", "bash", "--import", "my_losses").stdout


def test_every_list_of_parts_takes_own_ones() -> None:
    assert {id(parts) for parts in ROLES.values()} == {id(parts) for parts in LISTS.values()}
    assert all(issubclass(part, base) for base, parts in ROLES.items() for part in parts)


@pytest.mark.slow
def test_a_run_that_uses_nothing_of_a_module_does_not_need_it(here: Path) -> None:
    done = command("train", "gan", "--data", "ring", *TRAIN, "--out", "run", "--import=my_losses")
    assert done.returncode == 0, done.stderr
    assert json.loads((here / "run/run.json").read_text())["given"]["imports"] == []
    assert command("sample", "run", "--out", "x.npy").returncode == 0


def test_the_same_in_python(here: Path) -> None:
    said = python(
        "import sys, saddlepoint as sp\n"
        "words = sp.import_parts('my_losses')\n"
        "assert words == sp.import_parts('my_losses') == sp.import_parts('./my_losses.py')\n"
        "assert 'torch' not in sys.modules\n"
        "print(*words)\n"
        "run = sp.recipes.RECIPES['crossed'](steps=1, batch_size=8)\n"
        "assert run.imports == ('my_losses',)\n"
        "assert sp.Run.model_validate_json(str(run)) == run\n"
        "gan = sp.recipes.gan()\n"
        "assert gan.imports == () and gan.replace(learner=run.learner).imports == ('my_losses',)\n"
        "assert run.replace(learner=gan.learner, data=gan.data).imports == ()\n"
        "open('own.json', 'w').write(str(run))\n"
    )
    assert said.split() == ["slim", "sizes", "cross", "quadratic", "crossed"]
    said = python(
        "import saddlepoint as sp\nfrom pathlib import Path\n"
        "try: sp.read_run(Path('own.json'))\nexcept sp.BadInput as error: print(error)"
    )
    assert said.strip() == NEEDED


PART = "from typing import Literal\nfrom saddlepoint.{}\n\nclass Own({}):\n    {}\n"


def part(module: str, base: str, body: str) -> str:
    return PART.format(f"{module} import {base}", base, body)


DRIFT = '"""Mine."""\n    kind: Literal["drift"] = "drift"\n    def values(self, turn): return 0'
REFUSED = {
    "raises": ("import math\n\nmath.sqrt(-1)\n", "raises.py, line 3: ValueError: math domain"),
    "syntax": ("x = (\n", "syntax.py, line 1: SyntaxError: "),
    "needs": ("import not_there_at_all\n", "needs.py, line 1: ModuleNotFoundError: No module"),
    "leaves": ("raise SystemExit(3)\n", "leaves.py, line 1: SystemExit: 3."),
    "nothing": (
        "x = 1\n",
        "'nothing' defines nothing for the lists (parts, objectives, scores, experiments, "
        "recipes): a part is",
    ),
    "taken": (
        part("games.regularisers", "Regulariser", DRIFT),
        "the word 'drift' of the part Own is taken by Drift: choose another.",
    ),
    "preset": (
        part("games.regularisers", "Regulariser", DRIFT.replace("drift", "wgan-gp")),
        "the word 'wgan-gp' of the part Own is taken by GradientPenalty: choose another.",
    ),
    "twice": (
        part("games.regularisers", "Regulariser", DRIFT.replace("drift", "own"))
        + "class Same(Own): pass\n",
        "the part Same has no docstring",
    ),
    "kindless": (
        part("networks.network", "Network", '"""Mine."""'),
        'the part Own has no kind: give it kind: Literal["word"] = "word".',
    ),
    "silent": (
        part("networks.mlp", "Mlp", 'kind: Literal["own"] = "own"'),
        "the part Own has no docstring: its first line is what help shows.",
    ),
    "odd": (
        part("networks.mlp", "Mlp", '"""Mine."""\n    kind: Literal["2.0"] = "2.0"'),
        "the part Own is called '2.0': a word of letters, digits, _ and - is meant",
    ),
    "empty": (
        part("networks.mlp", "Mlp", '"""Mine."""\n    kind: Literal["none"] = "none"'),
        "the part Own is called 'none'",
    ),
    "unfit": (
        part(
            "networks.mlp",
            "Mlp",
            '"""Mine."""\n    presets = {"wide": {"hiden": 9}}\n    kind: Literal["own"] = "own"',
        ),
        "the preset 'wide' of the part Own: 'hiden' is not an option here.",
    ),
    "roleless": (
        part("description", "Part", '"""Mine."""\n    kind: Literal["own"] = "own"'),
        "the part Own has no role: derive it from Network, Optimiser, ",
    ),
    "objective": (
        "from dataclasses import replace\nfrom saddlepoint.games.objectives import OBJECTIVES\n"
        "mine = replace(OBJECTIVES['hinge'], paper='mine')\n",
        "the objective 'hinge' is there already: rename it.",
    ),
    "recipes": (
        "from saddlepoint.recipes.registry import recipe\n"
        "@recipe('own')\ndef own(data='ring'):\n    'Mine.'\n"
        "@recipe('gan')\ndef gan(data='ring'):\n    'Mine.'\n",
        "the recipe 'gan' is there already: rename it.",
    ),
    "wordless": (
        "from saddlepoint.recipes.registry import recipe\n"
        "@recipe('own')\ndef own(data='ring'): ...\n",
        "the recipe 'own' has no docstring",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_join_is_refused_and_leaves_no_trace(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, expected = REFUSED[name]
    (tmp_path / f"{name}.py").write_text(text)
    assert expected in refused("recipes", "--import", name)
    # mended, it can be imported by the same process
    (tmp_path / "good.py").write_text(MODULE)
    python(
        "import sys, saddlepoint as sp\nfrom pathlib import Path\n"
        "sys.dont_write_bytecode = True\n"
        f"try: sp.import_parts({name!r})\nexcept sp.BadInput: pass\nelse: raise AssertionError\n"
        "from saddlepoint.recipes import RECIPES\n"
        "assert all(r.__module__.startswith('saddlepoint.') for r in RECIPES.values())\n"
        f"Path('{name}.py').write_text(Path('good.py').read_text() + '# mended\\n')\n"
        f"assert 'crossed' in sp.import_parts({name!r})\n"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my_lossses", "Did you mean 'my_losses'?"),
        ("nowhere", "there is no module 'nowhere': looked for it in "),
        ("nowhere.below", "there is no module 'nowhere.below'"),
        ("my-losses", "'my-losses' is no module: give a dotted name or the path of a .py file."),
        ("parts/none.py", "parts/none.py does not exist"),
        (".", "'.' is no module"),
        ("json", "'json' defines nothing for the lists"),
        ("saddlepoint.games.regularisers", "defines nothing for the lists"),
        ("", "--import: name a module, or the path of a .py file."),
    ],
)
def test_a_module_that_is_none(here: Path, name: str, expected: str) -> None:
    said = refused("train", "gan", f"--import={name}")
    assert expected in said
    if "looked for" in expected:
        assert str(here) in said


def test_import_without_a_name(here: Path) -> None:
    del here
    for words in (["train", "gan", "--import"], ["--import", "--quiet", "train", "gan"]):
        assert refused(*words) == "--import: name a module, or the path of a .py file."


def test_the_current_directory_hides_nothing_afterwards(here: Path) -> None:
    (here / "safetensors.py").write_text("raise RuntimeError('the wrong one')\n")
    (here / "helper.py").write_text("HELP = 3\n")
    (here / "my_losses.py").write_text(f"{MODULE}\ndef late():\n    import helper\n")
    python(
        "import sys; sys.path = [p for p in sys.path if p]\n"
        "import saddlepoint as sp; sp.import_parts('my_losses')\n"
        "import safetensors, my_losses; my_losses.late()\n"
    )
