"""A cohort's calibration: what its scored participants together tell about items, raters and sources.

`gathering` turns evidence into ratings for each source and domain, `calibrating` fits them, `calibration` is what is
kept (parameters, diagnostics, hash), `placing` puts a participant who came later against it.
"""
