"""The pilot cohort told end to end (`story`), as a coordinator would do it: over HTTP and with the same functions."""
