"""Evaluation beyond the task's own numbers: the sections of metrics.json, comparisons of runs, tables.

Every section is assembled from the pure functions of `pidcam.analysis`; docs/metrics.md says what each holds.
"""
