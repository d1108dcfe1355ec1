"""Bullet's clients, used again: to make one takes as long as two hundred steps, for the 30 MB that it fills with zeros.

What is built in a client that was emptied goes on to the bit as in a new one. Not used again are those that somebody
else had in hand, and those for soft bodies.
"""

from __future__ import annotations

import pybullet

from hanzo_twin.errors import SimulationError

# Each keeps 30 MB: enough for a fork beside a state that is restored.
_MOST_IDLE = 2
_idle: list[int] = []


def take_client() -> int:
    """An empty client.

    Raises:
        SimulationError: Bullet has none left.
    """
    while _idle:
        client = _idle.pop()
        if pybullet.isConnected(client):
            return client
    client = int(pybullet.connect(pybullet.DIRECT))
    if client < 0:
        raise SimulationError(
            "Engine 'pybullet' has no client left.", hint="Close simulations that are not used any more."
        )
    # Bullet would read a file of the same name from its memory, and states all have the same name here.
    pybullet.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=client)
    return client


def give_back(client: int) -> None:
    """Free what is in ``client``; it is for the next that needs one."""
    if len(_idle) < _MOST_IDLE:
        pybullet.resetSimulation(physicsClientId=client)
        _idle.append(client)
    else:
        pybullet.disconnect(client)
