"""Reporting: writes to the participant, keeps the talent pool, reports on the cohort."""
