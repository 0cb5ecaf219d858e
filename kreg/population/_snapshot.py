"""A training in progress, in one file that is replaced at each epoch."""

import contextlib
import json
import os
from typing import Any

import numpy as np

from kreg.population._fitting import EpochHook, Fitting
from kreg.population._rows import Rows

_INFO = "info"


class Snapshot:
    """What a population needs to go on after it was killed.

    Args:
        path: String. The file; it ends with `.npz`.
    """

    def __init__(self, path: str):
        self.path = path

    def write(self, fitting: Fitting, next_epoch: int) -> None:
        """Replaces the file by the present state; never half of it."""
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
        arrays[_INFO] = np.frombuffer(json.dumps(info).encode(), np.uint8)
        temporary = f"{self.path}.tmp.npz"
        try:
            np.savez(temporary, **arrays)
            os.replace(temporary, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(temporary)
            raise

    def read(self) -> "Resumed | None":
        """Returns what the file holds; `None` if there is none."""
        if not os.path.exists(self.path):
            return None
        with np.load(self.path, allow_pickle=False) as arrays:
            return Resumed({key: arrays[key] for key in arrays.files})


def keeping(
    path: str | None, fitting: Fitting, hook: EpochHook | None
) -> EpochHook:
    """Returns a hook that writes a snapshot, if wanted, and calls `hook`."""

    def at_epoch_end(number: int, logs: dict[int, Any]) -> None:
        if path is not None:
            Snapshot(path).write(fitting, number + 1)
        if hook is not None:
            hook(number, logs)

    return at_epoch_end


class Resumed:
    """The state of a training that was killed.

    Args:
        arrays: Dict of the arrays of the file.
    """

    def __init__(self, arrays: dict[str, np.ndarray]):
        self._arrays = arrays
        self.info: dict[str, Any] = json.loads(arrays[_INFO].tobytes())
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
