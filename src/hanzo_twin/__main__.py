"""``python -m hanzo_twin`` is the command ``hanzo-twin``."""

from hanzo_twin.cli.main import run

run()
