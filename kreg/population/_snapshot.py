"""A training in progress, on the disk after each epoch."""

from typing import Any

import numpy as np

from kreg.population._fitting import EpochHook, Fitting
from kreg.population._rows import Rows
from kreg.population._twin_files import TwinFiles


class Snapshot:
    """What a population needs to go on after it was killed.

    Args:
        path: String. See `TwinFiles`.
    """

    def __init__(self, path: str):
        self._files = TwinFiles(path)

    def write(self, fitting: Fitting, next_epoch: int) -> None:
        """Replaces what was written by the present state."""
        trials = range(len(fitting.logs))
        stack = fitting.stack
        rows = stack.all_rows()
        arrays: dict[str, Any] = {
            f"{name}/{index}": array
            for name, held in rows.lists()
            for index, array in enumerate(held)
        }
        if stack.has_best:
            weights, state = stack.best_of(list(trials))
            for index, array in enumerate([*weights, *state]):
                arrays[f"best/{index}"] = array
        info = {
            "next_epoch": next_epoch,
            "running": stack.running,
            "logs": fitting.logs,
            "failures": {str(k): v for k, v in fitting.failures.items()},
            "best": {str(k): v for k, v in fitting.best.items()},
            "best_epochs": {str(k): v for k, v in fitting.best_epochs.items()},
        }
        self._files.write(arrays, info)

    def read(self) -> "Resumed | None":
        """Returns what was written last; `None` if there is nothing."""
        held = self._files.read()
        return None if held is None else Resumed(*held)


def keeping(
    path: str | None, fitting: Fitting, hook: EpochHook | None
) -> EpochHook:
    """Returns a hook that writes a snapshot, if wanted, and calls `hook`."""
    snapshot = None if path is None else Snapshot(path)

    def at_epoch_end(number: int, logs: dict[int, Any]) -> None:
        if snapshot is not None:
            snapshot.write(fitting, number + 1)
        if hook is not None:
            hook(number, logs)

    return at_epoch_end


class Resumed:
    """The state of a training that was killed.

    Args:
        arrays: Dict of arrays.
        info: Dict of the rest.
    """

    def __init__(self, arrays: dict[str, np.ndarray], info: dict[str, Any]):
        self._arrays = arrays
        self.info = info
        self.rows = Rows(
            *(
                self._list(name)
                for name in ("weights", "state", "seeds", "optimizer")
            )
        )

    def into(self, fitting: Fitting) -> int:
        """Puts all but the rows into `fitting`; returns the next epoch."""
        info = self.info
        fitting.logs[:] = info["logs"]
        fitting.failures.update(_keyed(info["failures"]))
        fitting.best.update(_keyed(info["best"]))
        fitting.best_epochs.update(_keyed(info["best_epochs"]))
        count = len(self.rows.weights)
        stack = fitting.stack
        best = self._list("best")
        if best:
            stack.restore_best((best[:count], best[count:]))
        running = set(info["running"])
        stack.stop([t for t in stack.running if t not in running])
        return int(info["next_epoch"])

    def _list(self, name: str) -> list[np.ndarray]:
        keys = [key for key in self._arrays if key.rpartition("/")[0] == name]
        keys.sort(key=lambda key: int(key.rpartition("/")[2]))
        return [self._arrays[key] for key in keys]


def _keyed(values: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in values.items()}
