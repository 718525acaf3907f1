"""Where weights come from, as a cohort file says it."""

from weightfit.cohort.cohort import SOURCES, Cohort, CohortEntry, check_configuration, of_model, read_cohort

__all__ = ["SOURCES", "Cohort", "CohortEntry", "check_configuration", "of_model", "read_cohort"]
