"""Intake: turns what survey tools, assessors and markers send into evidence."""
