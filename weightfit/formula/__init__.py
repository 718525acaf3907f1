"""Formulas over printed and computed numbers, and the range of a formula over all values that rounding allows."""
