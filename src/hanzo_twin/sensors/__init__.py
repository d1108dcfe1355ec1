"""Sensors that work alike on every engine: what they measure, when, and how wrong it is."""
