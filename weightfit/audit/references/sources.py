"""Collect all references that formulas of the registry may contain, with the data of one run behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from weightfit.audit.references import entries, estimator, printed, recipes, statistics, theory, trainings
from weightfit.audit.references.database import Database
from weightfit.audit.references.library import Library
from weightfit.audit.references.results import CohortFacts, Results
from weightfit.audit.references.theory import Theory

NOTHING = Results({}, CohortFacts({}, {}, {}, frozenset()))
"""Results of a run without any table."""


@dataclass(frozen=True)
class Sources:
    """Data of a run.

    Attributes
    ----------
    results
        Tables and exhibits of the run.
    database
        Folder of the released database, or None.
    """

    results: Results
    database: Path | None = None

    def references(self) -> Mapping[str, Callable[..., object]]:
        """Return the function that resolves each reference, by the reference's name in a formula."""
        return {
            **printed.REFERENCES,
            **entries.REFERENCES,
            **recipes.REFERENCES,
            **trainings.REFERENCES,
            **theory.REFERENCES,
            **estimator.REFERENCES,
            **statistics.REFERENCES,
            "theory": self._theory,
            "library": self._library,
            **Database(self.database).references(),
            **self.results.references(),
        }

    def _theory(
        self,
        quantity: str,
        trim: float | None = None,
        probability: float | None = None,
        degrees: int | None = None,
        n: int | None = None,
    ) -> float:
        return self._theory_table.value(quantity, trim, probability, degrees, n)

    def _library(self, fact: str, name: str = "") -> float | str | tuple[str | float, ...]:
        return self._library_table.value(fact, name)

    # Each table is read once, when a formula needs it, because a run may lack it.
    @cached_property
    def _theory_table(self) -> Theory:
        return Theory(self.results.table("theory"))

    @cached_property
    def _library_table(self) -> Library:
        return Library(self.results.table("library"))


NAMES = frozenset(Sources(NOTHING).references())
"""Names that a formula may refer to."""
