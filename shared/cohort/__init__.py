"""A cohort: what a coordinator settles before it opens (`definition`), how it is described in a folder (`folder`),
where it is kept (`store`), and opening or updating one (`opening`).
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
