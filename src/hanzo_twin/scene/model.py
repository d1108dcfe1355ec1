"""The scene every engine loads: a frozen value in SI units, radians, Z up; things are named by prim path.

Frames: a body's frame is its prim's frame. ``pose_world_body`` is where it starts. A joint has one frame on each
body, coincident when the joint is at position zero: ``pose_parent_joint`` on the parent (the world when ``parent`` is
``""``) and ``pose_child_joint`` on the child. A joint turns about, or slides along, ``axis`` in that joint frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from itertools import combinations
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from hanzo_twin.errors import NotFoundError, nearest
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.spatial import FloatArray, IntArray, Pose, rotation_matrix

JointKind = Literal["fixed", "revolute", "prismatic", "spherical", "d6"]
CombineRule = Literal["average", "min", "multiply", "max"]
COMBINE_RULES: tuple[CombineRule, ...] = get_args(CombineRule)
EngineValue = float | str | bool | tuple[float, ...]
SensorKind = Literal["lidar", "imu", "force_torque", "contact", "joint_state", "body_state", "generic"]
AttributeValues = tuple[tuple[str, float | str | bool], ...]


@dataclass(frozen=True, kw_only=True)
class Material:
    """Contact properties. Friction coefficients and restitution are dimensionless; density in kg/m³ (None: unknown).

    Where two materials touch, ``friction_combine`` and ``restitution_combine`` say which number holds, as PhysX has it:
    where they differ, the rule that stands later in `COMBINE_RULES` decides.
    """

    path: str
    static_friction: float = 0.5
    dynamic_friction: float = 0.5
    restitution: float = 0.0
    density: float | None = None
    friction_combine: CombineRule = "average"
    restitution_combine: CombineRule = "average"


@dataclass(frozen=True, kw_only=True)
class Box:
    """About the origin; half of each edge along X, Y, Z [3], m."""

    half_extents: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """About the origin; radius in m."""

    radius: float


@dataclass(frozen=True, kw_only=True)
class Capsule:
    """Along Z, about the origin; m. ``half_height`` is that of the cylindrical part."""

    radius: float
    half_height: float


@dataclass(frozen=True, kw_only=True)
class Cylinder:
    """Along Z, about the origin; m."""

    radius: float
    half_height: float


@dataclass(frozen=True, kw_only=True)
class Cone:
    """Along Z, apex at +``half_height``; m."""

    radius: float
    half_height: float


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Infinite, through the origin, normal +Z."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Triangles: ``vertices`` [n, 3] in m, ``triangles`` [m, 3] indices; ``approximation`` as UsdPhysics names it."""

    vertices: FloatArray
    triangles: IntArray
    approximation: str = "convexHull"

    def __post_init__(self) -> None:
        for name in ("vertices", "triangles"):
            array = np.array(getattr(self, name))
            array.flags.writeable = False
            object.__setattr__(self, name, array)


Geometry = Box | Sphere | Capsule | Cylinder | Cone | Plane | Mesh


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A geometry on a body, or on the world when it stands in `Scene.static_shapes`.

    Args:
        pose: in the body's frame; in the world for a static shape.
        material: path of its `Material`, or "" for the default.
        collides: False for shapes that are only seen.
        visible: False for colliders that are not seen; see `hanzo_twin.sensors.mirror` for when they are shown.
        collision_groups: paths of the UsdPhysics collision groups it belongs to.
        color: RGBA in 0…1 as its file has it (a texture as its mean), None where the scene does not say.
        semantic_label: label for segmentation, "" where the scene does not say.
    """

    path: str
    geometry: Geometry
    pose: Pose
    material: str = ""
    collides: bool = True
    visible: bool = True
    collision_groups: tuple[str, ...] = ()
    color: tuple[float, float, float, float] | None = None
    semantic_label: str = ""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A rigid body.

    Args:
        mass: kg.
        center_of_mass: in the body frame [3], m.
        principal_axes: quaternion [4] of the principal frame in the body frame.
        diagonal_inertia: principal moments about the centre of mass [3], kg·m².
        linear_velocity / angular_velocity: initial, world frame [3], m/s and rad/s.
        kinematic: moved by hand, not by forces.
        mass_source: where the mass came from.
    """

    path: str
    pose_world_body: Pose
    mass: float
    center_of_mass: tuple[float, float, float] = (0.0, 0.0, 0.0)
    principal_axes: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    diagonal_inertia: tuple[float, float, float]
    shapes: tuple[Shape, ...] = ()
    linear_velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angular_velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    kinematic: bool = False
    gravity_enabled: bool = True
    mass_source: Literal["authored", "density", "guessed"] = "authored"

    @property
    def inertia(self) -> FloatArray:
        """About the centre of mass, in the body's axes [3, 3], kg·m²."""
        axes = rotation_matrix(np.array(self.principal_axes))
        inertia: FloatArray = axes @ np.diag(self.diagonal_inertia) @ axes.T
        return inertia


@dataclass(frozen=True, kw_only=True)
class Drive:
    """effort = clip(stiffness·(target_position − q) + damping·(target_velocity − q̇), ±max_effort).

    Units: N·m/rad and N·m·s/rad for revolute joints, N/m and N·s/m for prismatic ones. In mode ``acceleration`` the
    law gives an acceleration (the gains are then per unit of inertia).
    """

    stiffness: float = 0.0
    damping: float = 0.0
    max_effort: float = float("inf")
    target_position: float = 0.0
    target_velocity: float = 0.0
    mode: Literal["force", "acceleration"] = "force"


@dataclass(frozen=True, kw_only=True)
class Mimic:
    """position = multiplier · position(of joint) + offset."""

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One free direction of a ``d6`` joint: ``rotation`` about, or translation along, the joint frame's x, y or z."""

    name: Literal["x", "y", "z"]
    rotation: bool
    lower: float = float("-inf")
    upper: float = float("inf")
    drive: Drive | None = None


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A joint between two bodies. Positions in rad or m, efforts in N·m or N.

    Args:
        parent: path of the parent body, "" for the world.
        axis: unit vector in the joint frame [3].
        lower / upper: limits, infinite where there is none. Of a spherical joint ``upper`` limits the angle of its
            whole turn, ``lower`` is infinite.
        cone: of a spherical joint, how far ``axis`` on the child may swing from that on the parent, rad: towards the
            axis of the frame that follows it (y after x, x after z) and towards the one after; infinite without limit.
        armature: inertia of the rotor seen at the joint, kg·m² or kg.
        damping: viscous, N·m·s/rad or N·s/m.
        friction: dry (Coulomb) friction effort, N·m or N.
        max_velocity / max_effort: limits of the actuator, infinite where unknown.
        stiffness / rest_position: passive spring.
        closes_loop: True for a joint outside the articulation's tree.
        free_axes: of a ``d6`` joint: translations along the parent's joint frame, then rotations about x, y and z in
            this order, each about the axis as those before it have turned it.
    """

    path: str
    kind: JointKind
    parent: str
    child: str
    pose_parent_joint: Pose
    pose_child_joint: Pose
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    lower: float = float("-inf")
    upper: float = float("inf")
    cone: tuple[float, float] = (float("inf"), float("inf"))
    armature: float = 0.0
    damping: float = 0.0
    friction: float = 0.0
    stiffness: float = 0.0
    rest_position: float = 0.0
    max_velocity: float = float("inf")
    max_effort: float = float("inf")
    drive: Drive | None = None
    initial_position: float = 0.0
    initial_velocity: float = 0.0
    mimic: Mimic | None = None
    closes_loop: bool = False
    free_axes: tuple[Axis, ...] = ()

    @property
    def unit(self) -> str:
        """Of its position."""
        return "m" if self.kind == "prismatic" else "rad"

    @property
    def effort_unit(self) -> str:
        return "N" if self.kind == "prismatic" else "N·m"

    @property
    def armature_unit(self) -> str:
        return "kg" if self.kind == "prismatic" else "kg·m²"


@dataclass(frozen=True, kw_only=True)
class Articulation:
    """A tree of joints that is commanded as one thing.

    Args:
        path: prim path of the articulation root.
        root_body: path of the tree's first body.
        fixed_base: the tree is tied to the world (welded, or by its first joint); it does not float.
        joints: paths of its revolute and prismatic joints, parents before children; arrays of a command or an
            observation follow this order.
        bodies: paths of its bodies, parents before children.
    """

    path: str
    root_body: str
    fixed_base: bool
    joints: tuple[str, ...]
    bodies: tuple[str, ...]

    @property
    def body_pairs(self) -> tuple[tuple[str, str], ...]:
        """All pairs of its bodies, each sorted; `Scene.filtered_pairs` has those that do not touch each other."""
        return tuple((min(pair), max(pair)) for pair in combinations(self.bodies, 2))


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A sensor's prim: where it is, and its authored attributes as `scene.sensors` reads them."""

    path: str
    kind: SensorKind
    body: str
    pose_body_sensor: Pose
    attributes: AttributeValues = ()


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera prim: looks along its −Z, +Y up; ``vertical_fov`` in rad.

    ``attributes`` are those that make it a sensor (size, rate, noise), as `scene.sensors` reads them.
    """

    path: str
    body: str
    pose_body_camera: Pose
    vertical_fov: float
    clipping_range: tuple[float, float] = (0.01, 1000.0)
    attributes: AttributeValues = ()


@dataclass(frozen=True, kw_only=True)
class Light:
    """A light prim, shining along its −Z where its kind has a direction; ``color`` is RGB.

    ``intensity`` is UsdLux's, with the exposure in it.
    """

    path: str
    kind: Literal["distant", "sphere", "rect", "disk", "dome"]
    pose_world_light: Pose
    intensity: float
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything an engine needs, checked and in one unit system.

    Args:
        source: the file it came from, for messages only (not part of the fingerprint).
        gravity: world frame [3], m/s².
        gravity_path: prim path of the physics scene, so that gravity has an address.
        bodies / joints / static_shapes / materials …: by prim path, bodies with parents before children.
        engine_attributes: what only some engines know (``mjc:``, ``physx…:`` and ``newton:`` attributes that no field
            here holds), address → value as authored: ``/World/box/shape.mjc:solref`` → (0.02, 1.0).
        filtered_pairs: pairs of body (or shape) paths that do not collide, each sorted. All others do, those of one
            articulation too, except bodies that a joint connects.
        attributes: scalar attributes that the scene authors on prims that are not physics (a sensor's
            ``temperature``): address → initial value.
        step_hint: time step the scene asks for, s; None where it does not.
        prim_paths: every prim of the stage, so that addresses can be checked (not part of the fingerprint).
        diagnoses: what loading changed, guessed or lost (not part of the fingerprint).
    """

    source: str = ""
    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81)
    gravity_path: str = "/physicsScene"
    bodies: Mapping[str, Body]
    joints: Mapping[str, Joint] = field(default_factory=dict)
    articulations: Mapping[str, Articulation] = field(default_factory=dict)
    static_shapes: Mapping[str, Shape] = field(default_factory=dict)
    materials: Mapping[str, Material] = field(default_factory=dict)
    sensors: Mapping[str, Sensor] = field(default_factory=dict)
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    lights: Mapping[str, Light] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)
    engine_attributes: Mapping[str, EngineValue] = field(default_factory=dict)
    filtered_pairs: tuple[tuple[str, str], ...] = ()
    step_hint: float | None = None
    prim_paths: tuple[str, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Mapping):
                object.__setattr__(self, item.name, MappingProxyType(dict(value)))

    def __reduce__(self) -> tuple[object, ...]:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return _build_scene, ({k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()},)

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of all that matters to an engine; equal scenes have equal fingerprints on every machine."""
        digest = hashlib.sha256(b"hanzo-twin scene 1\n")
        for name in sorted(item.name for item in fields(self)):
            if name not in ("source", "prim_paths", "diagnoses"):
                for part in _canonical(getattr(self, name)):
                    digest.update(part)
        return digest.hexdigest()

    @cached_property
    def child_joint(self) -> Mapping[str, Joint]:
        """The tree joint that holds each body, by body path; free bodies have none."""
        return {joint.child: joint for joint in self.joints.values() if not joint.closes_loop}

    def articulation(self, path: str) -> Articulation:
        """The articulation at ``path``.

        Raises:
            NotFoundError: there is none; the hint lists those there are.
        """
        try:
            return self.articulations[path]
        except KeyError:
            raise NotFoundError(
                f"The scene has no articulation '{path}'.", hint=nearest(path, self.articulations)
            ) from None


def _build_scene(values: dict[str, object]) -> Scene:
    return Scene(**values)  # type: ignore[arg-type]


def _canonical(value: object) -> Iterator[bytes]:
    """Bytes that identify a value of the model, independent of dict order and platform."""
    if isinstance(value, Mapping):
        yield b"{"
        for key in sorted(value):
            yield f"{key}=".encode()
            yield from _canonical(value[key])
        yield b"}"
    elif is_dataclass(value) and not isinstance(value, type):
        yield type(value).__name__.encode() + b"("
        for item in fields(value):
            yield f"{item.name}=".encode()
            yield from _canonical(getattr(value, item.name))
        yield b")"
    elif isinstance(value, tuple):
        yield b"["
        for entry in value:
            yield from _canonical(entry)
            yield b","
        yield b"]"
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode() + value.tobytes()
    else:
        yield repr(value).encode()
