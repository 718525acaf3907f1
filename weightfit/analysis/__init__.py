"""Measure a single model without a workflow: open it, count and fit its matrices, and tell what stands out."""
