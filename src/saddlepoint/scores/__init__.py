"""Scores: functions from a ``View`` to a ``Figure``, one registry for all who ask (torch-free)."""

# isort: off
# Tables show the scores in this order.
from saddlepoint.scores import (
    distances as distances,
    neighbourhoods as neighbourhoods,
    two_sample_tests as two_sample_tests,
    copies as copies,
    classes as classes,
    conditional as conditional,
    images as images,
    density as density,
    mixtures as mixtures,
    recognised as recognised,
)

# isort: on
