"""Formulas over printed and computed numbers, and the range of a formula over all that roundings allow."""
