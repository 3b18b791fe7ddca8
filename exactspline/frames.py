"""Tables of results as data frames: one way for all, for pandas and for polars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import ExactSplineError
from .mode import guarded

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["Framed"]


@guarded
class Framed:
    """What has columns of one length; a class that has them says which by ``_frame``.

    Examples
    --------
    >>> class Squares(Framed):
    ...     def _frame(self):
    ...         return {"n": [1, 2, 3], "square": [1, 4, 9]}
    >>> Squares().to_pandas()["square"].tolist()
    [1, 4, 9]
    """

    def _frame(self, **options: Any) -> Mapping[str, Any]:
        """Columns by name: arrays or lists."""
        raise NotImplementedError

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """The rows as a pandas data frame; docs/exports.md has all columns.

        Parameters
        ----------
        options
            Of a partition: ``affine=True`` for the affine maps, too.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ExactSplineError
            Without pandas.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.to_pandas()["code"].tolist()
        ['00', '01', '10', '11']
        >>> omega.edges.to_pandas()[["source", "target", "unit"]].values.tolist()
        [[0, 1, 1], [0, 2, 0], [1, 3, 0], [2, 3, 1]]
        """
        try:
            import pandas as pd
        except ImportError:
            raise _missing("pandas") from None
        return pd.DataFrame(dict(self._frame(**options)))

    def to_polars(self, **options: Any) -> polars.DataFrame:
        """The rows as a polars data frame, with the columns of `to_pandas`.

        Parameters
        ----------
        options
            Of a partition: ``affine=True`` for the affine maps, too.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        ExactSplineError
            Without polars.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.to_polars().height
        4
        """
        try:
            import polars as pl
        except ImportError:
            raise _missing("polars") from None
        return pl.DataFrame(dict(self._frame(**options)))


def _missing(package: str) -> ExactSplineError:
    return ExactSplineError(
        f"data frames of {package} need {package}: pip install 'exactspline[{package}]'"
    )
