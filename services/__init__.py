"""The three services of the pipeline: intake, scoring, reporting. They meet only in `deploy` and in `shared.events`."""
