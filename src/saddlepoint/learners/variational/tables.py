"""The documentation's table of likelihoods, written from their list (torch-free)."""

from __future__ import annotations

import inspect

from saddlepoint.learners.variational.likelihoods import LIKELIHOODS

START, END = "<!-- likelihoods -->", "<!-- end -->"


def likelihoods() -> str:
    """One row per likelihood."""
    rows = ["| `--learner.likelihood` | log-probability of a value | what it is | for |"]
    rows.append("|---" * 4 + "|")
    for part in LIKELIHOODS:
        first = " ".join(inspect.cleandoc(part.__doc__ or "").split("\n\n")[0].split())
        equation = part.equation.replace("|", "\\|")
        takes = "images" if part.of_images else "images and vectors"
        rows.append(f"| `{part.word()}` | {equation} | {first} | {takes} |")
    return "\n".join(rows)


def filled(text: str) -> str:
    """``text`` with the table written anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{likelihoods()}\n{END}{after}"
