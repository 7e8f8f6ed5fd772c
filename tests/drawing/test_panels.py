"""Panels and drawings: what stands on the axes, both themes, SVG, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from PIL import Image

from saddlepoint import drawing
from saddlepoint.drawing import (
    Band,
    Drawing,
    Panel,
    curves,
    densities,
    interpolated,
    lattice,
    phase_portrait,
    plan_in_the_plane,
    plan_matrix,
    surface,
)
from saddlepoint.drawing.panels import DARK, LIGHT
from saddlepoint.errors import BadInput

SQUARE = (-1.0, 1.0, -1.0, 1.0)
RNG = np.random.default_rng(0)
PANELS = {
    "surface": surface(lambda x: x[:, 0] * x[:, 1], SQUARE, title="S", arrows=True),
    "density": surface(lambda x: np.exp(-(x**2).sum(1)), SQUARE, title="D", kind="density"),
    "densities": densities({"p": lambda x: np.exp(-(x**2)), "q": np.cosh}, (-1, 1), title="P"),
    "portrait": phase_portrait(lambda z: np.stack([-z[:, 1], z[:, 0]], 1), SQUARE, title="O"),
    "plan": plan_matrix([[2, 0], [1, 3]], title="M"),
    "plane": plan_in_the_plane(np.eye(2), np.eye(2) + 1, np.eye(2) / 2, title="L"),
    "curves": curves([1, 2, 3], {"a": Band([1, 2, 3], [0, 1, 2], [2, 3, 4])}, title="C"),
}


def drawn(panel: Panel) -> Axes:
    axes = Figure().add_subplot()
    panel.draw(axes, LIGHT)
    return axes


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize(("theme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_every_panel_is_drawn_in_both_themes(name, theme, palette):
    picture = Drawing([PANELS[name]]).picture(theme)
    assert picture.mode == "RGB"
    red, green, blue = picture.getpixel((1, 1))
    assert f"#{red:02x}{green:02x}{blue:02x}" == palette.paper
    assert len(picture.getcolors(2**20) or range(99)) > 50  # something stands on it


def test_svg_has_its_text_as_text_and_no_date(tmp_path: Path):
    drawing = Drawing([PANELS["curves"], PANELS["plan"]], "Both & all")
    first = drawing.svg()
    assert first == drawing.svg()
    for word in (b"Both &amp; all", b">C<", b">M<"):
        assert word in first
    drawing.save(tmp_path / "new" / "a.svg")
    drawing.save(tmp_path / "new" / "a.PNG", "dark")
    assert (tmp_path / "new" / "a.svg").read_bytes() == first
    assert (tmp_path / "new" / "a.PNG").read_bytes().startswith(b"\x89PNG")


def test_the_users_settings_are_left_alone():
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "path", "figure.dpi": 33}):
        Drawing([PANELS["plan"]]).svg()
        assert (mpl.rcParams["svg.fonttype"], mpl.rcParams["figure.dpi"]) == ("path", 33)


def test_arrows_point_where_the_function_rises():
    for slope in ((1.0, 0.0), (0.0, -2.0), (3.0, 4.0)):
        panel = surface(lambda x, s=slope: x @ np.array(s), SQUARE, arrows=True)
        (arrows,) = [each for each in drawn(panel).collections if isinstance(each, Quiver)]
        norm = np.hypot(*slope)
        got = np.stack([arrows.U, arrows.V], axis=1)
        assert np.allclose(got, np.array(slope) / norm, atol=1e-6)


def test_a_flat_function_has_neither_lines_nor_arrows():
    axes = drawn(surface(lambda x: np.zeros(len(x)), SQUARE, arrows=True))
    assert not [each for each in axes.collections if isinstance(each, Quiver)]


def test_signed_maps_have_one_middle():
    axes = drawn(surface(lambda x: x[:, 0] + 3, SQUARE))
    low, high = axes.collections[0].get_clim()
    assert low == -high == pytest.approx(-4)


def test_orbits_begin_with_a_ring_and_end_with_a_dot():
    path = np.array([[0.0, 0.5], [0.1, 0.4], [0.2, 0.2]])
    axes = drawn(phase_portrait(lambda z: -z, SQUARE, orbits={"o": path}, solution=(0, 0)))
    line, start, end, star = axes.lines
    assert np.array_equal(line.get_xydata(), path)
    assert start.get_xydata().tolist() == [[0.0, 0.5]]
    assert start.get_markerfacecolor() == "none"
    assert end.get_xydata().tolist() == [[0.2, 0.2]]
    assert star.get_marker() == "*"


def test_a_small_plan_shows_its_numbers_and_a_large_one_does_not():
    assert sorted(text.get_text() for text in drawn(PANELS["plan"]).texts) == ["1", "2", "3"]
    assert not drawn(plan_matrix(np.ones((20, 20)))).texts


def test_lines_of_a_plan_join_what_it_joins():
    plan = np.array([[0.0, 0.5], [0.25, 0.25]])
    axes = drawn(plan_in_the_plane([[0, 0], [1, 0]], [[0, 2], [1, 2]], plan))
    (lines,) = axes.collections
    joined = sorted((*start, *end) for start, end in (s.tolist() for s in lines.get_segments()))
    assert joined == [(0, 0, 1, 2), (1, 0, 0, 2), (1, 0, 1, 2)]
    assert max(lines.get_linewidths()) == 3.0


def test_panels_may_share_their_axes_and_the_control_is_framed():
    small, wide = (curves([0, end], {"a": [0.0, end]}, title=str(end)) for end in (1.0, 5.0))
    control = Panel("real", small.draw, is_control=True)
    drawing = Drawing([small, wide, control], shared=True, columns=3)
    figure = drawing._figure(LIGHT)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert figure.axes[2].get_title() == "real (control)"
    assert figure.axes[2].spines["top"].get_visible()
    assert not figure.axes[0].spines["top"].get_visible()


def test_curves_differ_in_colour_and_dashes():
    axes = drawn(curves([0, 1], {name: [0, 1] for name in "abcd"}, levels={"half": 0.5}))
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines[:4]}
    assert len(looks) == 4
    assert len({line.get_linestyle() for line in axes.lines[:4]}) == 4
    assert {line.get_marker() for line in axes.lines} <= {"", "None"}


def test_marked_curves_differ_in_their_marks():
    axes = drawn(curves([0, 1], {name: [0, 1] for name in "abcd"}, marked=True))
    assert len({line.get_marker() for line in axes.lines}) == 4


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Drawing([]), "at least one panel"),
        (lambda: Drawing([PANELS["plan"]]).picture("blue"), "'blue' is no theme"),
        (lambda: Drawing([PANELS["plan"]]).save("a.jpg"), "as .png or .svg"),
        (lambda: curves([0, 1], {"a": [1, 2, 3]}), "one number for each"),
        (lambda: surface(lambda x: x, SQUARE, title="S"), "one finite number for each"),
        (lambda: surface(lambda x: x[:, 0] / 0 * 0, SQUARE), "not finite"),
        (lambda: surface(lambda x: x[:, 0], SQUARE, clouds={"c": [1, 2]}), "shape \\(n, 2\\)"),
        (lambda: phase_portrait(lambda z: z[:, 0], SQUARE), "velocities of the shape"),
        (lambda: phase_portrait(lambda z: z, SQUARE, orbits={"o": [1]}), "shape \\(t, 2\\)"),
        (lambda: plan_matrix([[-1.0]]), "numbers ≥ 0"),
        (lambda: plan_matrix([1.0]), "a matrix"),
        (lambda: plan_in_the_plane([[0, 0]], [[0, 0]], np.eye(2)), "as many points"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*divide|invalid")
def test_what_cannot_be_drawn_is_refused(make, sentence):
    with np.errstate(all="ignore"), pytest.raises(BadInput, match=sentence):
        make()


def test_a_function_that_is_known_on_a_lattice_is_drawn_as_the_function_itself() -> None:
    limits = (-1.0, 2.0, 0.0, 5.0)
    _, _, points = lattice(limits, 7)

    def plane(x: np.ndarray) -> np.ndarray:
        return np.asarray(2 * x[:, 0] - 3 * x[:, 1] + 1)

    known = interpolated(plane(points).reshape(7, 7), limits)
    fine = lattice(limits, 50)[2]
    assert known(fine) == pytest.approx(plane(fine), abs=1e-12)
    with pytest.raises(BadInput, match="is outside"):
        known([[2.1, 1.0]])
    with pytest.raises(BadInput, match=r"square, not \(2, 3\)"):
        interpolated(np.zeros((2, 3)), limits)


def test_places_that_are_asked_for_are_marked_and_no_others() -> None:
    axes = drawn(curves([2, 4, 64], {"a": [1, 2, 3]}, logarithmic=("x",), ticks=(2, 4, 64)))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "64"]
    assert not len(axes.get_xticks(minor=True))


def test_a_figure_with_few_colours_is_smaller_and_looks_the_same() -> None:
    image = drawing.Drawing([PANELS["surface"]]).picture()
    whole, few = drawing.png(image), drawing.png(image, 256)
    assert len(few) < 0.6 * len(whole)
    again = np.asarray(Image.open(io.BytesIO(few)).convert("RGB"), dtype=float)
    assert np.abs(again - np.asarray(image)).mean() < 2
    plain = Image.new("RGB", (8, 8), "red")
    assert Image.open(io.BytesIO(drawing.png(plain, 256))).mode == "RGB"
