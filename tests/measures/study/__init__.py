"""How well scoring finds the truth, in cohorts drawn from one: `make study` (hours of one processor).

`trials` draws and scores, `recovery` compares with the best that a design allows, `writing` makes docs/study.md and its
plots. Every trial is one line of docs/study.jsonl, so that a run that was stopped goes on where it was.
"""
