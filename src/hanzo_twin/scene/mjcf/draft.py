"""The scene that is being read from a compiled model: what was found so far, and where it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.model import (
    Articulation,
    Body,
    Camera,
    EngineValue,
    Joint,
    Light,
    Material,
    Scene,
    Sensor,
    Shape,
)
from hanzo_twin.spatial import Pose

PHYSICS_SCENE = "/physicsScene"
_WORDS = {"EQUALITY": "equality constraint", "KEY": "keyframe", "NUMERIC": "custom number"}
_INVALID = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a body of the model is in the scene.

    Args:
        body: path of the scene's body that carries it, "" for the world.
        path: prim under which its geoms, cameras and sensors stand.
        pose: of the model's body in the scene's body (in the world where that is "").
    """

    body: str
    path: str
    pose: Pose


class Draft:
    """Collects a scene.

    Args:
        model: the compiled ``MjModel``.
        name: what the root prim is called where the model has no name.
    """

    def __init__(self, model: Any, name: str, findings: Findings) -> None:
        self.model = model
        self.findings = findings
        self._taken: set[str] = {PHYSICS_SCENE}
        self.renamed: dict[str, str] = {}
        text = bytes(model.names).split(b"\0", 1)[0].decode("utf-8", "replace")
        self.root = self.claim("", text if text and text != "MuJoCo Model" else name)
        self.start = Start.of(model)
        self.places: dict[int, Place] = {}
        self.joint_paths: dict[int, str] = {}
        self.prims: list[str] = [self.root]
        self.bodies: dict[str, Body] = {}
        self.shapes: dict[str, list[Shape]] = {}
        self.joints: dict[str, Joint] = {}
        self.articulations: dict[str, Articulation] = {}
        self.static_shapes: dict[str, Shape] = {}
        self.materials: dict[str, Material] = {}
        self.sensors: dict[str, Sensor] = {}
        self.cameras: dict[str, Camera] = {}
        self.lights: dict[str, Light] = {}
        self.engine_attributes: dict[str, EngineValue] = {}
        self.filtered_pairs: set[tuple[str, str]] = set()

    def claim(self, parent: str, name: str) -> str:
        """A path below ``parent`` that nothing has yet, as near to ``name`` as USD allows."""
        valid = _INVALID.sub("_", name) or "unnamed"
        valid = f"_{valid}" if valid[0].isdigit() else valid
        path, count = f"{parent}/{valid}", 1
        while path in self._taken:
            path, count = f"{parent}/{valid}_{count}", count + 1
        self._taken.add(path)
        if path.rpartition("/")[2] != name:
            self.renamed[path] = name
        return path

    def name(self, kind: str, index: int) -> str:
        """The name of an element (``kind`` such as ``JOINT``), "" where it has none."""
        return str(mujoco.mj_id2name(self.model, getattr(mujoco.mjtObj, f"mjOBJ_{kind}"), index) or "")

    def called(self, kind: str, index: int) -> str:
        """An element for people: its kind, and its name or number."""
        name = self.name(kind, index)
        return f"{_WORDS.get(kind, kind.lower())} '{name}'" if name else f"{_WORDS.get(kind, kind.lower())} {index}"

    def scene(self, source: str) -> Scene:
        """What was collected."""
        bodies = {path: replace(body, shapes=tuple(self.shapes.get(path, ()))) for path, body in self.bodies.items()}
        model = self.model
        gravity_off = bool(model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_GRAVITY))
        x, y, z = np.zeros(3) if gravity_off else model.opt.gravity.tolist()
        return Scene(
            source=source,
            gravity=(float(x), float(y), float(z)),
            gravity_path=PHYSICS_SCENE,
            bodies=bodies,
            joints=self.joints,
            articulations=self.articulations,
            static_shapes=self.static_shapes,
            materials=self.materials,
            sensors=self.sensors,
            cameras=self.cameras,
            lights=self.lights,
            engine_attributes=self.engine_attributes,
            filtered_pairs=tuple(sorted(self.filtered_pairs)),
            step_hint=float(model.opt.timestep),
            prim_paths=tuple(self.prims),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """Where the model starts: the keyframe ``home`` if it has one, else its reference configuration.

    Args:
        key: index of the keyframe, None for the reference configuration.
    """

    key: int | None
    qpos: Any
    qvel: Any
    ctrl: Any = field(repr=False)

    @classmethod
    def of(cls, model: Any) -> Start:
        key = int(mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_KEY, "home"))
        if key < 0:
            return cls(key=None, qpos=model.qpos0.copy(), qvel=np.zeros(model.nv), ctrl=np.zeros(model.nu))
        return cls(key=key, qpos=model.key_qpos[key], qvel=model.key_qvel[key], ctrl=model.key_ctrl[key])


def pose_of(position: Any, orientation: Any) -> Pose:
    """A pose from a row of one of the model's arrays of positions, and one of quaternions."""
    return Pose.of(np.asarray(position, dtype=np.float64), np.asarray(orientation, dtype=np.float64))


def triple(values: Any) -> tuple[float, float, float]:
    """Three plain floats."""
    x, y, z = (float(value) for value in values)
    return x, y, z
