import base64
import json
import math
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from saddlepoint.drawing import grid, save_png
from saddlepoint.errors import BadInput
from saddlepoint.pages import markup
from saddlepoint.report import figures
from saddlepoint.report.gather import Curve, gather
from saddlepoint.report.page import NAME, build_report
from saddlepoint.training.record import Record

VOID = {"meta", "img", "source", "br", "link", "input"}


def fake_run(folder, *, end="finished", lines=60, frames=6, evil=""):
    """Write the directory of a run that never was: resumed once, with nulls and a cut line."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = lines * 20
    given = {
        "recipe": f"gan{evil}",
        "seed": 0,
        "data": {"kind": "digits", "flip": False},
        "learner": {"kind": "adversarial", "objective": "non-saturating", "latent": 32},
        "training": {"steps": steps, "batch_size": 128, "log_every": 20},
    }
    resolved = {
        "device": "cpu",
        "processor": "An Example Processor",
        "precision": "float32",
        "threads": 2,
        "versions": {"saddlepoint": "0.1", "torch": "2.6", "python": "3.11", "numpy": "2.0"},
        "batch_size": 128,
        "horizon": steps,
        "data": {
            "name": "digits",
            "shape": [1, 8, 8],
            "form": "images",
            "classes": [str(digit) for digit in range(10)],
            "counts": {"train": 1437, "validation": 180, "test": 180},
            "fingerprint": "0f" * 32,
            "notes": [f"Two files were skipped{evil}.", "Values 0..16 were mapped to [-1, 1]."],
        },
        "parameters": {"generator": 123_456, "critic": 56_789},
        "headline": ["critic/loss", "generator/loss"],
    }
    run = {"format": 2, "given": given, "resolved": resolved}
    (folder / "run.json").write_text(json.dumps(run))
    random = np.random.default_rng(0)
    record = Record(folder)
    record.event(0, "start", f"on cpu{evil}")
    middle = lines * 2 // 3
    order = [*range(1, middle + 1), *range(middle - 3, lines + 1)]
    for position, line in enumerate(order):
        step = 20 * line
        if position == middle:
            record.close()
            with (folder / "record.jsonl").open("a") as file:
                file.write('{"kind": "scalars", "step": 99, "sec')
            record = Record(folder)
            record.event(20 * (middle - 4), "resume")
        bad = line in (20, 21)
        scalars = {
            "critic/loss": math.nan if bad else 1.39 - 0.3 * line / lines + random.normal() * 0.1,
            "generator/loss": 0.7 + 0.4 * line / lines + random.normal() * 0.15,
            "critic/score_real": 1 + random.normal() * 0.1,
            "critic/score_fake": -1 + random.normal() * 0.1,
            "gradient_norm/critic": 10 ** random.normal(),
            "gradient_norm/generator": 10 ** random.normal(),
            "learning_rate/critic": 2e-4,
            f"odd${evil}": random.normal(),
        }
        if line % 10 == 0:
            scalars["validation/frechet"] = 40 - 30 * line / lines
        rate = 3000 + 200 * float(random.normal())
        record.scalars(step, scalars, seconds=0.8 * line, rate=rate, examples=128 * step)
        if line % 2 == 0:
            record.event(step, "checkpoint", f"checkpoints/step-{step:08}")
    if end:
        reason = {"stopped": "critic/loss was not finite at step 1200", "interrupted": "Ctrl-C"}
        record.event(steps, end, reason.get(end, ""))
    record.close()
    samples = folder / "samples"
    samples.mkdir(exist_ok=True)
    if frames:
        real = random.normal(size=(16, 1, 8, 8)).clip(-1, 1)
        save_png(grid(real), samples / "real.png")
        for index, step in enumerate(np.linspace(0, steps, frames).astype(int)):
            share = index / max(frames - 1, 1)
            mixed = share * real + (1 - share) * random.normal(size=real.shape)
            save_png(grid(mixed), samples / f"step-{step:08}.png")
    for step in (steps // 2, steps):
        (folder / "checkpoints" / f"step-{step:08}").mkdir(parents=True, exist_ok=True)
    best = {"step": steps // 2, "scalar": "validation/frechet", "value": 12.5, "mode": "min"}
    (folder / "checkpoints" / "best.json").write_text(json.dumps(best))
    return folder


class Page(HTMLParser):
    """Collects what the tests ask about, and checks that tags are closed in order."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.open = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = fake_run(tmp_path_factory.mktemp("report") / "run")
    build_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run):
    return Page(run / NAME)


def test_the_page_is_self_contained(page):
    assert len(page.source) < 3_000_000
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "srcset", "href", "action", "data", "poster"}:
                assert value.startswith("data:image/"), (tag, name, value[:60])
    outside = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", page.source)
    assert not re.search(r"https?://|@import|url\(|//[a-z]", outside)


def test_every_image_is_whole_and_described(page):
    images = page.all("img")
    assert len(images) >= 2 + 5 + 1 + 6 + 1
    for image in images:
        assert len(image["alt"]) > 10
        data = base64.b64decode(image["src"].split(",", 1)[1])
        assert len(data) > 50
        assert int(image["width"]) > 0
        assert int(image["height"]) > 0


def test_the_page_is_semantic(page):
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    names = [attributes["id"] for attributes in page.all("h2")]
    order = ["samples", "symptoms", "curves", "evaluation", "timeline"]
    order += ["data", "description", "environment", "onwards"]
    assert names == order
    assert [attributes["aria-labelledby"] for attributes in page.all("section")] == order
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_the_page_says_what_is_known(page):
    for words in (
        "gan on digits",
        "Finished at step 1,200 of 1,200.",
        "153,600",
        "48.0 s",
        "123,456",
        "step 600 (validation/frechet = 12.5, lowest)",
        "Two files were skipped",
        "An Example Processor",
        "2.6",
        "saddlepoint resume",
        "--n 64 --out grid.png",
        "Generated, step 1,200",
        "1,437 train, 180 validation, 180 test",
    ):
        assert words in page.words, words
    assert re.search(r"checkpoint × 20 +last: checkpoints/step-00000800", page.words)
    assert page.words.count("checkpoint × ") == 2  # before and after the resume


def test_everything_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>\"'&<img src=x onerror=y>"
    folder = fake_run(tmp_path / "a<b>&", evil=evil, lines=6, frames=2)
    (folder / "samples" / "timeline.gif").unlink(missing_ok=True)
    page = Page(build_report(folder))
    assert "<script" not in page.source
    assert "onerror=y>" not in page.source
    assert page.all("script") == []
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert f"gan{evil} on digits" in page.words
    assert f"odd${evil}" in " ".join(image["alt"] for image in page.all("img"))


def test_states(tmp_path):
    def sentence(name, **options):
        return gather(fake_run(tmp_path / name, lines=6, frames=0, **options)).state

    assert sentence("a").kind == "finished"
    interrupted = sentence("b", end="interrupted")
    assert (interrupted.kind, interrupted.sentence) == (
        "interrupted",
        "Interrupted at step 120 of 120: Ctrl-C.",
    )
    stopped = sentence("c", end="stopped")
    assert stopped.kind == "stopped"
    assert "critic/loss was not finite" in stopped.sentence
    going = sentence("d", end="")
    assert going.kind == "open"
    assert "Running, or killed: at step 120 of 120" in going.sentence
    # A run that goes on after its end is open again, from the step it went back to.
    record = Record(tmp_path / "b")
    record.event(80, "resume")
    record.close()
    again = gather(tmp_path / "b")
    assert (again.state.kind, again.step) == ("open", 80)


def test_only_a_run_json_is_enough(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    page = Page(build_report(tmp_path))
    assert "Nothing is recorded yet." in page.words
    assert "not recorded" in page.words
    assert page.all("img") == []
    (tmp_path / "record.jsonl").write_text("")
    assert gather(tmp_path).state.kind == "empty"


@pytest.mark.parametrize(
    "run",
    [
        {"format": 2, "given": None, "resolved": []},
        {"format": "2", "given": {"training": 3, "data": "digits"}, "resolved": {"data": {}}},
        {
            "given": {"recipe": None, "training": {"steps": "many"}},
            "resolved": {
                "batch_size": "x",
                "parameters": {"critic": None},
                "headline": [None, 3],
                "versions": [],
                "data": {"shape": 3, "counts": {"train": None}, "notes": "no", "classes": 4},
            },
        },
    ],
)
def test_odd_descriptions_do_no_harm(tmp_path, run):
    fake_run(tmp_path, lines=3, frames=1)
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert "not recorded" in Page(build_report(tmp_path)).words


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": "scalars"}\n',
        '{"kind": "scalars", "step": 1, "scalars": []}\n',
        "\x00\xff garbage\n[1]\n3\n",
        '{"kind": "event"}\n',
        '{"kind":"scalars","step":1,"seconds":null,"images_per_second":null,"scalars":{"a":null}}\n',
    ],
)
def test_odd_records_do_no_harm(tmp_path, text):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "record.jsonl").write_text(text)
    Page(build_report(tmp_path))


def test_damaged_pictures_are_left_out(tmp_path):
    folder = fake_run(tmp_path, lines=3, frames=3)
    newest = folder / "samples" / "step-00000060.png"
    newest.write_bytes(newest.read_bytes()[:40])
    (folder / "samples" / "real.png").write_bytes(b"")
    (folder / "checkpoints" / "best.json").write_text("{")
    page = Page(build_report(folder))
    assert "Generated, step 30" in page.words
    assert "No picture of real examples" in page.words
    (folder / "samples" / "timeline.gif").write_bytes(b"GIF89a")
    assert "cannot be read" in Page(build_report(folder)).words


def test_no_run(tmp_path):
    with pytest.raises(BadInput, match=r"is no run: it has no run\.json"):
        build_report(tmp_path)
    with pytest.raises(BadInput, match="is no run: it does not exist"):
        build_report(tmp_path / "x")
    (tmp_path / "run.json").write_text("[")
    with pytest.raises(BadInput, match=r"its run\.json cannot be read"):
        build_report(tmp_path)


def test_the_timeline_is_made_once_and_again_for_new_frames(run):
    gif = run / "samples" / "timeline.gif"
    with Image.open(gif) as image:
        assert image.n_frames == 6
        assert image.info["loop"] == 0
    first = gif.stat().st_mtime_ns
    build_report(run)
    assert gif.stat().st_mtime_ns == first
    newest = run / "samples" / "step-00001200.png"
    os.utime(newest, ns=(first + 10**9, first + 10**9))
    build_report(run)
    assert gif.stat().st_mtime_ns != first
    leftovers = [path.name for path in run.rglob("*.part")]
    assert leftovers == []


def test_a_page_elsewhere_leaves_the_run_as_it_is(tmp_path):
    folder = fake_run(tmp_path / "run", lines=3, frames=3)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    out = tmp_path / "page.html"
    assert build_report(folder, out) == out
    assert "All steps in motion" in Page(out).words, "the animation is in the page alone"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(BadInput, match=r"page\.html exists already"):
        build_report(folder, out)
    build_report(folder, out, overwrite=True)
    out.write_text("my own page")
    with pytest.raises(BadInput, match=r"page\.html was not written by saddlepoint"):
        build_report(folder, out, overwrite=True)
    assert out.read_text() == "my own page"
    with pytest.raises(BadInput, match=r"ends in \.html"):
        build_report(folder, tmp_path / "page.pdf")


def test_a_report_that_was_edited_is_not_replaced(tmp_path):
    folder = fake_run(tmp_path / "run", lines=3, frames=0)
    build_report(folder)
    build_report(folder)
    (folder / NAME).write_text("my notes")
    with pytest.raises(BadInput, match=r"report\.html .* choose another --out"):
        build_report(folder)
    assert (folder / NAME).read_text() == "my notes"


def test_an_animation_of_the_users_is_not_replaced(tmp_path):
    folder = fake_run(tmp_path / "run", lines=3, frames=3)
    gif = folder / "samples" / "timeline.gif"
    gif.write_bytes(b"mine")
    os.utime(gif, ns=(0, 0))
    assert "All steps in motion" in Page(build_report(folder)).words
    assert gif.read_bytes() == b"mine"


def test_large_photographs_stay_small(tmp_path):
    random = np.random.default_rng(0)
    folder = fake_run(tmp_path, lines=3, frames=0)
    for name in ("real", *(f"step-{step:08}" for step in range(4))):
        noise = random.integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)
        save_png(grid(noise), folder / "samples" / f"{name}.png")
    assert len(build_report(folder).read_bytes()) < 3_000_000


def test_gaps_are_told_from_values_that_were_not_logged(run):
    curves = {curve.name: curve for curve in gather(run).curves}
    gaps = [
        step
        for step, value in zip(
            curves["critic/loss"].steps, curves["critic/loss"].values, strict=True
        )
        if not math.isfinite(value)
    ]
    assert gaps == [400, 420]
    sparse = curves["validation/frechet"]
    assert sparse.steps == (200, 400, 600, 800, 1000, 1200)
    assert sparse.last == 10
    assert "2 not finite" in figures.curves(gather(run))[0][0].alt


def test_scalars_are_grouped_by_kind():
    names = {
        "critic/loss": "Losses",
        "elbo": "Losses",
        "kl": "Losses",
        "critic/score_real": "Scores",
        "critic/gradient_penalty": "Penalties",
        "critic/r1": "Penalties",
        "gradient_norm/critic": "Gradient norms",
        "learning_rate/generator": "Learning rates",
        "validation/frechet": "Validation",
        "inception_score": "Inception score",
        "": "Others",
    }
    assert {name: figures.family(name) for name in names} == names
    curves = [Curve(f"learning_rate/{i}", (1,), (1.0,)) for i in range(8)]
    curves += [Curve("coverage", (1,), (1.0,)), Curve("elbo", (1,), (1.0,))]
    assert [(title, len(members)) for title, members in figures.groups(curves)] == [
        ("Losses", 1),
        ("Coverage", 1),
        ("Learning rates (1 of 2)", 6),
        ("Learning rates (2 of 2)", 2),
    ]


def test_smoothing_keeps_lines_and_gaps():
    line = np.arange(50.0)
    assert figures.smoothed(line, 9)[10:40] == pytest.approx(line[10:40])
    line[20] = np.nan
    smooth = figures.smoothed(line, 9)
    assert np.flatnonzero(np.isnan(smooth)).tolist() == [20]
    assert figures.smoothed(np.full(30, 3.0), 5) == pytest.approx(3)
    spike = np.ones(100)
    spike[10] = 1e30
    assert figures.smoothed(spike, 9)[50:] == pytest.approx(1)
    assert figures.smoothed(np.array([1.0, np.inf]), 3).tolist()[0] == 1


def test_compact_shrinks_and_refuses(tmp_path):
    path = tmp_path / "a.png"
    save_png(Image.new("RGB", (900, 300), "red"), path)
    data, size = markup.compact(path, 1000, 10**6)
    assert (data, size) == (path.read_bytes(), (900, 300))
    assert markup.compact(path, 300, 10**6)[1] == (300, 100)
    path.write_text("no")
    assert markup.compact(path, 300, 10**6) is None


def test_an_evaluation_is_shown(tmp_path):
    folder = tmp_path / "evaluated"
    fake_run(folder, frames=1)
    assert "Not evaluated yet" in build_report(folder).read_text(encoding="utf-8")
    row = {
        "score": "kernel",
        "title": "kernel <distance>",
        "better": "lower",
        "space": "pixels",
        "value": 0.25,
        "low": 0.125,
        "high": None,
        "n_real": 180,
        "n_fake": 90,
        "p_value": 0.01,
        "verdict": "differs",
        "control": {"value": 0.001, "low": -0.01, "high": 0.02},
    }
    whole = {"candidate": "it", "reference": "digits", "where": "test", "rows": [row, 3]}
    whole |= {"notes": ["n matters"], "summary": ["Realistic? No."], "time": "2026-01-02T00:00:00Z"}
    whole |= {"preparation": {"real": ["cut in the middle"], "candidate": []}}
    (folder / "evaluations").mkdir()
    file = folder / "evaluations" / "pixels-step-12.json"
    file.write_text(json.dumps(whole))
    text = build_report(folder).read_text(encoding="utf-8")
    for part in ("kernel &lt;distance&gt; ↓", "0.25, p = 0.01", "[0.125, ∞ or undefined]"):
        assert part in text
    assert "0.001 [-0.01, 0.02]" in text
    for part in ("n matters", "Realistic? No.", "digits: cut in the middle", "<td>differs</td>"):
        assert part in text
    older = whole | {"time": "2026-01-01T00:00:00Z", "candidate": "the older one"}
    other = folder / "evaluations" / "classifier-step-12.json"
    other.write_text(json.dumps(older))
    text = build_report(folder).read_text(encoding="utf-8")
    assert text.index("it against digits") < text.index("the older one against digits")
    assert "<summary>classifier-step-12, 2026-01-01 00:00:00</summary>" in text
    other.unlink()
    for broken in ("{", "[]", json.dumps({"rows": 5})):
        file.write_text(broken)
        assert "Not evaluated yet" in build_report(folder).read_text(encoding="utf-8")
