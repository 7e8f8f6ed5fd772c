"""What a search tries next: the one place that knows optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saddlepoint.errors import BadInput
from saddlepoint.randomness import derive
from saddlepoint.sweeping.varied import Varied

if TYPE_CHECKING:
    import optuna

INSTALL = 'pip install "saddlepoint[optuna]"'
Value = tuple[str, ...]


def check_optuna() -> None:
    """See that optuna is there.

    Raises:
        BadInput: It is not.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise BadInput(f"--pick optuna needs the package optuna: {INSTALL}.") from None


class Proposals:
    """Asks optuna for values and tells it what they came to.

    The sampler is a tree-structured Parzen estimator (Bergstra and others 2011), which draws the
    first ten trials at random. It is seeded anew for every trial, by the sweep's seed and the
    trial's number, so that a search which was interrupted proposes what it would have proposed.

    Args:
        varied: What is searched.
        seed: The sweep's.
        higher: Whether the score is to be high, not low.
    """

    def __init__(self, varied: Sequence[Varied], seed: int, higher: bool) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._varied, self._seed = tuple(varied), seed
        self._study = optuna.create_study(direction="maximize" if higher else "minimize")
        self._space = {each.option: _distribution(each) for each in varied}
        self._asked: dict[int, optuna.trial.Trial] = {}

    def ask(self, number: int) -> tuple[Value, ...]:
        """The values of trial ``number``, one of each option."""
        import optuna

        self._study.sampler = optuna.samplers.TPESampler(
            seed=derive(self._seed, "search", number) % 2**32, constant_liar=True
        )
        trial = self._asked[number] = self._study.ask(self._space)
        return tuple(_as_value(each, trial.params[each.option]) for each in self._varied)

    def again(self, number: int, values: Sequence[Value]) -> None:
        """Ask for a trial whose values are known from before."""
        pairs = zip(self._varied, values, strict=True)
        known = {each.option: _as_parameter(each, value) for each, value in pairs}
        self._study.enqueue_trial(known)
        self.ask(number)

    def tell(self, number: int, score: float | None) -> None:
        """What a trial came to; None: it failed."""
        import optuna

        failed = optuna.trial.TrialState.FAIL
        trial = self._asked.pop(number)
        self._study.tell(trial, score, state=failed if score is None else None)


def _distribution(varied: Varied) -> optuna.distributions.BaseDistribution:
    from optuna import distributions

    numbers = varied.range
    if numbers is None:
        return distributions.CategoricalDistribution(["+".join(v) for v in varied.values])
    if numbers.whole:
        low, high = int(numbers.low), int(numbers.high)
        return distributions.IntDistribution(low, high, log=numbers.log)
    return distributions.FloatDistribution(numbers.low, numbers.high, log=numbers.log)


def _as_value(varied: Varied, parameter: Any) -> Value:
    if varied.range is None:
        return tuple(str(parameter).split("+"))
    return (varied.range.word(parameter),)


def _as_parameter(varied: Varied, value: Value) -> Any:
    if varied.range is None:
        return "+".join(value)
    return int(value[0]) if varied.range.whole else float(value[0])
