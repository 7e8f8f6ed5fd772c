"""Whether two samples come from one distribution: tests, a registry of them, and their power."""

from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS, two_sample_test
from saddlepoint.two_sample.outcome import Outcome
from saddlepoint.two_sample.power import Power, power

__all__ = ["TWO_SAMPLE_TESTS", "Outcome", "Power", "power", "two_sample_test"]
