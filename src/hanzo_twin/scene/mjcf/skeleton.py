"""Bodies and joints of a compiled model, as bodies and joints of a scene.

A body of MJCF may hang on several joints at once, which move it one after the other. A scene has one joint between
two bodies, so each joint but the last gets a body of its own that weighs next to nothing (`LINK_WEIGHT` of the body
that it carries): the mass matrix stays the same to about that part.

A body without mass, or that is tied to the world and carries nothing that moves, is not a body of the scene; its geoms
belong to what it is part of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.mjcf.draft import Draft, Place, pose_of, triple
from hanzo_twin.scene.model import Articulation, Body, Joint, JointKind
from hanzo_twin.scene.tree import motion
from hanzo_twin.spatial import FloatArray, Pose

LINK_WEIGHT = 1e-9
_LIGHTEST = 2e-15  # MuJoCo takes nothing that is not above 1e-15 for a body that moves.
_FREE, _BALL, _SLIDE, _HINGE = (
    int(kind)
    for kind in (
        mujoco.mjtJoint.mjJNT_FREE,
        mujoco.mjtJoint.mjJNT_BALL,
        mujoco.mjtJoint.mjJNT_SLIDE,
        mujoco.mjtJoint.mjJNT_HINGE,
    )
)
_KINDS: dict[int, JointKind] = {_BALL: "spherical", _SLIDE: "prismatic", _HINGE: "revolute"}
_SUFFIX = {_BALL: "ball", _SLIDE: "slide", _HINGE: "hinge"}
_GUESSED_MASS = 1e-3
_OUTSIDE = 1e-6
_UNLIMITED = 1e10


def read_skeleton(draft: Draft) -> None:
    """Add bodies, joints and articulations; later readers find bodies in ``draft.places``."""
    _Reader(draft).read()


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._model = draft.model
        self._own = self._bodies_of_the_scene()
        self._prefixes = self._groups()
        self._joint_scopes: dict[str, str] = {}
        self._later: list[tuple[str, str]] = []

    def read(self) -> None:
        draft = self._draft
        draft.places[0] = Place(body="", path=draft.root, pose=Pose.identity())
        for body in range(1, self._model.nbody):
            if body in self._own:
                self._add_body(body)
            else:
                self._add_frame(body)
        draft.prims += self._joint_prims()
        self._add_articulations()

    def _bodies_of_the_scene(self) -> set[int]:
        """Ids of the bodies that are bodies of the scene too."""
        model = self._model
        moving = {body for body in range(1, model.nbody) if model.body_dofnum[body] > 0}
        carries: set[int] = set()
        for body in moving:
            above = int(model.body_parentid[body])
            while above:
                carries.add(above)
                above = int(model.body_parentid[above])
        return {
            body
            for body in range(1, model.nbody)
            if body in moving
            or model.body_mocapid[body] >= 0
            or (model.body_mass[body] > 0 and (body in carries or model.body_weldid[body] != 0))
        }

    def _above(self, body: int) -> int:
        """The body of the scene that carries ``body``, 0 for the world."""
        above = int(self._model.body_parentid[body])
        while above and above not in self._own:
            above = int(self._model.body_parentid[above])
        return above

    def _root(self, body: int) -> int:
        while above := self._above(body):
            body = above
        return body

    def _groups(self) -> dict[int, str]:
        """Path below which the bodies of each tree stand, by the tree's first body."""
        draft, model = self._draft, self._model
        articulated: dict[int, list[int]] = {}
        for body in sorted(self._own):
            if any(int(model.jnt_type[joint]) != _FREE for joint in self._joints_of(body)):
                articulated.setdefault(self._root(body), []).append(body)
        if len(articulated) <= 1:
            return {}
        paths = {root: draft.claim(draft.root, self._body_name(root)) for root in articulated}
        draft.prims += paths.values()
        return paths

    def _prefix(self, body: int) -> str:
        return self._prefixes.get(self._root(body), self._draft.root)

    def _joints_of(self, body: int) -> range:
        first = int(self._model.body_jntadr[body])
        return range(first, first + int(self._model.body_jntnum[body]))

    def _body_name(self, body: int) -> str:
        return self._draft.name("BODY", body) or f"body_{body}"

    def _frame_in(self, body: int) -> tuple[str, Pose]:
        """Path of the scene's body above ``body`` ("" for the world), and the pose of ``body`` in it at qpos0."""
        model = self._model
        local = pose_of(model.body_pos[body], model.body_quat[body])
        place = self._draft.places[int(model.body_parentid[body])]
        return place.body, place.pose @ local

    def _add_frame(self, body: int) -> None:
        parent, pose = self._frame_in(body)
        model, draft = self._model, self._draft
        above = draft.places[int(model.body_parentid[body])]
        path = draft.claim(above.path, self._body_name(body))
        draft.prims.append(path)
        draft.places[body] = Place(body=parent, path=path, pose=pose)

    def _add_body(self, body: int) -> None:
        draft, model = self._draft, self._model
        parent, frame = self._frame_in(body)
        joints = list(self._joints_of(body))
        path = draft.claim(self._prefix(body), self._body_name(body))
        if joints and int(model.jnt_type[joints[0]]) == _FREE:
            self._add_free(body, path, joints[0])
        elif model.body_mocapid[body] >= 0:
            self._insert(self._body(body, path, frame, kinematic=True))
        elif not joints:
            world = self._world(parent) @ frame
            self._insert(self._body(body, path, world))
            self._add_weld(body, parent, path, frame)
        else:
            self._add_stack(body, path, parent, frame, joints)
        draft.places[body] = Place(body=path, path=path, pose=Pose.identity())

    def _insert(self, body: Body) -> None:
        self._draft.bodies[body.path] = body
        self._draft.prims.append(body.path)

    def _world(self, path: str) -> Pose:
        return self._draft.bodies[path].pose_world_body if path else Pose.identity()

    def _body(self, body: int, path: str, world: Pose, *, kinematic: bool = False) -> Body:
        model, findings = self._model, self._draft.findings
        mass, moments = float(model.body_mass[body]), triple(model.body_inertia[body])
        if mass <= 0:
            findings.warning(
                "mass-guessed",
                path,
                f"It is moved by hand and has no mass; {_GUESSED_MASS} kg is taken.",
                "Give it a mass, if an engine shall weigh it.",
            )
            mass, moments = _GUESSED_MASS, (1e-6, 1e-6, 1e-6)
        compensation = float(model.body_gravcomp[body])
        if compensation not in (0.0, 1.0):
            findings.warning(
                "gravity-compensation-lost",
                path,
                f"That {compensation:g} of its weight is compensated is lost; a scene knows all or nothing.",
                "Use gravcomp 0 or 1.",
            )
        w, x, y, z = (float(part) for part in model.body_iquat[body])
        return Body(
            path=path,
            pose_world_body=world,
            mass=mass,
            center_of_mass=triple(model.body_ipos[body]),
            principal_axes=(w, x, y, z),
            diagonal_inertia=moments,
            kinematic=kinematic,
            gravity_enabled=compensation != 1.0,
        )

    def _add_free(self, body: int, path: str, joint: int) -> None:
        draft, model = self._draft, self._model
        address, dof = int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])
        numbers = draft.start.qpos[address : address + 7]
        world = pose_of(numbers[:3], numbers[3:])
        added = self._body(body, path, world)
        velocity = draft.start.qvel[dof : dof + 6]
        turn = np.array(pose_of(np.zeros(3), numbers[3:]).apply(np.array(velocity[3:])))
        self._insert(_moving(added, velocity[:3], turn))
        ends = slice(dof, dof + 6)
        passive = {
            "damping": model.dof_damping[ends],
            "armature": model.dof_armature[ends],
            "friction loss": model.dof_frictionloss[ends],
            "stiffness": model.jnt_stiffness[joint],
        }
        gone = [name for name, values in passive.items() if np.any(values)]
        if gone:
            draft.findings.warning(
                "free-joint-lost",
                path,
                f"The {', '.join(gone)} of its free joint is lost; free bodies have none in a scene.",
                "Set them to zero there, as a <freejoint> does.",
            )

    def _add_weld(self, body: int, parent: str, path: str, frame: Pose) -> None:
        joint = Joint(
            path=self._claim_joint(body, f"{self._body_name(body)}_weld"),
            kind="fixed",
            parent=parent,
            child=path,
            pose_parent_joint=frame,
            pose_child_joint=Pose.identity(),
        )
        self._draft.joints[joint.path] = joint

    def _add_stack(self, body: int, path: str, parent: str, frame: Pose, joints: list[int]) -> None:
        """The body and all joints that it hangs on, with a link after each joint but the last."""
        draft = self._draft
        last = joints[-1]
        for joint in joints:
            child = path if joint == last else self._claim_link(body, joint)
            made = self._joint(joint, parent, child, frame)
            start = self._start_motion(joint, made)
            moved = self._world(parent) @ made.pose_parent_joint @ start
            world = moved @ made.pose_child_joint.inverse()
            self._insert(self._body(body, path, world) if joint == last else self._link(body, child, world))
            draft.joints[made.path] = made
            draft.joint_paths[joint] = made.path
            parent, frame = child, Pose.identity()
        if len(joints) > 1:
            draft.findings.info(
                "joint-stack",
                path,
                f"It hangs on {len(joints)} joints; a body of next to no mass was put after each but the last.",
            )

    def _claim_link(self, body: int, joint: int) -> str:
        name = self._draft.name("JOINT", joint) or f"joint_{joint}"
        return self._draft.claim(self._prefix(body), f"{self._body_name(body)}_{name}_link")

    def _link(self, body: int, path: str, world: Pose) -> Body:
        model = self._model
        moment = max(LINK_WEIGHT * float(model.body_inertia[body].max()), _LIGHTEST)
        return Body(
            path=path,
            pose_world_body=world,
            mass=max(LINK_WEIGHT * float(model.body_mass[body]), _LIGHTEST),
            diagonal_inertia=(moment, moment, moment),
        )

    def _claim_joint(self, body: int, name: str) -> str:
        prefix = self._prefix(body)
        if prefix not in self._joint_scopes:
            self._joint_scopes[prefix] = self._draft.claim(prefix, "joints")
        return self._draft.claim(self._joint_scopes[prefix], name)

    def _joint_prims(self) -> Iterator[str]:
        yield from self._joint_scopes.values()
        yield from self._draft.joints

    def _joint(self, joint: int, parent: str, child: str, frame: Pose) -> Joint:
        """One joint; ``frame`` is the pose of the body in the parent at qpos0, before this joint moves it."""
        model, draft = self._model, self._draft
        kind, dof = int(model.jnt_type[joint]), int(model.jnt_dofadr[joint])
        body = int(model.jnt_bodyid[joint])
        fallback = f"{self._body_name(body)}_{_SUFFIX[kind]}"
        path = self._claim_joint(body, draft.name("JOINT", joint) or fallback)
        anchor = Pose.of(np.array(model.jnt_pos[joint]))
        limited = bool(model.jnt_limited[joint])
        bounded = limited and kind != _BALL
        made = Joint(
            path=path,
            kind=_KINDS[kind],
            parent=parent,
            child=child,
            pose_parent_joint=frame @ anchor,
            pose_child_joint=anchor,
            axis=triple(model.jnt_axis[joint]) if kind != _BALL else (0.0, 0.0, 1.0),
            lower=_bound(model.jnt_range[joint][0]) if bounded else -np.inf,
            upper=_bound(model.jnt_range[joint][1]) if limited else np.inf,
            armature=float(model.dof_armature[dof]),
            damping=float(model.dof_damping[dof]),
            friction=float(model.dof_frictionloss[dof]),
            stiffness=float(model.jnt_stiffness[joint]),
            rest_position=_rest(model, joint) if kind != _BALL else 0.0,
            initial_position=self._start_position(joint, path),
            initial_velocity=float(draft.start.qvel[dof]) if kind != _BALL else 0.0,
        )
        self._report(joint, path, kind, limited)
        if kind == _BALL:
            return made
        reference = float(model.qpos0[model.jnt_qposadr[joint]])
        return _referred(made, reference) if reference else made

    def _report(self, joint: int, path: str, kind: int, limited: bool) -> None:
        model, findings = self._model, self._draft.findings
        dof = int(model.jnt_dofadr[joint])
        if np.any(model.jnt_stiffnesspoly[joint]) or np.any(model.dof_dampingpoly[dof]):
            findings.warning(
                "nonlinear-passive-lost",
                path,
                "The nonlinear parts of its stiffness and damping are lost; the linear ones are kept.",
                "Fit linear ones.",
            )

    def _start_position(self, joint: int, path: str) -> float:
        """Where the joint starts, moved into its limits if need be, so that what hangs on it moves along."""
        model = self._model
        if int(model.jnt_type[joint]) == _BALL:
            return 0.0
        wanted = float(self._draft.start.qpos[int(model.jnt_qposadr[joint])])
        if not model.jnt_limited[joint]:
            return wanted
        lower, upper = (float(bound) for bound in model.jnt_range[joint])
        inside = min(max(wanted, lower), upper)
        if abs(inside - wanted) > _OUTSIDE:
            unit = "m" if _KINDS[int(self._model.jnt_type[joint])] == "prismatic" else "rad"
            self._draft.findings.warning(
                "start-outside-limits",
                path,
                f"It would start at {wanted:.6g} {unit}, outside {lower:.6g} … {upper:.6g} {unit}; it starts at "
                f"{inside:.6g} {unit}.",
                "Give the file a keyframe 'home' within the limits.",
            )
        return inside

    def _start_motion(self, joint: int, made: Joint) -> Pose:
        if made.kind != "spherical":
            return motion(made, made.initial_position)
        address = int(self._model.jnt_qposadr[joint])
        return pose_of(np.zeros(3), self._draft.start.qpos[address : address + 4])

    def _add_articulations(self) -> None:
        draft = self._draft
        trees: dict[str, list[str]] = {}
        for body in sorted(self._own):
            trees.setdefault(self._prefix(body), [])
        for prefix in trees:
            joints = [joint for joint in draft.joints.values() if joint.path.startswith(f"{prefix}/joints")]
            moving = [joint.path for joint in joints if joint.kind in ("revolute", "prismatic")]
            if all(joint.kind == "fixed" for joint in joints):
                continue
            members = {end for joint in joints for end in (joint.parent, joint.child) if end}
            bodies = [path for path in draft.bodies if path in members]
            draft.articulations[prefix] = Articulation(
                path=prefix,
                root_body=bodies[0],
                fixed_base=any(not joint.parent for joint in joints),
                joints=tuple(moving),
                bodies=tuple(bodies),
            )


def _moving(body: Body, linear: Any, angular: FloatArray) -> Body:
    return replace(body, linear_velocity=triple(linear), angular_velocity=triple(angular))


def _bound(value: float) -> float:
    """A limit; MJCF has no infinity, so files write something very large for a limit on one side only."""
    return float(value) if abs(value) < _UNLIMITED else math.copysign(math.inf, value)


def _rest(model: Any, joint: int) -> float:
    return float(model.qpos_spring[int(model.jnt_qposadr[joint])])


def _referred(joint: Joint, reference: float) -> Joint:
    """A joint whose bodies stand as the file says at position ``reference`` instead of zero."""
    return replace(joint, pose_parent_joint=joint.pose_parent_joint @ motion(joint, -reference))
