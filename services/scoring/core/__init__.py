"""What scoring knows, as pure functions: no clock, no log, no database, and the same answer on every machine."""
