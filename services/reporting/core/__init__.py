"""The pure core of reporting: no clock, no database, no log, no randomness without a seed."""
