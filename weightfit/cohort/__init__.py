"""Cohorts: the sources of weights, as a cohort file states them."""

from weightfit.cohort.cohort import SOURCES, Cohort, CohortEntry, check_configuration, of_model, read_cohort

__all__ = ["SOURCES", "Cohort", "CohortEntry", "check_configuration", "of_model", "read_cohort"]
