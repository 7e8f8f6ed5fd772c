"""Comparisons of runs: what is tested, of what it speaks, and what never matters."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.data.toys import Ring
from saddlepoint.evaluation import compare as comparing
from saddlepoint.evaluation.strips import strips
from saddlepoint.metrics.estimate import Estimate, difference
from saddlepoint.metrics.group_tests import compare_groups

CHEAP = ["kernel", "sliced"]
SPARSE = {"sample_every": 1000}  # pictures take longer than such steps


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SADDLEPOINT_DATA", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seeds of each of two methods, one run of a third, and a repetition of the first."""
    base = tmp_path_factory.mktemp("compared")
    for name, seed, width in (("a0", 0, 4), ("a1", 1, 4), ("b0", 0, 6), ("b1", 1, 6), ("c", 0, 8)):
        sp.train(tiny("dcgan", steps=4, width=width, seed=seed), base / name, quiet=True)
    sp.train(sp.read_run(base / "a0" / "run.json"), base / "again", quiet=True)
    return {path.name: path for path in base.iterdir()}


def point(value: float) -> Estimate:
    return Estimate(value, value, value, "", 1, 1)


def test_two_checkpoints_are_compared_as_checkpoints(tmp_path: Path) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    sp.train(tiny("dcgan", steps=4), short, quiet=True)
    sp.train(tiny("dcgan", steps=80, critic={"norm": "none"}), long, quiet=True)
    comparison = sp.compare([short, long], features="pixels", scores=CHEAP)
    assert comparison.scope == "checkpoint"
    assert "nothing of the method" in comparison.licence
    verdict = comparison.verdicts[0]
    first, second = (group.evaluations[0].row("kernel").figure for group in comparison.groups)
    expected = difference(first.estimate, second.estimate)
    assert verdict.difference is not None
    assert verdict.difference.value == pytest.approx(expected.value)
    assert verdict.difference.low == pytest.approx(expected.low)
    assert verdict.better in ("long", None)


def test_seeds_are_compared_as_methods(tmp_path: Path) -> None:
    for name, steps in (("one", 12), ("two", 60)):
        run = tiny("gan", data="ring", steps=steps, training=SPARSE).replace(seeds=3)
        sp.train(run, tmp_path / name, quiet=True)
    comparison = sp.compare([tmp_path / "one", tmp_path / "two"], n=500, scores=CHEAP)
    assert comparison.scope == "method"
    assert "about the method" in comparison.licence
    values = [
        [e.row("sliced").figure.estimate.value for e in group.evaluations]
        for group in comparison.groups
    ]
    expected = stats.ttest_ind(*values, equal_var=False)
    raw = compare_groups(*([point(v) for v in part] for part in values))
    assert raw.p_value == pytest.approx(expected.pvalue)
    assert raw.difference is not None
    low, high = expected.confidence_interval(0.95)
    assert (raw.difference.low, raw.difference.high) == (pytest.approx(low), pytest.approx(high))
    verdict = next(v for v in comparison.verdicts if v.score == "sliced")
    assert verdict.p_value is not None
    assert verdict.p_value >= expected.pvalue


def test_an_extra_single_run_changes_nothing_between_the_others(runs: dict[str, Path]) -> None:
    settings = {"features": "pixels", "scores": CHEAP}
    pair = sp.compare([runs[name] for name in ("a0", "a1", "b0", "b1")], **settings)
    assert [len(group.evaluations) for group in pair.groups] == [2, 2]
    assert pair.scope == "method"
    more = sp.compare([runs[name] for name in ("a0", "a1", "b0", "b1", "c")], **settings)
    assert more.scope is None, "the pairs differ in what they speak of"
    kept = [v for v in more.verdicts if "c" not in (v.first, v.second)]
    assert [v.scope for v in kept] == ["method", "method"]
    for old, new in zip(pair.verdicts, kept, strict=True):
        assert (new.difference, new.test) == (old.difference, old.test)
    with_single = [v for v in more.verdicts if "c" in (v.first, v.second)]
    assert {v.scope for v in with_single} == {"checkpoint"}
    # all seeds of the group stand behind its name, not its first alone
    kernel = next(v for v in with_single if v.first == "a0 … a1" and v.score == "kernel")
    values = [
        [e.row("kernel").figure.estimate.value for e in group.evaluations] for group in more.groups
    ]
    assert kernel.difference is not None
    assert kernel.difference.value == pytest.approx(np.mean(values[0]) - values[2][0])
    assert "a0 … a1 and c; b0 … b1 and c: At least one side" in more.licence


def test_the_order_of_the_runs_changes_no_verdict(runs: dict[str, Path]) -> None:
    names = ["a0", "b0", "c", "a1", "b1"]
    orders = []
    for order in (names, names[::-1], ["c", "b1", "a0", "b0", "a1"]):
        comparison = sp.compare([runs[n] for n in order], features="pixels", scores=CHEAP)
        verdicts = {}
        for v in comparison.verdicts:
            assert v.difference is not None
            first, second = sorted((v.first, v.second))
            sign = 1 if first == v.first else -1
            verdicts[v.score, first, second] = (
                pytest.approx(sign * v.difference.value),
                pytest.approx(v.p_value),
                v.better,
            )
        orders.append(verdicts)
    assert orders[0] == orders[1] == orders[2]


def test_a_run_repeated_from_its_description_compares_with_it(runs: dict[str, Path]) -> None:
    comparison = sp.compare([runs["a0"], runs["again"]], features="pixels", scores=CHEAP)
    assert [group.name for group in comparison.groups] == ["a0", "again"]
    assert "nothing but their seed" in comparison.notes[0]
    for verdict in comparison.verdicts:
        assert verdict.difference is not None
        assert verdict.difference.value == 0
        assert verdict.p_value is None, "equal checkpoints have no spread, and no p"
        assert verdict.reason
        assert verdict.better is None
    both = sp.compare([runs["a0"], runs["a1"]], features="pixels", scores=CHEAP)
    assert both.scope == "checkpoint"
    three = sp.compare([runs["a0"], runs["again"], runs["b0"]], features="pixels", scores=CHEAP)
    assert [len(group.evaluations) for group in three.groups] == [1, 1, 1]


def test_p_values_are_corrected_by_holm() -> None:
    def verdict(p_value: float | None) -> comparing.Verdict:
        gap = Estimate(1, 0, 2, "", 1, 1)
        return comparing.Verdict("s", "s", "x", "a", "b", "checkpoint", gap, p_value, "a", "t")

    corrected = comparing._corrected([verdict(p) for p in (0.04, 0.01, None, 0.03)])
    assert [v.p_value for v in corrected] == [
        pytest.approx(0.06),
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
    ]
    assert [v.better for v in corrected] == [None, "a", None, None]


def test_samples_far_from_every_mode_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mode has a sample: scores over modes are infinite or undefined on both sides."""
    monkeypatch.chdir(tmp_path)
    for name, steps in (("one", 2), ("two", 3)):
        run = tiny("gan", data=Ring(std=1e-6), steps=steps, training=SPARSE).replace(seeds=2)
        sp.train(run, name, quiet=True)
    main(["compare", "one", "two", "--scores", "modes", "modes_kl", "spread", "kernel"])
    said = capsys.readouterr().out
    assert "no test: a value is not finite" in said
    body = json.loads((tmp_path / "comparison" / "comparison.json").read_text())
    assert {v["p_value"] for v in body["verdicts"] if v["score"] == "modes_kl"} == {None}
    assert Image.open(tmp_path / "comparison" / "comparison.png").size[0] > 300


def test_compare_on_the_command_line(
    runs: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["compare", str(runs["a0"]), str(runs["b0"]), "--features", "pixels"]
    words += ["--scores", "kernel"]
    main(words)
    said = capsys.readouterr().out
    assert "jackknife" in said
    assert "say nothing of the method" in " ".join(said.split())
    assert "images" in said or "8 bits" in said, "what was done to the examples is said"
    first = tmp_path / "comparison" / "comparison.json"
    kept = first.read_bytes()
    assert json.loads(kept)["scope"] == "checkpoint"
    main(words)
    assert first.read_bytes() == kept
    assert (tmp_path / "comparison-2" / "comparison.png").exists()
    with pytest.raises(SystemExit):
        main([*words, "--out", "comparison"])
    assert "--overwrite" in capsys.readouterr().err
    main([*words, "--out", "comparison", "--overwrite"])
    assert json.loads(first.read_text())["seconds"] != json.loads(kept)["seconds"]


def test_a_comparison_prints_as_its_table(runs: dict[str, Path]) -> None:
    comparison = sp.compare([runs["a0"], runs["b0"]], features="pixels", scores=["kernel"])
    assert "kernel distance" in str(comparison)
    assert "a0 − b0" in str(comparison)
    page = comparison._repr_html_()
    assert page.count("<table>") == 2
    assert "a0 − b0" in page


def test_the_picture_grows_with_the_runs_and_their_names() -> None:
    """matplotlib warned that nothing was left for the strips, and drew the names across them."""
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(400, 2)), random.normal(1, size=(200, 2))
    evaluation = sp.evaluate(
        real=real, fake=fake, scores=["frechet", "kernel", "sliced", "precision", "recall"]
    )
    sizes = []
    for count in (1, 4, 9, 24):
        name = "learning-rate=0.0001,critic-regularisers=r1+drift #{}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sizes.append(strips([(name.format(i), evaluation) for i in range(count)]).size)
    assert [height for _, height in sizes] == sorted({height for _, height in sizes})
    assert sizes[3][1] > 24 * 15  # a line of letters each
