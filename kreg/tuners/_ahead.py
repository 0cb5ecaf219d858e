"""Compiles in a thread of its own while the models of a wave are built."""

import concurrent.futures
from collections.abc import Mapping, Sequence
from typing import Any

from kreg.population import Programs
from kreg.population._ahead import traced_ahead
from kreg.population._signature import describe
from kreg.tuners._runs import Run

# To build fewer models takes no time to speak of.
_FEWEST_RUNS = 8


class Ahead:
    """Compiles for the first wave of a search.

    A model takes 10 to 20 ms to build, and to compile takes a second, most of
    it outside of Python. Two models of one architecture let expect that all
    are; where they are not, the time of a second core was lost.
    """

    def __init__(self) -> None:
        self._has_begun = False
        self._has_traced = False
        self._future: Any = None

    def begin(
        self,
        runs: Sequence[Run],
        size: int,
        seed: int,
        jit_compile: str,
        programs: Programs,
        fit: Mapping[str, Any],
    ) -> None:
        """Traces, and lets another thread compile; at the first call alone.

        Args:
            runs: List of the runs of the first two trials, with their models.
            size: Integer. How many runs there will be in the wave.
            seed: As of the population to come.
            jit_compile: Likewise.
            programs: Likewise.
            fit: The arguments of `search` for `model.fit`, by name.
        """
        if self._has_begun or size < _FEWEST_RUNS:
            return
        self._has_begun = True
        if len({run.seed for run in runs}) > 1 or runs[0].rows is not None:
            return  # random numbers, or rows, of their own
        try:
            first, second = (run.model for run in runs)
            if not (runs[0].is_made_built and _are_alike(first, second)):
                return
            self._has_traced = True
            compiles = traced_ahead(
                first, size, seed, jit_compile, programs, fit
            )
        except Exception:
            return  # the training itself says what is wrong
        if compiles is not None:
            executor = concurrent.futures.ThreadPoolExecutor(1)
            self._future = executor.submit(compiles)
            executor.shutdown(wait=False)

    def ended(self) -> bool:
        """Waits for what is being compiled; tells, once, whether it traced.

        What fails there fails again in the training.
        """
        if self._future is not None:
            concurrent.futures.wait([self._future])
            self._future = None
        traced, self._has_traced = self._has_traced, False
        return traced


def _are_alike(first: Any, second: Any) -> bool:
    return describe(first).signature == describe(second).signature
