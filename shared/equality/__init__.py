"""Equality data: which group somebody belongs to, as they said. Personal data of the most sensitive kind.

In a table of its own, joined with results in the fairness report and nowhere else: no service may import this package,
so nothing here can enter a score (an import rule, pyproject.toml). `file` reads, `store` keeps and deletes.
"""
