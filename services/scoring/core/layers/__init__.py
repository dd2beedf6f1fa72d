"""What stands on a model's figures: five layers, each with its version, its reasons and the hash of what it was given.

`gate` asks what evidence there is, the model describes it (rater as unit), `adjusting` corrects for who rated where a
calibration allows it, `domains` joins the sources, `flags` says what to look at. None of it is in a released model
file: a better layer is a new version of the layer.
"""
