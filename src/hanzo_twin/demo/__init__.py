"""``hanzo-twin demo``: a machine that the twin does not know well, and everything the platform does about it."""
