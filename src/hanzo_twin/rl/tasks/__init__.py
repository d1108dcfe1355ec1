"""The tasks that come with the package; each is a `Recipe` found by name in the entry points ``hanzo_twin.tasks``."""
