"""A run that starts from another run's weights: what fits is taken, what does not is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import saddlepoint as sp
from kit.crash import crashed
from kit.outcomes import quickly
from kit.refusal import fails
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.auxiliaries import SelfReconstruction
from saddlepoint.networks.wrapped import bare_names
from saddlepoint.run.description import Run
from saddlepoint.run.init import Init
from saddlepoint.training import checkpoint, starting
from saddlepoint.training.record import read_record
from saddlepoint.training.starting import give

SMALL = {"generator": {"hidden": (8, 8)}, "critic": {"hidden": (8, 8)}}
KEPT = {"keep": 9}


def ring(seed: int = 0, **options: object) -> Run:
    """A small game on points that keeps every checkpoint: steps 4, 8 and 12."""
    return tiny("gan", data="ring", seed=seed, **{**SMALL, "training": KEPT, **options})


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("old") / "old"
    sp.train(ring(), where, quiet=True)
    return where


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pictures") / "old"
    sp.train(tiny("dcgan"), where, quiet=True)
    return where


def part(values: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    """The tensors of some parts of a checkpoint."""
    return {name: value for name, value in values.items() if name.partition("/")[0] in names}


def resolved(where: Path) -> dict[str, object]:
    content: dict[str, dict[str, object]] = json.loads((where / "run.json").read_text())
    return content["resolved"]


def test_step_0_is_the_other_run_to_the_bit(pictures: Path, tmp_path: Path) -> None:
    new = tiny("dcgan", seed=5, training=KEPT)
    sp.train(new, tmp_path / "new", init=pictures, quiet=True)
    there, here = tensors(pictures, 12), tensors(tmp_path / "new", 0)
    assert same_bits(part(there, "learner", "average"), part(here, "learner", "average"))
    assert any("running_mean" in name for name in here)
    assert any(name.startswith("optimiser/") for name in there)
    assert not any(name.startswith("optimiser/") for name in here)
    assert torch.equal(sp.load(tmp_path / "new", 0).sample(70), sp.load(pictures).sample(70))
    sp.train(new, tmp_path / "fresh", quiet=True)
    assert not same_bits(tensors(tmp_path / "new", 12), tensors(tmp_path / "fresh", 12))
    assert checkpoint.steps_of(tmp_path / "fresh") == [4, 8, 12]  # no step 0 without another run


def test_the_average_can_be_where_players_start(old: Path, tmp_path: Path) -> None:
    run = ring(1, steps=1).replace(init=Init(run=old, weights="averaged"))
    sp.train(run, tmp_path / "new", quiet=True)
    there, here = tensors(old, 12), tensors(tmp_path / "new", 0)
    averaged = {k.removeprefix("average/"): v for k, v in part(there, "average").items()}
    assert averaged
    for name, value in averaged.items():
        assert here[f"learner/duel.{name}"].tobytes() == value.tobytes()
        assert here[f"average/{name}"].tobytes() == value.tobytes()
        assert there[f"learner/duel.{name}"].tobytes() != value.tobytes()
    critic = [name for name in here if name.startswith("learner/duel.critic.")]
    assert critic
    assert all(here[name].tobytes() == there[name].tobytes() for name in critic)


def test_what_it_began_from_is_on_record(old: Path, tmp_path: Path) -> None:
    run = ring(1, steps=1).replace(init=Init(run=old, checkpoint=8))
    sp.train(run, tmp_path / "new", quiet=True)
    digest = checkpoint.load(old, 8).digest
    file = checkpoint.path_of(old, 8) / checkpoint.TENSORS
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    begun = resolved(tmp_path / "new")["init"]
    assert isinstance(begun, dict)
    assert (begun["run"], begun["step"], begun["sha256"]) == (str(old), 8, digest)
    assert begun["taken"] == {"critic": [6, 6], "generator": [6, 6]}
    given = sp.read_run(tmp_path / "new/run.json").init
    assert (given.run, given.checkpoint, given.sha256) == (old, 8, digest)
    said = read_record(tmp_path / "new").events[0]["detail"]
    assert said == f"started from {old}, step 8: critic 6 of 6, generator 6 of 6 tensors."
    assert f"{old}, step 8" in str(sp.load(tmp_path / "new"))
    assert said in sp.build_report(tmp_path / "new").read_text(encoding="utf-8")
    assert same_bits(
        part(tensors(old, 8), "learner"), part(tensors(tmp_path / "new", 0), "learner")
    )


def test_the_best_checkpoint_is_taken_where_there_is_one(tmp_path: Path) -> None:
    best = {"scalar": "critic/loss", "mode": "max"}
    sp.train(ring(training={**KEPT, "best": best}), tmp_path / "old", quiet=True)
    there = checkpoint.read_best(tmp_path / "old")
    assert there is not None
    for which, step in (("auto", there["step"]), ("best", there["step"]), ("latest", 12)):
        init = Init.model_validate({"run": tmp_path / "old", "checkpoint": which})
        assert starting.pinned(init).checkpoint == step


def test_a_part_that_does_not_fit_is_named_and_stays(old: Path, tmp_path: Path) -> None:
    wider = ring(3, steps=1, critic={"hidden": (8, 9, 8)}, training={**KEPT, "averaging": 0.0})
    sp.train(wider, tmp_path / "new", init=old, quiet=True)
    begun = resolved(tmp_path / "new")["init"]
    assert isinstance(begun, dict)
    assert begun["not_taken"] == {
        "critic.backbone.3.weight": "8×8 there, 9×8 here",
        "critic.backbone.3.bias": "8 there, 9 here",
        "critic.backbone.5.weight": "missing there",
        "critic.backbone.5.bias": "missing there",
    }
    assert begun["taken"] == {"critic": [4, 8], "generator": [6, 6]}
    said = read_record(tmp_path / "new").events[0]["detail"]
    assert "critic 4 of 8, generator 6 of 6 tensors. not taken: critic.backbone.3.weight" in said
    assert "(8×8 there, 9×8 here)" in said
    assert said.endswith("(missing there) and 1 more, see run.json.")
    here, there = tensors(tmp_path / "new", 0), tensors(old, 12)
    data = wider.data.open()
    fresh = wider.learner.learner(data.info, batch_size=16, seed=3).state_dict()
    for name in part(here, "learner"):
        short = name.removeprefix("learner/")
        taken = short.removeprefix("duel.") not in begun["not_taken"]
        expected = there[name] if taken else fresh[short].numpy()
        assert here[name].tobytes() == expected.tobytes(), name


def test_what_has_no_place_is_counted(old: Path, tmp_path: Path) -> None:
    shallow = ring(steps=1, critic={"hidden": (8,)})
    sp.train(shallow, tmp_path / "new", init=old, quiet=True)
    said = read_record(tmp_path / "new").events[0]["detail"]
    assert said.endswith(
        "critic 4 of 4, generator 6 of 6 tensors. there is no place for 2 of critic."
    )


def test_a_run_of_which_nothing_fits_is_refused(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = tiny("vae", data="ring")
    with pytest.raises(BadInput, match=r"players are critic, generator, and here .* autoencoder"):
        sp.train(vae, tmp_path / "new", init=old, quiet=True)
    with monkeypatch.context() as patch:
        patch.setattr(starting, "_why_not", lambda *_: "2 there, 3 here")
        with pytest.raises(BadInput, match=r"fits: critic\.\S+ \(2 there, 3 here\), .*and 9 more"):
            sp.train(ring(), tmp_path / "new", init=old, quiet=True)
    assert not (tmp_path / "new").exists()


def test_buffers_of_a_layer_go_together() -> None:
    """Statistics of another batch norm, and the references of another virtual one."""
    data = tiny("dcgan").data.open().info
    norm = {"norm": "virtual"}
    build = tiny("dcgan", critic=norm).learner.learner
    one, other = (build(data, batch_size=size, seed=size) for size in (16, 12))
    states = {player: module.state_dict() for player, module in other.players.items()}
    taken = give(one, states)
    refused = [name for name, why in taken.refused.items() if why.startswith("goes with")]
    assert [name.rpartition(".")[2] for name in refused] == ["chosen"]
    assert any("reference" in name for name in taken.refused)
    assert taken.counts["generator"][0] == taken.counts["generator"][1]


def test_facts_of_the_data_stay() -> None:
    run = tiny("vae-m2")
    data = run.data.open().info
    one, other = (run.learner.learner(data, batch_size=16, seed=seed) for seed in (0, 1))
    other.players["model"].get_buffer("log_prior").fill_(-1.0)
    before = one.players["model"].get_buffer("log_prior").clone()
    taken = give(one, {"model": other.players["model"].state_dict()})
    assert torch.equal(one.players["model"].get_buffer("log_prior"), before)
    assert not taken.refused
    weights = dict(one.players["model"].named_parameters())
    for name, parameter in other.players["model"].named_parameters():
        assert torch.equal(weights[name], parameter)


@pytest.mark.parametrize("name", ["vae-m2", "vae-m1-m2"])
def test_facts_of_the_data_are_there(name: str) -> None:
    run = tiny(name)
    learner = run.learner.learner(run.data.open().info, batch_size=16, seed=0)
    there = {f"{p}.{name}" for p, m in learner.players.items() for name, _ in m.named_buffers()}
    assert learner.of_data
    assert learner.of_data <= there


def test_members_start_from_one_run_and_one_run_from_a_member(old: Path, tmp_path: Path) -> None:
    sp.train(ring(7).replace(seeds=2), tmp_path / "two", init=old, quiet=True)
    two, one = tensors(tmp_path / "two", 0), tensors(old, 12)
    for name, value in part(one, "learner", "average").items():
        for member in (0, 1):
            assert two[name][member].tobytes() == value.tobytes(), name
    trained = tensors(tmp_path / "two", 12)
    name = next(name for name in part(trained, "learner") if name.endswith("weight"))
    assert not np.array_equal(trained[name][0], trained[name][1])  # other batches and latents

    with pytest.raises(BadInput, match=r"holds 2 seeds side by side, and this run 1: .*member 0"):
        sp.train(ring(steps=1), tmp_path / "three", init=tmp_path / "two", quiet=True)
    of_two = ring(steps=1).replace(init=Init(run=tmp_path / "two", member=1))
    sp.train(of_two, tmp_path / "three", quiet=True)
    for name, value in part(tensors(tmp_path / "three", 0), "learner", "average").items():
        assert value.tobytes() == trained[name][1].tobytes()

    sp.train(
        ring(9, steps=1).replace(seeds=2), tmp_path / "four", init=tmp_path / "two", quiet=True
    )
    again = tensors(tmp_path / "four", 0)
    for name, value in part(again, "learner", "average").items():
        assert value.tobytes() == trained[name].tobytes()
    for member, said in ((2, "holds 2, from 0"), (None, "holds 2 seeds side by side, and this")):
        run = ring(steps=1).replace(seeds=3, init=Init(run=tmp_path / "two", member=member))
        with pytest.raises(BadInput, match=said):
            sp.train(run, tmp_path / "five", quiet=True)
    with pytest.raises(BadInput, match="holds one model: leave it out"):
        sp.train(ring().replace(init=Init(run=old, member=1)), tmp_path / "five", quiet=True)
    assert not (tmp_path / "five").exists()


def test_every_seed_of_a_group_starts_from_the_run(pictures: Path, tmp_path: Path) -> None:
    group = tiny("dcgan", seed=3, steps=2, training=KEPT).replace(seeds=2)
    sp.train(group, tmp_path / "group", init=pictures, quiet=True)
    there = part(tensors(pictures, 12), "learner", "average")
    for seed in (3, 4):
        here = tensors(tmp_path / f"group/seed-{seed}", 0)
        assert same_bits(there, part(here, "learner", "average"))
    assert json.loads((tmp_path / "group/group.json").read_text())["given"]["init"]["sha256"]
    with pytest.raises(BadInput, match=r"a run a seed: name one of them, as in --init .*seed-3"):
        sp.train(tiny("dcgan"), tmp_path / "new", init=tmp_path / "group", quiet=True)
    with pytest.raises(BadInput, match="is no run"):
        sp.train(group, tmp_path / "new", init=tmp_path / "none", quiet=True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("killed_at", [2, 6], ids=["before the first checkpoint", "later"])
def test_resuming_does_not_need_the_other_run(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    shutil.copytree(old, tmp_path / "old")
    run = ring(5).replace(init=Init(run=tmp_path / "old"))
    sp.train(run, tmp_path / "whole", quiet=True)
    crashed(run, killed_at, tmp_path / "broken", monkeypatch)
    shutil.rmtree(tmp_path / "old")
    sp.resume(tmp_path / "broken", quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "broken", 12))
    assert resolved(tmp_path / "broken")["init"] == resolved(tmp_path / "whole")["init"]


def test_a_run_killed_before_it_stored_the_weights_takes_them_again(
    old: Path, tmp_path: Path
) -> None:
    run = ring(5).replace(init=Init(run=old))
    sp.train(run, tmp_path / "whole", quiet=True)
    shutil.copytree(tmp_path / "whole", tmp_path / "broken")
    for step in checkpoint.steps_of(tmp_path / "broken"):
        shutil.rmtree(checkpoint.path_of(tmp_path / "broken", step))
    sp.resume(tmp_path / "broken", quiet=True)
    for step in (0, 12):
        assert same_bits(tensors(tmp_path / "whole", step), tensors(tmp_path / "broken", step))


def test_a_description_repeats_the_run_or_says_that_it_cannot(old: Path, tmp_path: Path) -> None:
    shutil.copytree(old, tmp_path / "old")
    sp.train(ring(5), tmp_path / "new", init=tmp_path / "old", quiet=True)
    described = sp.read_run(tmp_path / "new/run.json")
    sp.train(described, tmp_path / "again", quiet=True)
    assert same_bits(tensors(tmp_path / "new", 12), tensors(tmp_path / "again", 12))
    shutil.rmtree(tmp_path / "old")
    sp.train(ring(8), tmp_path / "old", quiet=True)
    with pytest.raises(BadInput, match=r"step 12 of .* is not the one that this description began"):
        sp.train(described, tmp_path / "third", quiet=True)
    assert not (tmp_path / "third").exists()


def test_steps_start_from_it_too(old: Path) -> None:
    run = ring(5, steps=2).replace(init={"run": old})
    states = [state.sample(4) for state in sp.steps(run, every=1)]
    trained = sp.load(old).sample(4)
    fresh = [state.sample(4) for state in sp.steps(ring(5, steps=2), every=1)]
    assert (states[0] - trained).abs().max() < (fresh[0] - trained).abs().max()


def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    old: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = str(tmp_path / "new")
    words = ["train", "gan", "--data", "ring", "--steps", "1", "--device", "cpu", "--quiet"]

    def refused(init: Path, *more: str, out: str = new) -> str:
        return fails(capsys, *words, "--out", out, "--init", str(init), *more)

    assert "none is no run: it does not exist" in refused(tmp_path / "none")
    assert "is no run: it holds no run.json" in refused(tmp_path)
    assert "learnt images, and" in refused(pictures)
    assert "has no checkpoint of step 5; there are: 4, 8, 12" in refused(
        old, "--init.checkpoint", "5"
    )
    assert "has no best checkpoint" in refused(old, "--init.checkpoint", "best")
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    assert "holds a run already" in refused(old, out=str(old))
    assert before == {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    assert "weights say what is taken of another run: name it with --init" in fails(
        capsys, *words, "--out", new, "--init.weights", "averaged"
    )

    shutil.copytree(old, tmp_path / "begun")
    shutil.rmtree(tmp_path / "begun/checkpoints")
    assert "begun has no checkpoint yet" in refused(tmp_path / "begun")

    shutil.copytree(old, tmp_path / "sick")
    file = checkpoint.path_of(tmp_path / "sick", 12) / checkpoint.TENSORS
    sick = load_file(file)
    sick["learner/duel.critic.head.weight"][0, 0] = torch.nan
    facts = checkpoint.load(tmp_path / "sick", 12).facts
    checkpoint.save(tmp_path / "sick", 12, sick, facts)
    assert "holds NaN or infinite numbers in critic.head.weight" in refused(
        tmp_path / "sick", *("--learner.critic.hidden", "8", "8")
    )
    save_file(sick, file, metadata={"altered": "yes"})
    assert "fails its digest" in refused(tmp_path / "sick", "--init.checkpoint", "12")
    small = ring(steps=1)  # the newest whole one is used, and it is said that a newer one is not
    sp.train(small, tmp_path / "whole", init=tmp_path / "sick", quiet=True)
    said = read_record(tmp_path / "whole").events[0]["detail"]
    assert "fails its digest. started from" in said
    assert "step 8: critic 6 of 6" in said
    assert not (tmp_path / "new").exists()


def conditional(recipe: str, classes: str, **options: object) -> Run:
    """A game on the digits whose players are told classes, or are not."""
    run = tiny(recipe, **options)
    return run.replace(learner=run.learner.replace(classes={"kind": classes}))


TOLD = [
    ("dcgan", "concatenation"),
    ("dcgan", "projection"),
    ("sngan", "concatenation"),
    ("wgan-gp-resnet", "concatenation"),
    ("r3gan-two-core", "concatenation"),
    ("gan", "projection"),
]


@pytest.mark.parametrize("back", [False, True], ids=["from classes", "to classes"])
@pytest.mark.parametrize(("recipe", "classes"), TOLD)
def test_all_but_the_first_layers_are_taken_from_and_by_networks_that_are_told_classes(
    recipe: str, classes: str, back: bool
) -> None:
    plain, told = (
        conditional(recipe, kind).learner.learner(
            conditional(recipe, kind).data.open().info, batch_size=16, seed=seed
        )
        for seed, kind in enumerate(("unconditional", classes))
    )
    here, there = (told, plain) if back else (plain, told)
    taken = give(here, starting._states_of(there), told=starting._told_of(there))
    # what stays lies in the first layers, or is there for the classes alone
    first = {
        "generator": ("project.", "layers.0.weight", "layers.0.0.factors.", "told."),
        "critic": ("backbone.0.", "backbone.told.", "told."),
    }
    count = 0
    for player, module in here.players.items():
        values, bare = module.state_dict(), bare_names(module)
        other = starting._states_of(there)[player]
        for name, value in values.items():
            why = taken.refused.get(f"{player}.{name}")
            if why is None:
                assert torch.equal(value, other[bare[name]])
                count += 1
            else:
                assert bare[name].startswith(first[player]), name
    assert count > 8
    words = {why.partition(": ")[2] for why in taken.refused.values()} - {""}
    where = "here" if back else "there"
    embedded = f"16 of the inputs {where} tell the class"
    plane = f"1 of the inputs {where} tells the class"
    of_critic = {plane} if classes == "concatenation" else set()
    assert words == {embedded} | of_critic
    assert set(taken.left) == (set() if back else {"generator", "critic"})


def test_layers_of_another_form_are_not_said_to_differ_by_the_class_alone() -> None:
    """A hidden layer 16 units wider than there, behind a first one of another width."""
    plain = conditional("gan", "unconditional", generator={"hidden": (24, 8)})
    told = conditional("gan", "projection", generator={"hidden": (8, 8)})
    one, other = (
        run.learner.learner(run.data.open().info, batch_size=16, seed=0) for run in (told, plain)
    )
    taken = give(one, starting._states_of(other), told=starting._told_of(other))
    assert taken.refused["generator.network.layers.0.weight"] == "24×64 there, 8×80 here"
    assert taken.refused["generator.network.layers.2.weight"] == "8×24 there, 8×8 here"


@pytest.mark.parametrize("back", [False, True], ids=["from classes", "to classes"])
def test_runs_with_and_without_classes_start_from_each_other(tmp_path: Path, back: bool) -> None:
    kinds = ("unconditional", "concatenation") if back else ("concatenation", "unconditional")
    old, new = (conditional("dcgan", kind, steps=4) for kind in kinds)
    sp.train(old, tmp_path / "old", quiet=True)
    sp.train(new.replace(seed=3), tmp_path / "new", init=tmp_path / "old", quiet=True)
    begun = resolved(tmp_path / "new")["init"]
    assert isinstance(begun, dict)
    assert begun["taken"] == (
        {"critic": [9, 12], "generator": [13, 15]}
        if back
        else {"critic": [9, 10], "generator": [13, 14]}
    )
    said = read_record(tmp_path / "new").events[0]["detail"]
    assert f"1 of the inputs {'here' if back else 'there'} tells the class" in said
    there, here = tensors(tmp_path / "old", 4), tensors(tmp_path / "new", 0)
    one, other = ("", "network.") if back else ("network.", "")
    for place in ("learner/duel.generator.", "average/generator."):
        for name in ("layers.2.weight", "layers.3.bias"):
            assert np.array_equal(there[place + one + name], here[place + other + name])


@pytest.mark.parametrize("back", [False, True], ids=["to an auxiliary", "from one"])
def test_a_critic_with_an_auxiliary_is_the_same_critic(back: bool) -> None:
    run = tiny("dcgan")
    with_one = run.replace(
        learner=run.learner.replace(auxiliaries=(SelfReconstruction(of="maps", width=4),))
    )
    here, there = (
        each.learner.learner(run.data.open().info, batch_size=16, seed=seed)
        for seed, each in enumerate((run, with_one) if back else (with_one, run))
    )
    taken = give(here, starting._states_of(there))
    assert taken.counts["critic"][0] == taken.counts["generator"][0] - 4 == 10
    assert all("critic.self_reconstruction" in name for name in taken.refused)
    assert bool(taken.refused) is not back
    assert ("critic" in taken.left) is back
    one, other = (learner.duel.critic.state_dict() for learner in (here, there))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_names_that_would_meet_stay_as_they_are() -> None:
    class Around(torch.nn.Module):
        behind = "inner"

        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(1, 1)
            self.weight = torch.nn.Parameter(torch.zeros(1))

    assert bare_names(Around()) == {n: n for n in ("weight", "inner.weight", "inner.bias")}
    assert bare_names(torch.nn.Sequential(torch.nn.Linear(1, 1))) == {
        "0.weight": "0.weight",
        "0.bias": "0.bias",
    }
