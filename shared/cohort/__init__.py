"""A cohort: what a coordinator settles before it opens (`definition`), where it is kept (`store`), how it is described
in a folder, and opening or updating one.

`folder` reads a folder by way of `rules` (cohort.toml, its keys in `keys`), `programme` and `people_files` (CSV files,
their columns in `columns`, read by `csv_file`); `cells` says what may stand in one cell, `mistakes` what is wrong.
`opening` compares (`changes`, `roster`), refuses or takes over. The coordinator's reference: docs/cohort-folder.md.
"""

from shared.cohort.definition import (
    AppraisalRequirement,
    CohortDefinition,
    Connection,
    Criterion,
    DayRequirement,
    Disclosure,
    Evidence,
    ExerciseCell,
    FormField,
    Organisation,
    Pool,
    Release,
    WrittenRequirement,
)

__all__ = [
    "AppraisalRequirement",
    "CohortDefinition",
    "Connection",
    "Criterion",
    "DayRequirement",
    "Disclosure",
    "Evidence",
    "ExerciseCell",
    "FormField",
    "Organisation",
    "Pool",
    "Release",
    "WrittenRequirement",
]
