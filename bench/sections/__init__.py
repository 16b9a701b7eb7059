"""Sections of docs/performance.md: what each measures, and its tables."""
