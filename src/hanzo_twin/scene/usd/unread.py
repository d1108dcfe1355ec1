"""What a stage holds that no field of a `Scene` can: told, so that nothing is lost in silence."""

from __future__ import annotations

from pxr import Usd, UsdPhysics

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.usd.values import LARGEST

_FAMILIES = {
    "PhysxVehicle": "vehicles of PhysX",
    "PhysxTendon": "tendons of PhysX",
    "PhysxSurfaceVelocity": "surface velocities of PhysX",
    "PhysxCharacterController": "character controllers of PhysX",
    "PhysxForce": "constant forces of PhysX",
    "PhysxTrigger": "triggers of PhysX",
    "PhysxParticle": "particles of PhysX",
    "PhysxDiffuseParticles": "particles of PhysX",
    "PhysxDeformable": "deformable bodies",
    "PhysxSurfaceDeformable": "deformable bodies",
    "PhysxAutoDeformable": "deformable bodies",
    "PhysxAutoAttachment": "attachments of deformable bodies",
    "OmniPhysicsDeformable": "deformable bodies",
    "OmniPhysicsVolumeDeformable": "deformable bodies",
    "OmniPhysicsSurfaceDeformable": "deformable bodies",
    "OmniPhysicsCurvesDeformable": "deformable bodies",
    "PhysxPhysicsGearJoint": "gears of PhysX",
    "PhysxPhysicsRackAndPinionJoint": "racks and pinions of PhysX",
    "PointInstancer": "copies made by a PointInstancer",
}


# Instances of DriveAPI and LimitAPI that mean something, by type of joint.
_SIX = tuple(kind + axis for kind in ("trans", "rot") for axis in "XYZ")
_INSTANCES = {
    "PhysicsRevoluteJoint": ("angular",),
    "PhysicsPrismaticJoint": ("linear",),
    "PhysicsJoint": _SIX,
}


def report_unread(stage: Usd.Stage, findings: Findings) -> None:
    """Warnings for what is not read: one for each kind of thing, at the first prim that is one; of joints one each."""
    for prim in stage.Traverse():
        if prim.IsA(UsdPhysics.Joint):
            _report_instances(prim, findings)
            _report_breaking(prim, findings)
        elif prim.HasAPI(UsdPhysics.RigidBodyAPI) and prim.GetAttribute("physics:startsAsleep").Get() is True:
            findings.info("sleep-lost", str(prim.GetPath()), "It is to start asleep; it starts awake: nothing sleeps.")
    _report_families(stage, findings)


def _report_instances(prim: Usd.Prim, findings: Findings) -> None:
    """Tell of drives and limits about axes that a joint of that type has not."""
    known = _INSTANCES.get(str(prim.GetTypeName()), ())
    for schema, what in (("PhysicsDriveAPI", "drive"), ("PhysicsLimitAPI", "limit")):
        for name in _names(prim):
            family, _, instance = name.partition(":")
            if family == schema and instance not in known:
                code = "drive-lost" if what == "drive" else "limit-lost"
                findings.warning(
                    code,
                    str(prim.GetPath()),
                    f"Its {what} '{instance}' is not kept: a joint of type {prim.GetTypeName()} has none.",
                    f"Allowed: {', '.join(known)}."
                    if known
                    else "Use a D6 joint (PhysicsJoint) with one for each axis.",
                )


def _report_breaking(prim: Usd.Prim, findings: Findings) -> None:
    for name in ("physics:breakForce", "physics:breakTorque"):
        value = prim.GetAttribute(name).Get()
        if isinstance(value, float) and value < LARGEST:
            findings.warning(
                "break-lost",
                str(prim.GetPath()),
                f"It is to break beyond a {name.removeprefix('physics:break').lower()} of {value:g}; it never does.",
                f"Remove {name}.",
            )


def _report_families(stage: Usd.Stage, findings: Findings) -> None:
    found: dict[str, list[str]] = {}
    for prim in stage.Traverse():
        for family in {_FAMILIES[prefix] for name in _names(prim) for prefix in _FAMILIES if name.startswith(prefix)}:
            found.setdefault(family, []).append(str(prim.GetPath()))
    for family, paths in sorted(found.items()):
        more = f" (and {len(paths) - 1} more prims)" if len(paths) > 1 else ""
        findings.warning(
            "feature-lost",
            paths[0],
            f"It has {family}, which are not read{more}.",
            "Rigid bodies, joints and colliders of UsdPhysics are; model it with them, or do without.",
        )


def _names(prim: Usd.Prim) -> list[str]:
    """Its type and its applied schemas as authored, whether this USD knows them or not."""
    applied = prim.GetMetadata("apiSchemas")
    return [str(prim.GetTypeName()), *(map(str, applied.GetAppliedItems()) if applied else ())]
