"""Imports Bullet without the line that its C library prints then (when it was built)."""

from __future__ import annotations

import sys
from importlib import import_module

from hanzo_twin.engines.quiet import silenced

if "pybullet" not in sys.modules:
    with silenced():
        import_module("pybullet")
