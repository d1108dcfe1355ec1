"""The models of many worlds: shared until their parameters differ."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.mujoco.parameters import STRUCTURAL, derive_constants, write_parameter
from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray


class WorldModels:
    """MuJoCo's model and the parameters in force of each of ``count`` worlds, at first all of one shared model."""

    def __init__(self, scene: Scene, layout: Layout, model: Any, parameters: ParameterValues, count: int) -> None:
        self._scene = scene
        self._layout = layout
        self.models = [model] * count
        self.parameters = [parameters] * count
        self._users = Counter({id(model): count})

    def replace(self, env: int, model: Any, parameters: ParameterValues) -> None:
        """Give world ``env`` another model, which others may use as well."""
        self._put(env, model, parameters)

    def write(
        self, addresses: Sequence[Address], values: FloatArray, envs: IntArray, *, scratch: Any, shared: Any
    ) -> None:
        """Write ``values`` [len(envs), len(addresses)], which were checked before.

        Args:
            scratch: MuJoCo data that derived constants are computed with.
            shared: a model that somebody else uses too, and that is therefore never written.
        """
        groups: dict[tuple[int, tuple[float, ...]], list[int]] = {}
        for env, row in zip(envs.tolist(), values.tolist(), strict=True):
            groups.setdefault((id(self.models[env]), tuple(row)), []).append(env)
        structural = any(address.attribute in STRUCTURAL for address in addresses)
        for (identity, row), members in groups.items():
            first = members[0]
            # A model that worlds outside the group still use is copied before it is written.
            alone = len(members) == self._users[identity] and self.models[first] is not shared
            model = self.models[first] if alone else copy.copy(self.models[first])
            parameters = self.parameters[first].copy()
            for address, value in zip(addresses, row, strict=True):
                parameters.set(address, value)
                write_parameter(model, self._scene, self._layout, parameters, address)
            if structural:
                derive_constants(model, scratch)
            for env in members:
                self._put(env, model, parameters)

    def _put(self, env: int, model: Any, parameters: ParameterValues) -> None:
        before = id(self.models[env])
        if before != id(model):
            self._users[before] -= 1
            if not self._users[before]:
                del self._users[before]
            self._users[id(model)] += 1
            self.models[env] = model
        self.parameters[env] = parameters
