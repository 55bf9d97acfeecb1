"""Minimum-cost matching with a gate."""

import numpy as np
from jaxtyping import Float, Int64


def assign(
    cost: Float[np.ndarray, "rows columns"], gate: float
) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]:
    """Match rows to columns; a pair is allowed only if its cost is below `gate`.

    Maximises the sum of `gate - cost` over all pairs, as if each unmatched row or column cost half
    the gate, so a good pair is not broken up to make two poor ones. A cost that is not finite
    forbids the pair. The order of rows and columns matters only for exact ties.

    Returns: the matched rows, ascending, and their columns, each at most once.
    """
    excess = np.where(np.isfinite(cost), np.minimum(cost - gate, 0.0), 0.0)
    own = _without_rivals(excess)
    if own is not None:
        return own
    # Imported here: it takes half as long as the rest of `glpose run` to start, and is seldom needed.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(excess)
    allowed = excess[rows, columns] < 0
    return rows[allowed].astype(np.int64), columns[allowed].astype(np.int64)


def prepare() -> None:
    """Import what rivals need now, not in the middle of a stream."""
    import scipy.optimize  # noqa: F401


def _without_rivals(
    excess: Float[np.ndarray, "rows columns"],
) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]] | None:
    """The pairs if all rows, or all columns, can have the best for them; None if they cannot."""
    (rows,) = np.nonzero((excess < 0).any(1))
    if not len(rows):
        return rows, rows
    columns = excess[rows].argmin(1)
    if len(np.unique(columns)) == len(rows):
        return rows, columns
    (columns,) = np.nonzero((excess < 0).any(0))
    rows = excess[:, columns].argmin(0)
    if len(np.unique(rows)) < len(columns):
        return None
    order = rows.argsort()
    return rows[order], columns[order]
