"""What a stage holds that no field of a `Scene` can: told, so that nothing is lost in silence."""

from __future__ import annotations

from pxr import Usd

from hanzo_twin.scene.findings import Findings

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


def report_unread(stage: Usd.Stage, findings: Findings) -> None:
    """One warning for each kind of thing that is not read, at the first prim that is one."""
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
