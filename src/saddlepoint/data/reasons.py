"""What the exceptions of other libraries say, fit for a sentence."""

from __future__ import annotations

_LONGEST = 160


def reason_of(error: BaseException) -> str:
    """The message on one line, printable and short; the exception's name if it has none.

    Damaged files put anything into messages, whole parts of their content too.
    """
    printable = "".join(
        c if c.isprintable() else " " for c in str(error).encode("utf-8", "replace").decode()
    )
    words = " ".join(printable.split()) or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."
