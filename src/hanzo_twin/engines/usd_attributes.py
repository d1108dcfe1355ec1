"""What becomes of each attribute of UsdPhysics, and of those of other schemas that scenes are read from.

A row says what an attribute becomes, and which feature (`hanzo_twin.engines.features`) an engine must have for it;
without one, every engine follows it that simulates what it is about. What is read is followed, refused or warned of;
what is not is told when a scene is loaded. Attributes of schemas that no row names reach engines as
`Scene.engine_attributes`, which say by `scene check --engine` which of them they do not follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One row.

    Args:
        name: of the attribute, without the prefix ``physics:`` and the name of an instance.
        becomes: what is made of it; of one that is not read, how that is told.
        features: what an engine needs to follow it wherever it may stand.
        needs: engines without that power have no use for it.
        read: False for what no engine follows.
    """

    name: str
    becomes: str
    features: tuple[str, ...] = ()
    needs: Literal["", "dynamics", "contacts"] = ""
    read: bool = True


UNUSED = ("simulationOwner",)
"""Attributes without a row: of several physics scenes one is used, which is told."""

ATTRIBUTES: tuple[tuple[str, tuple[Attribute, ...]], ...] = (
    (
        "PhysicsScene",
        (
            Attribute(name="gravityDirection", becomes="gravity", needs="dynamics"),
            Attribute(name="gravityMagnitude", becomes="gravity", needs="dynamics"),
        ),
    ),
    (
        "PhysicsRigidBodyAPI",
        (
            Attribute(name="rigidBodyEnabled", becomes="a body, or what stands"),
            Attribute(name="kinematicEnabled", becomes="kinematic bodies", features=("kinematic_bodies",)),
            Attribute(name="velocity", becomes="start; of bodies on joints `body-velocity-lost`", needs="dynamics"),
            Attribute(
                name="angularVelocity", becomes="start; of bodies on joints `body-velocity-lost`", needs="dynamics"
            ),
            Attribute(name="startsAsleep", becomes="`sleep-lost`: nothing sleeps", read=False),
        ),
    ),
    (
        "PhysicsMassAPI",
        (
            Attribute(name="mass", becomes="mass", needs="dynamics"),
            Attribute(name="density", becomes="mass and inertia by colliders", needs="dynamics"),
            Attribute(name="centerOfMass", becomes="centre of mass", needs="dynamics"),
            Attribute(name="diagonalInertia", becomes="inertia", needs="dynamics"),
            Attribute(name="principalAxes", becomes="inertia", needs="dynamics"),
        ),
    ),
    ("PhysicsCollisionAPI", (Attribute(name="collisionEnabled", becomes="a collider", needs="contacts"),)),
    (
        "PhysicsMeshCollisionAPI",
        (
            Attribute(
                name="approximation",
                becomes="hull, bounding box or sphere; parts; triangles (also for meshSimplification and sdf)",
                features=("mesh_decomposition", "static_triangles"),
            ),
        ),
    ),
    (
        "PhysicsMaterialAPI",
        (
            Attribute(name="dynamicFriction", becomes="friction", needs="contacts"),
            Attribute(name="staticFriction", becomes="friction before it slides", features=("static_friction",)),
            Attribute(name="restitution", becomes="restitution", features=("restitution",)),
            Attribute(name="density", becomes="mass and inertia by colliders", needs="dynamics"),
        ),
    ),
    ("PhysicsFilteredPairsAPI", (Attribute(name="filteredPairs", becomes="filtered pairs", needs="contacts"),)),
    (
        "PhysicsCollisionGroup",
        (
            Attribute(name="filteredGroups", becomes="filtered pairs", needs="contacts"),
            Attribute(name="invertFilteredGroups", becomes="filtered pairs", needs="contacts"),
            Attribute(name="mergeGroup", becomes="filtered pairs", needs="contacts"),
        ),
    ),
    (
        "PhysicsJoint",
        (
            Attribute(name="body0", becomes="the parent, or the child where that is nearer to the base"),
            Attribute(name="body1", becomes="the child, or the parent"),
            Attribute(name="localPos0", becomes="frame"),
            Attribute(name="localRot0", becomes="frame"),
            Attribute(name="localPos1", becomes="frame"),
            Attribute(name="localRot1", becomes="frame"),
            Attribute(name="jointEnabled", becomes="a joint, or `joint-disabled`"),
            Attribute(name="collisionEnabled", becomes="filtered pairs", needs="contacts"),
            Attribute(
                name="excludeFromArticulation", becomes="loops", features=("loops", "sliding_loops", "loop_efforts")
            ),
            Attribute(name="breakForce", becomes="`break-lost`: it never breaks", read=False),
            Attribute(name="breakTorque", becomes="`break-lost`: it never breaks", read=False),
        ),
    ),
    (
        "PhysicsRevoluteJoint",
        (
            Attribute(name="axis", becomes="axis"),
            Attribute(name="lowerLimit", becomes="limits"),
            Attribute(name="upperLimit", becomes="limits"),
        ),
    ),
    (
        "PhysicsPrismaticJoint",
        (
            Attribute(name="axis", becomes="axis"),
            Attribute(name="lowerLimit", becomes="limits"),
            Attribute(name="upperLimit", becomes="limits"),
        ),
    ),
    (
        "PhysicsSphericalJoint",
        (
            Attribute(name="axis", becomes="axis of the cone", features=("spherical_joints",)),
            Attribute(name="coneAngle0Limit", becomes="cone", features=("spherical_cones", "elliptic_cones")),
            Attribute(name="coneAngle1Limit", becomes="cone", features=("spherical_cones", "elliptic_cones")),
        ),
    ),
    (
        "PhysicsDistanceJoint",
        (
            Attribute(name="minDistance", becomes="`joint-unsupported`: an error", read=False),
            Attribute(name="maxDistance", becomes="`joint-unsupported`: an error", read=False),
        ),
    ),
    (
        "PhysicsLimitAPI",
        (
            Attribute(name="low", becomes="free axes and limits of D6 joints", features=("d6_joints", "d6_rotations")),
            Attribute(name="high", becomes="free axes and limits of D6 joints", features=("d6_joints", "d6_rotations")),
        ),
    ),
    (
        "PhysicsDriveAPI",
        (
            Attribute(name="type", becomes="drive", features=("acceleration_drives",)),
            Attribute(name="maxForce", becomes="drive", features=("d6_drives",)),
            Attribute(name="targetPosition", becomes="drive", features=("d6_drives",)),
            Attribute(name="targetVelocity", becomes="drive", features=("d6_drives",)),
            Attribute(name="damping", becomes="drive", features=("d6_drives",)),
            Attribute(name="stiffness", becomes="drive", features=("d6_drives",)),
        ),
    ),
    (
        "PhysX",
        (
            Attribute(name="physxJoint:armature", becomes="armature", features=("spherical_armature",)),
            Attribute(name="physxJoint:maxJointVelocity", becomes="velocity limit", features=("velocity_limits",)),
            Attribute(name="physxRigidBody:disableGravity", becomes="gravity", needs="dynamics"),
            Attribute(name="physxArticulation:enabledSelfCollisions", becomes="filtered pairs", needs="contacts"),
            Attribute(name="physxScene:timeStepsPerSecond", becomes="step hint"),
            Attribute(name="physxMaterial:frictionCombineMode", becomes="friction between materials", needs="contacts"),
            Attribute(name="physxMaterial:restitutionCombineMode", becomes="restitution", features=("restitution",)),
            Attribute(name="physxMimicJoint:…", becomes="mimic joints", features=("mimic_joints",)),
        ),
    ),
    (
        "Newton",
        (
            Attribute(name="newton:armature", becomes="armature", features=("spherical_armature",)),
            Attribute(name="newton:damping", becomes="viscous damping", needs="dynamics"),
            Attribute(name="newton:friction", becomes="dry friction", needs="dynamics"),
            Attribute(name="newton:velocityLimit", becomes="velocity limit", features=("velocity_limits",)),
            Attribute(name="newton:inertia", becomes="inertia", needs="dynamics"),
            Attribute(name="newton:mimic…", becomes="mimic joints", features=("mimic_joints",)),
            Attribute(name="newton:selfCollisionEnabled", becomes="filtered pairs", needs="contacts"),
            Attribute(name="newton:timeStepsPerSecond", becomes="step hint"),
            Attribute(name="newton:gravityEnabled", becomes="gravity", needs="dynamics"),
        ),
    ),
    (
        "MuJoCo",
        (
            Attribute(name="mjc:armature", becomes="armature", features=("spherical_armature",)),
            Attribute(name="mjc:damping", becomes="viscous damping", needs="dynamics"),
            Attribute(name="mjc:frictionloss", becomes="dry friction", needs="dynamics"),
            Attribute(name="mjc:stiffness", becomes="springs", features=("spherical_springs", "d6_springs")),
            Attribute(name="mjc:springref", becomes="springs", needs="dynamics"),
            Attribute(name="mjc:option:timestep", becomes="step hint"),
        ),
    ),
)
