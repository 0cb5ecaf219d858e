"""`StrengthPath`: what became of a model along the values of a strength."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class StrengthPath:
    """A regularization path: the weights over the strength of the penalty.

    Attributes:
        values: Float array `(n,)`, decreasing: of the first Strength that was
            varied.
        strengths: Dict of the path of each varied Strength to its values.
        coefficients: Dict of the name of each kernel with one output to its
            weights, `(n, inputs)`.
        norms: Dict of the name of each kernel to the L2 norms of what leads
            into each of its units, `(n, units)`.
        nonzeros: Integer array `(n,)`: weights of all kernels that are not
            exactly 0. A gradient step on an L1 penalty leaves none at 0;
            `kreg.optimizers.Proximal` does.
        val_loss: Float array `(n,)`: validation loss without penalties; NaN
            without validation data.
        model: Model of the value with the lowest validation loss; without
            validation data, of the smallest value.
    """

    values: np.ndarray
    strengths: dict[str, np.ndarray]
    coefficients: dict[str, np.ndarray]
    norms: dict[str, np.ndarray]
    nonzeros: np.ndarray
    val_loss: np.ndarray
    model: Any = dataclasses.field(repr=False)

    @property
    def best(self) -> int:
        """Index of the value with the lowest validation loss."""
        return best_of(self.val_loss)

    def plot(self, path: Any = None) -> Any:
        """Draws the path over the logarithm of the values.

        Coefficients where a kernel has one output, norms of units elsewhere;
        under them the validation loss and the weights that are not 0. Needs
        the extra `report`.

        Args:
            path: Optional string or `os.PathLike`: the file to write. Defaults
                to `None`: nothing is written.

        Returns:
            String, the path; or the `matplotlib.figure.Figure` if that is
            `None`.
        """
        from kreg.reports import plot_strength_path

        curves = {**self.norms, **self.coefficients}
        return plot_strength_path(
            self.values, curves, self.val_loss, self.nonzeros, path
        )


class Kernels:
    """Collects what a path shows of the kernels of a model, value by value."""

    def __init__(self) -> None:
        self._rows: list[dict[str, np.ndarray]] = []

    def add(self, kernels: dict[str, np.ndarray]) -> None:
        """Takes the kernels of a model, by their names."""
        self._rows.append(kernels)

    def shown(self) -> dict[str, Any]:
        """Returns the arguments of `StrengthPath` that tell of kernels."""
        rows = self._rows
        flat = {
            name: np.stack(
                [row[name].reshape(-1, row[name].shape[-1]) for row in rows]
            )
            for name in rows[0]
        }
        return {
            "coefficients": {
                name: kernels[:, :, 0]
                for name, kernels in flat.items()
                if kernels.shape[-1] == 1
            },
            "norms": {
                name: np.linalg.norm(kernels, axis=1)
                for name, kernels in flat.items()
            },
            "nonzeros": np.sum(
                [np.count_nonzero(k, axis=(1, 2)) for k in flat.values()], 0
            ),
        }


def best_of(val_loss: np.ndarray) -> int:
    """Returns the index of the lowest loss; the last one if none is finite."""
    if not np.isfinite(val_loss).any():
        return len(val_loss) - 1
    return int(np.nanargmin(np.where(np.isfinite(val_loss), val_loss, np.nan)))
