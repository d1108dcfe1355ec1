"""The Python client of the REST API."""

from __future__ import annotations

from hanzo_twin.client.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
