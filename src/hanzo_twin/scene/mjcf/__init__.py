"""MJCF, the format of MuJoCo, as USD."""
