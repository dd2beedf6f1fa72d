"""Scoring: computes domain results when all evidence is in."""
