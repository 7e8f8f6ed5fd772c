"""What would help next, on evaluations and facts that were made so on purpose."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import saddlepoint as sp
from kit.judged import evaluation, row
from kit.pictures import glance_at, smooth_pictures
from saddlepoint.errors import BadInput
from saddlepoint.planning.advice import RULES, Facts, facts_of, own_size, trend, verdict
from saddlepoint.planning.glance import glance

RUN = Path("runs/mine")
FACTS = Facts(run=RUN, images=20_000, held_out=2_000, steps=1000, size=64)


def curve(*, slope: float, n: int = 30, scatter: float = 0.01, seed: int = 0):
    """Validation scores that fall fast and then have this slope over the last third, about 1."""
    random = np.random.default_rng(seed)
    x = np.arange(n)
    values = 1 + np.where(x < 2 * n // 3, 2 - x / 10, 0) + slope * (x - n) / (n / 3)
    return tuple(
        zip((100 * x).tolist(), (values + scatter * random.normal(size=n)).tolist(), strict=True)
    )


def good(half: float = 0.01):
    return (
        row("precision", 0.9, 0.9, half=half, yardstick=1.0),
        row("coverage", 0.9, 0.9, half=half, yardstick=1.0),
        row("memorisation", 0.04, 0.05, p_value=0.6),
    )


def bad():
    return (
        row("precision", 0.1, 0.9, half=0.01, yardstick=1.0),
        row("coverage", 0.1, 0.9, half=0.01, yardstick=1.0),
        row("memorisation", 0.04, 0.05, p_value=0.6),
    )


def copied():
    return (*good()[:2], row("memorisation", 0.6, 0.05, p_value=1e-9))


def test_the_trend_is_that_of_the_last_third() -> None:
    assert trend(curve(slope=-0.3)) == "falling"
    assert trend(curve(slope=0.3)) == "rising"
    assert trend(curve(slope=0)) == "level"
    assert trend(curve(slope=-0.005, scatter=1e-6)) == "level", "sure, and too little to matter"
    assert trend(curve(slope=-0.3, n=5)) == ""
    assert trend(()) == ""
    assert trend([(step, float("inf")) for step in range(20)]) == ""
    assert trend([(step, 1.0) for step in range(20)]) == "level"


def test_noise_alone_is_seldom_a_trend() -> None:
    found = [trend(curve(slope=0, scatter=0.2, seed=seed)) for seed in range(200)]
    assert 170 <= found.count("level") <= 192  # 5 % on either side


@pytest.mark.parametrize(
    ("rows", "changes", "first", "second"),
    [
        (bad(), {"validation": curve(slope=-0.3)}, "longer training, since", None),
        (
            bad(),
            {"validation": curve(slope=-0.3), "images": 900},
            "longer training, since",
            "more images: 900 images are few",
        ),
        (bad(), {"validation": curve(slope=0)}, "a wider network or a smaller size", None),
        (
            bad(),
            {"validation": curve(slope=0), "wider": "--width 64"},
            "a wider network (--width 64)",
            None,
        ),
        (
            bad(),
            {"validation": curve(slope=0.3), "images": 900, "mirror": "--mirror"},
            "more images, or mirroring (--mirror): the validation score was rising",
            None,
        ),
        (bad(), {}, "longer training: `saddlepoint resume runs/mine --steps 2000`", None),
        (copied(), {"validation": curve(slope=-0.3)}, "more images, since training images", None),
        (
            copied(),
            {"mirror": "--mirror", "mirrored": True, "augment": "--augment"},
            "more images, or augmentation (--augment), since training images are copied",
            None,
        ),
        (good(), {"own_size": 256}, "a larger size (--data.size 128): the pictures have 256", None),
        (good(), {"own_size": 64}, "nothing that the scores ask for", None),
        (good(), {}, "nothing that the scores ask for", None),
        (good(half=0.4), {}, "more images: 2,000 held-out ones show only large", None),
    ],
)
def test_what_helps_next(rows, changes, first: str, second: str | None) -> None:
    said = verdict(evaluation(*rows), replace(FACTS, **changes))
    assert said.sentences == evaluation(*rows).summary
    assert said.next[0].startswith(first)
    assert len(said.next) == (1 if second is None else 2)
    assert second is None or said.next[1].startswith(second)


def test_a_weak_space_is_made_better_first() -> None:
    weak = [replace(each, weakness="pixels") for each in good()[:2]]
    said = verdict(evaluation(*weak, remedy="pip install it"), FACTS)
    assert said.next[0].startswith("scores that see content: `pip install it`")


def test_without_scores_it_says_why() -> None:
    few = replace(FACTS, images=123, held_out=28)
    said = verdict(None, few)
    assert said.sentences == (
        "No scores: 28 images were held out, and comparing samples with them takes 40: look at the "
        "samples yourself.",
    )
    assert said.next[0] == (
        "more images: from 160 on enough of them are held out for scores, and 123 are few to learn "
        "from."
    )
    small = verdict(None, replace(FACTS, images=3000, held_out=30))
    assert small.next[0].startswith("a test of at least 40 images, for scores: a larger share")
    other = verdict(None, FACTS, why_not="The test was left out, as asked.")
    assert other.sentences == ("The test was left out, as asked.",)
    assert other.next == ("scores: `saddlepoint evaluate runs/mine`.",)


def test_every_rule_has_its_reason_and_every_case_an_answer() -> None:
    assert all(rule.__doc__ for rule in RULES)
    for rows in (good(), bad(), copied(), good(half=0.4), ()):
        for slope in (-0.3, 0, 0.3, None):
            validation = () if slope is None else curve(slope=slope)
            for images in (300, 50_000):
                facts = replace(FACTS, images=images, validation=validation)
                said = verdict(evaluation(*rows), facts)
                assert 1 <= len(said.next) <= 2
                assert all(each.endswith(".") for each in said.next)
                assert "nothing that" not in said.next[0] or len(said.next) == 1


def test_the_commands_are_those_of_the_run() -> None:
    commands = dict(verdict(None, replace(FACTS, run=Path("my run"))).commands)
    assert commands["sample"] == "saddlepoint sample 'my run' --n 64 --out grid.png"
    assert commands["go on"] == "saddlepoint resume 'my run' --steps 2000"
    larger = "saddlepoint resume 'my run' --data LARGER --other-data --steps 2000"
    assert commands["with more images"] == larger
    assert commands["anew with more"] == "saddlepoint train LARGER --init 'my run'"
    wide = verdict(None, replace(FACTS, anew=("LARGER", "--width", "64")))
    assert dict(wide.commands)["anew with more"].endswith(" LARGER --width 64 --init runs/mine")
    lines = verdict(None, FACTS).lines
    assert lines[1].startswith("Next: ")
    assert lines[2].startswith("  sample:")


def test_it_says_what_was_compared_with_what() -> None:
    judged = replace(evaluation(*good()), notes=("The reference holds training examples.",))
    said = verdict(judged, FACTS)
    assert said.compared == (
        "Compared: it (100) against data (100); control of 100. where.",
        "The reference holds training examples.",
    )
    at = [said.lines.index(each) for each in (*said.sentences, *said.compared)]
    assert at == list(range(len(at)))
    assert verdict(None, FACTS).compared == ()


def test_facts_are_read_from_the_run(tmp_path: Path) -> None:
    run = sp.recipes.dcgan_two_core("digits", width=4, batch_size=8, steps=6)
    training = run.training.replace(
        log_every=2,
        checkpoint_every=2,
        sample_every=6,
        validation=run.training.validation.replace(score="kernel", samples=40),
    )
    sp.train(run.replace(training=training), tmp_path / "run")
    facts = facts_of(tmp_path / "run", glance(run.data), mirror="--mirror")
    assert (facts.images, facts.held_out, facts.steps, facts.size) == (1437, 180, 6, 8)
    assert [step for step, _ in facts.validation] == [2, 4, 6]
    assert (facts.own_size, facts.mirror) == (None, "--mirror")
    assert not facts.mirrored
    assert not facts.augmented
    with pytest.raises(BadInput, match="is no run"):
        facts_of(tmp_path / "nowhere")


def test_the_own_size_is_that_of_most_files() -> None:
    found = glance_at(smooth_pictures(2), sizes=Counter({(100, 300): 5, (500, 400): 2}))
    assert own_size(found) == 100


@pytest.mark.parametrize(
    ("augment", "mirror", "augmented", "mirrored"),
    [
        ("none", False, False, False),
        ("none", True, False, True),
        ("adaptive", False, True, False),
        ("fixed", True, True, True),
    ],
)
def test_what_a_run_changes_is_read_off_its_lenses(
    tmp_path: Path, augment: str, mirror: bool, augmented: bool, mirrored: bool
) -> None:
    options = {"augment": augment, "mirror": mirror, "width": 2, "batch_size": 8, "steps": 1}
    sp.train(sp.recipes.image("digits", **options), tmp_path / "run", quiet=True)
    facts = facts_of(tmp_path / "run")
    assert (facts.augmented, facts.mirrored) == (augmented, mirrored)
