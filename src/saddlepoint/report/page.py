"""The report of a run: one self-contained HTML file beside its record."""

from __future__ import annotations

import io
import json
import math
import statistics
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from saddlepoint.drawing import animation, evenly_spaced
from saddlepoint.errors import BadInput, RunStopped, command_line
from saddlepoint.outputs import check_output, check_replaceable, output_file, replace_output
from saddlepoint.pages import markup
from saddlepoint.pages.document import document
from saddlepoint.report import figures, pictures, seeds, warnings
from saddlepoint.report.evaluations import evaluation
from saddlepoint.report.gather import Event, Frame, Summary, at, gather, number

NAME = "report.html"
GIF = "timeline.gif"
_THUMBNAILS = 8
_GIF_BYTES = 900_000  # beyond this the page would no longer be small
_ROUTINE = ("checkpoint", "samples", "best")
_ROWS = 60


def build_report(folder: Path, out: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write one HTML page about a run or a group, from what lies in its directory alone.

    Makes ``samples/timeline.gif`` first where it is missing or older than the newest picture; with
    ``out``, and in a directory that cannot be written, the animation is in the page alone.

    Args:
        folder: The run directory, or that of a group, whose seeds get a page each, too.
        out: The page, by default ``report.html`` in the run directory, where an earlier report is
            replaced.
        overwrite: An earlier report at ``out`` may be replaced, too.

    Returns:
        The page's path.

    Raises:
        BadInput: The folder is no run, or a file that is no report of ours is in the way.
        RunStopped: The page cannot be written.
    """
    folder = Path(folder)
    group = seeds.is_group(folder)
    summary, each = seeds.gather_group(folder) if group else (gather(folder), ())
    target = folder / NAME if out is None else Path(out).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"--out {target}: name a file that ends in .html.")
    if out is None:
        check_replaceable(target)
    else:
        check_output(target, overwrite=overwrite)
    if out is None:
        for seed in each:
            build_report(seed.folder)
    gif = _timeline(summary, keep=out is None and not group)
    more = seeds.section(each, linked=out is None) if each else ""
    content = page(summary, gif, more).encode("utf-8", "replace")
    with output_file(target, overwrite=overwrite or out is None) as file:
        file.write(content)
    return target


def page(summary: Summary, gif: bytes | None = None, more: str = "") -> str:
    """Return the whole page as HTML; ``gif`` is the timeline, ``more`` a section of a group."""
    name = _name(summary)
    sections = [
        pictures.samples(summary),
        pictures.further(summary),
        more,
        warnings.section(summary),
        _curves(summary),
        evaluation(summary.folder),
        _time(summary, gif),
        _data(summary),
        _description(summary),
        _environment(summary),
        _onwards(summary),
    ]
    return document(name, "\n".join([_head(summary, name), *sections]))


def _name(summary: Summary) -> str:
    recipe = at(summary.given, "recipe") or at(summary.given, "learner", "kind") or "A run"
    data = at(summary.resolved, "data", "name") or at(summary.given, "data", "kind")
    return f"{recipe} on {data}" if data else str(recipe)


def _head(summary: Summary, name: str) -> str:
    state = summary.state
    word = "running or killed" if state.kind == "open" else state.kind
    badge = f'<span class="state {state.kind}">{markup.text(word)}</span>'
    notes = [markup.paragraph(problem, "problem") for problem in summary.problems]
    return "\n".join(
        [
            f"<header><h1>{markup.text(name)} {badge}</h1>",
            markup.paragraph(" ".join([state.sentence, *warnings.at_the_end(summary)]), "lead"),
            *notes,
            markup.facts(_key_figures(summary)),
            "</header>",
        ]
    )


def _key_figures(summary: Summary) -> list[tuple[str, object]]:
    done = f"{summary.step:,}" + (f" of {summary.target:,}" if summary.target is not None else "")
    seen = f"{summary.examples:,}" if summary.examples else None
    rates = [rate for rate in summary.rate if math.isfinite(rate)]
    what = "Images" if at(summary.resolved, "data", "form") in (None, "images") else "Examples"
    pairs: list[tuple[str, object]] = [
        ("Steps", done),
        ("Examples seen", seen),
        (f"{what} per second (median)", f"{np.median(rates):,.0f}" if rates else None),
        ("Training time", _duration(summary.seconds[-1]) if summary.seconds else None),
    ]
    players = at(summary.resolved, "parameters")
    if isinstance(players, dict) and players:
        for player, count in players.items():
            known = number(count)
            pairs.append((f"Parameters, {player}", None if known is None else f"{known:,.0f}"))
    else:
        pairs.append(("Parameters", None))
    best = summary.best
    if best is not None:
        value = "" if best.value is None else f" = {best.value:.4g}"
        sense = {"min": ", lowest", "max": ", highest"}.get(best.mode, "")
        pairs.append(("Best checkpoint", f"step {best.step:,} ({best.scalar}{value}{sense})"))
    else:
        pairs.append(("Best checkpoint", None))
    headline = at(summary.resolved, "headline")
    last = {curve.name: curve.last for curve in summary.curves}
    for name in headline if isinstance(headline, list) else []:
        value_now = last.get(str(name))
        unit = at(summary.resolved, "units", str(name))
        title = f"{name}, last" + (f" ({unit})" if isinstance(unit, str) else "")
        pairs.append((title, None if value_now is None else f"{value_now:.4g}"))
    return pairs


def _curves(summary: Summary) -> str:
    drawings, left = figures.curves(summary)
    if not drawings:
        words = markup.paragraph("No scalars are recorded.", "quiet")
        return markup.section("Curves", words, key="curves")
    hints = ["Solid: running mean; faint: logged values."]
    if any(not math.isfinite(value) for curve in summary.curves for value in curve.values):
        hints.append("× at the foot: a value that was not finite.")
    players = at(summary.resolved, "parameters")
    if isinstance(players, dict) and "critic" in players:
        hints.append("In a game of two players a falling loss does not mean better samples.")
    more = markup.paragraph(f"Not drawn, but in record.jsonl: {', '.join(left)}.") if left else ""
    images = [_drawing(drawing) for drawing in drawings]
    each = _seeds(summary)
    if each:
        hints.append("Thin lines: the seeds; band: their mean ± one standard deviation.")
    hint = markup.paragraph(" ".join(hints), "quiet")
    return markup.section("Curves", hint, markup.cards(images, "charts"), more, each, key="curves")


def _seeds(summary: Summary) -> str:
    """The last values of several seeds: mean ± standard deviation, and each."""
    curves = [curve for curve in summary.curves if curve.members]
    if not curves:
        return ""
    count = len(curves[0].members[-1])
    rows = []
    for curve in curves:
        last = curve.members[-1]
        whole = f"{statistics.fmean(last):.4g} ± {statistics.stdev(last):.2g}"
        rows.append((curve.name, whole, *(f"{value:.4g}" for value in last)))
    heads = ("scalar", "mean ± standard deviation", *(f"seed {i}" for i in range(count)))
    return markup.table(f"The {count} seeds at step {curves[0].steps[-1]:,}", heads, rows)


def _drawing(drawing: figures.Drawing) -> str:
    width, height = drawing.picture.size
    image = markup.img(markup.png(drawing.picture), (width // 2, height // 2), drawing.alt)
    return markup.figure(image, drawing.title)


def _timeline(summary: Summary, *, keep: bool) -> bytes | None:
    """The animation over the frames, made anew if the newest frame is younger.

    Args:
        summary: The run.
        keep: Store it in the run directory, where that can be written and no other file of the
            name is in the way.
    """
    out = summary.folder / "samples" / GIF
    paths = [frame.path for frame in summary.frames]
    try:
        known = out.stat().st_mtime_ns
        if len(paths) < 2 or known >= max(path.stat().st_mtime_ns for path in paths):
            return out.read_bytes()
    except OSError:
        pass  # none is there, or it cannot be read
    if len(paths) < 2:
        return None
    try:
        data = animation(paths, [f"step {frame.step:,}" for frame in summary.frames])
    except BadInput:  # no frame is readable
        return None
    if keep:
        with suppress(BadInput, RunStopped):
            replace_output(out, data)
    return data


def _time(summary: Summary, gif: bytes | None) -> str:
    chosen = [summary.frames[i] for i in evenly_spaced(len(summary.frames), _THUMBNAILS)]
    thumbnails: list[tuple[Frame, tuple[bytes, tuple[int, int]]]] = []
    for frame in chosen:
        image = markup.compact(frame.path, 480, 40_000)
        if image:
            thumbnails.append((frame, image))
    content = []
    if gif is not None:
        still = markup.uri(thumbnails[-1][1][0]) if thumbnails else ""
        content.append(_animation(summary, gif, still))
    small = [
        markup.figure(
            markup.img(*image, f"Generated samples at step {frame.step:,}."),
            f"step {frame.step:,}",
        )
        for frame, image in thumbnails
    ]
    content.append(markup.cards(small, "thumbs") if small else "")
    if summary.events:
        heads = ("Step", "Time (UTC)", "Event", "Detail")
        content.append(markup.table("What happened", heads, _event_rows(summary.events)))
    else:
        content.append(markup.paragraph("No events are recorded.", "quiet"))
    if summary.checkpoints:
        kept = ", ".join(f"{step:,}" for step in summary.checkpoints[-12:])
        lead = "…, " if len(summary.checkpoints) > 12 else ""
        content.append(markup.paragraph(f"Checkpoints kept at steps {lead}{kept}."))
    else:
        content.append(markup.paragraph("No checkpoints are kept.", "quiet"))
    return markup.section("Timeline", *content, key="timeline")


def _animation(summary: Summary, data: bytes, still: str) -> str:
    if len(data) > _GIF_BYTES:
        kept = (summary.folder / "samples" / GIF).is_file()
        place = f": it is in the run directory, samples/{GIF}." if kept else "."
        return markup.paragraph(f"The animation is too large for this page{place}", "quiet")
    try:
        with Image.open(io.BytesIO(data), formats=["GIF"]) as image:
            size = image.size
    except (OSError, ValueError, SyntaxError):
        return markup.paragraph(f"The animation samples/{GIF} cannot be read.", "quiet")
    first, last = (summary.frames[0].step, summary.frames[-1].step) if summary.frames else (0, 0)
    alt = f"Animation of generated samples from step {first:,} to step {last:,}."
    return markup.cards(
        [markup.figure(markup.img(data, size, alt, still), "All steps in motion")], "single"
    )


def _event_rows(events: tuple[Event, ...]) -> list[tuple[str, str, str, str]]:
    """Rows of the table; between two turns of the run, many events of a kind become one row."""
    rows: list[tuple[str, str, str, str]] = []
    segment: dict[str, list[Event]] = {}

    def close() -> None:
        for name, same in segment.items():
            if len(same) <= 3:
                rows.extend(_row(event) for event in same)
                continue
            span = f"{same[0].step:,} to {same[-1].step:,}"
            detail = f"last: {same[-1].detail}" if same[-1].detail else ""
            rows.append((span, _stamp(same[-1].time), f"{name} × {len(same):,}", detail))
        segment.clear()

    for event in events:
        if event.name in _ROUTINE:
            segment.setdefault(event.name, []).append(event)
        else:
            close()
            rows.append(_row(event))
    close()
    if len(rows) > _ROWS:
        cut = len(rows) - _ROWS
        middle = ("…", "", f"{cut:,} more rows", "in record.jsonl")
        rows = [*rows[: _ROWS // 2], middle, *rows[-_ROWS // 2 :]]
    return rows


def _row(event: Event) -> tuple[str, str, str, str]:
    return (f"{event.step:,}", _stamp(event.time), event.name, event.detail)


def _stamp(time: str) -> str:
    return time.replace("T", " ").removesuffix("Z")


def _data(summary: Summary) -> str:
    data = at(summary.resolved, "data")
    shape, classes, counts = at(data, "shape"), at(data, "classes"), at(data, "counts")
    sizes = None
    if isinstance(counts, dict):
        sizes = ", ".join(f"{_count(number_)} {part}" for part, number_ in counts.items())
    pairs: list[tuple[str, object]] = [
        ("Name", at(data, "name")),
        ("Shape", " × ".join(map(str, shape)) if isinstance(shape, list) else None),
        ("Examples", sizes),
    ]
    if isinstance(classes, list) and classes:
        names = ", ".join(map(str, classes[:20])) + (", …" if len(classes) > 20 else "")
        pairs.append((f"Classes ({len(classes)})", names))
    fingerprint = at(data, "fingerprint")
    # The first digits tell two data sets apart; all stand in the description.
    pairs.append(("Fingerprint", f"{fingerprint[:12]}…" if isinstance(fingerprint, str) else None))
    notes = at(data, "notes")
    said = markup.listing(notes) if isinstance(notes, list) and notes else ""
    return markup.section("Data", markup.facts(pairs), said, key="data")


def _description(summary: Summary) -> str:
    pieces = []
    for title, tree in (("As given", summary.given), ("As resolved", summary.resolved)):
        if tree:
            content = json.dumps(tree, indent=2, ensure_ascii=False)
            pieces.append(markup.details(title, markup.code(content, title)))
        else:
            pieces.append(markup.paragraph(f"{title}: not recorded.", "quiet"))
    return markup.section("Description", *pieces, key="description")


def _environment(summary: Summary) -> str:
    names = ("device", "processor", "threads", "precision")
    pairs = [(name.capitalize(), at(summary.resolved, name)) for name in names]
    versions = at(summary.resolved, "versions")
    if isinstance(versions, dict) and versions:
        pairs += [(f"{name} version", version) for name, version in versions.items()]
    else:
        pairs.append(("Versions", None))
    drawing = figures.speed(summary)
    chart = markup.cards([_drawing(drawing)], "charts") if drawing else ""
    return markup.section("Environment and speed", markup.facts(pairs), chart, key="environment")


def _onwards(summary: Summary) -> str:
    return markup.section(
        "How to go on",
        markup.paragraph("Carry on from the latest checkpoint:"),
        markup.code(command_line("resume", summary.folder), "Command to resume"),
        markup.paragraph("Draw new samples:"),
        markup.code(
            command_line("sample", summary.folder, "--n", 64, "--out", "grid.png"),
            "Command to sample",
        ),
        key="onwards",
    )


def _count(value: object) -> str:
    known = number(value)
    return "?" if known is None else f"{known:,.0f}"


def _duration(seconds: float) -> str:
    """Two units at most: 7.5 s, 12 min 30 s, 3 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
