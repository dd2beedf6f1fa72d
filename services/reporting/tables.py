"""The tables of reporting."""
