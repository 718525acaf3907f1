"""Resolve the references in the formulas of the audit."""
