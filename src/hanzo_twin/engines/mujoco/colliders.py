"""The colliders of a scene as MuJoCo's geoms: who holds them, and who collides with whom."""

from __future__ import annotations

from typing import Any

from hanzo_twin.engines.hulls import colliders, needs_triangles, shape_of
from hanzo_twin.engines.materials import DEFAULT, friction_between, restitution_between
from hanzo_twin.engines.mujoco.attributes import has_touch, write_touch
from hanzo_twin.engines.mujoco.contacts import Collider, add_pairs, bounce, collision_bits, everything, separated
from hanzo_twin.engines.mujoco.geometry import add_geom
from hanzo_twin.engines.mujoco.plates import MIXING, STIFFNESS, partner, plates
from hanzo_twin.scene.model import Scene, Shape


class Colliders:
    """Adds the colliders of ``scene`` to ``spec``, whose ``bodies`` are there by path, the world by "".

    Without ``geoms`` only the bodies that hold them are added.
    """

    def __init__(
        self, spec: Any, bodies: dict[str, Any], scene: Scene, step_seconds: float, *, geoms: bool = True
    ) -> None:
        self._spec = spec
        self._bodies = bodies
        self._scene = scene
        self._step_seconds = step_seconds
        self._geoms = geoms
        self._bits = collision_bits(scene)
        self._filtered = {path for pair in scene.filtered_pairs for path in pair}
        #: By path of a body or a shape, MuJoCo's bodies that it is.
        self._members: dict[str, set[str]] = {path: {path} for path in scene.bodies}
        #: Those that touch others as materials say.
        self._found: list[Collider] = []

    def add(self) -> None:
        """Add geoms, what does not collide, and how different materials touch.

        Raises:
            UnsupportedError: too many plates, or too many pairs of different materials.
        """
        for path in self._scene.bodies:
            self._add_body(path)
        for shape in self._scene.static_shapes.values():
            if shape.collides:
                self._add_static(shape)
        self._exclude()
        add_pairs(self._spec, self._scene, self._found, self._bits, self._step_seconds)

    def _add_body(self, body: str) -> None:
        solid = colliders(self._scene.bodies[body].shapes)
        several = len({shape_of(one.path) for one in solid}) > 1
        for collider in solid:
            path, holder = shape_of(collider.path), self._bodies[body]
            self._members[path] = {body}
            if several and path in self._filtered:
                # MuJoCo filters bodies: the shape is one, welded to its own.
                holder, self._members[path] = self._holder(holder, path), {path}
                self._members[body].add(path)
            self._add(holder, body, collider)

    def _add_static(self, shape: Shape) -> None:
        """Bodies of their own can be named by filtered pairs; geoms of the world itself are found at less cost."""
        path, world = shape.path, self._spec.worldbody
        self._members[path] = {path}
        if not needs_triangles(shape):
            for collider in colliders([shape]):
                self._add(self._holder(world, path), path, collider)
            return
        holder = self._holder(world, path) if path in self._filtered else world
        other = partner(self._scene, shape)
        for mesh in colliders([shape], triangles=True) if self._geoms else ():
            for plate in plates(mesh):
                if other is None:
                    self._add(holder, path, plate, plate=True)
                else:
                    self._add_ruling(holder, plate, other)

    def _add(self, holder: Any, path: str, collider: Shape, *, plate: bool = False) -> None:
        """A geom that belongs to ``path``, a body or a static shape."""
        if not self._geoms:
            return
        scene, shape = self._scene, shape_of(collider.path)
        geom = add_geom(
            self._spec, holder, collider, scene.materials.get(collider.material), self._bits.get(path, everything())
        )
        if plate:
            geom.solref, geom.solmix = STIFFNESS, MIXING
        write_touch(geom, scene, shape, collider.material)
        own_rules = has_touch(scene, shape)
        self._found.append(Collider(name=collider.path, holder=path, shape=collider, own_rules=own_rules, plate=plate))

    def _add_ruling(self, holder: Any, plate: Shape, other: str) -> None:
        """A plate that says itself how it touches what moves, all of which is of the material ``other``."""
        materials = [self._scene.materials.get(path, DEFAULT) for path in (plate.material, other)]
        geom = add_geom(self._spec, holder, plate, materials[0], everything())
        geom.priority, geom.friction[0] = 1, friction_between(*materials)
        geom.solref = STIFFNESS
        for name, value in bounce(restitution_between(*materials), self._step_seconds).items():
            setattr(geom, name, value)

    def _holder(self, parent: Any, path: str) -> Any:
        """The body ``path`` without mass, which is made where there is none."""
        known = self._spec.body(path)
        if known is not None:
            return known
        holder = parent.add_body(name=path)
        holder.explicitinertial = True
        return holder

    def _exclude(self) -> None:
        """Let filtered pairs not collide."""
        excluded: set[tuple[str, str]] = set()
        for first, second in separated(self._scene):
            for one in self._members.get(first, ()):
                others = self._members.get(second, ())
                excluded |= {(min(one, other), max(one, other)) for other in others if other != one}
        for first, second in sorted(excluded):
            self._spec.add_exclude(bodyname1=first, bodyname2=second)
