"""Work over many files: order, bounded memory, errors, and a bar only for those who wait."""

import io
import sys
import threading

import pytest

from saddlepoint.data.working import Bar, in_order


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_results_come_in_order_and_only_a_few_wait():
    begun = []

    class Items(list):
        def __iter__(self):
            for item in range(1000):
                begun.append(item)
                yield item

    results = in_order(lambda item: item * item, Items(), 2, "working")
    assert next(results) == 0
    assert len(begun) <= 16
    assert list(results) == [item * item for item in range(1, 1000)]


def test_an_error_is_passed_on_and_the_threads_end():
    before = set(threading.enumerate())

    def work(item):
        if item == 30:
            raise KeyError(item)

    with pytest.raises(KeyError):
        list(in_order(work, range(1000), 2, "working"))
    assert not any(thread.is_alive() for thread in set(threading.enumerate()) - before)


@pytest.mark.parametrize(
    ("stream", "delay", "shown"),
    [(Terminal, 0, True), (Terminal, 60, False), (io.StringIO, 0, False)],
)
def test_the_bar_shows_on_a_terminal_after_a_while(monkeypatch, stream, delay, shown):
    monkeypatch.setattr(sys, "stderr", stream())
    with Bar("decoding images", 3, delay=delay) as bar:
        for _ in range(3):
            bar.advance()
    assert ("decoding images" in sys.stderr.getvalue()) == shown
