"""Actuators as drives and effort limits of the joints they act on.

An actuator gives the force f = gain · ctrl + b₀ + b₁ · length + b₂ · velocity, limited to its force range; its length
is r · q and the joint feels r · f (r: the gear). So a servo (b₁ < 0) is a drive of stiffness −b₁ r² and damping −b₂ r²,
and a plain motor is an effort limit of r · gain · |ctrl|. A fixed tendon over joints that a coupling ties together
acts on their leader with r = gear · Σ coefficient · multiplier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import mujoco

from hanzo_twin.scene.mjcf.draft import Draft
from hanzo_twin.scene.model import Drive, Joint

_TRN, _GAIN, _BIAS, _DYN = mujoco.mjtTrn, mujoco.mjtGain, mujoco.mjtBias, mujoco.mjtDyn
_JOINT_TARGETS = (int(_TRN.mjTRN_JOINT), int(_TRN.mjTRN_JOINTINPARENT))
_FILTERS = (int(_DYN.mjDYN_FILTER), int(_DYN.mjDYN_FILTEREXACT))
_WRAP_JOINT = int(mujoco.mjtWrap.mjWRAP_JOINT)


@dataclass(frozen=True, kw_only=True)
class _Effect:
    """What an actuator does to one joint: ``ratio`` is r, ``limit`` bounds its effort (N·m or N)."""

    joint: str
    ratio: float
    stiffness: float
    damping: float
    limit: float
    target_position: float
    target_velocity: float


def read(draft: Draft) -> None:
    """Add all actuators to the joints of ``draft``."""
    for index in range(draft.model.nu):
        effect = _effect(draft, index)
        if effect is not None:
            joint = _with(draft, draft.joints[effect.joint], effect, index)
            draft.joints[joint.path] = joint
            _keep_control(draft, index, joint.path)
    _limit_by_joint(draft)
    _report_tendons(draft)


def _effect(draft: Draft, index: int) -> _Effect | None:
    """What the actuator does, None where a scene has no word for it (then that is reported)."""
    model = draft.model
    target = _target(draft, index)
    why = "it acts on no single joint of one degree of freedom" if target is None else _unlike(draft, index)
    if target is None or why:
        draft.findings.warning(
            "actuator-lost",
            draft.root,
            f"The {draft.called('ACTUATOR', index)} is lost: {why}.",
            "A scene knows motors, position and velocity servos on hinges and slides.",
        )
        return None
    path, ratio = target
    if int(model.actuator_dyntype[index]) in _FILTERS:
        draft.findings.warning(
            "actuator-changed",
            path,
            f"The {draft.called('ACTUATOR', index)} lags behind its command; here it follows at once.",
            "Filter the commands, where the lag matters.",
        )
    _, along, rate = _bias(draft, index)
    gain, control = float(model.actuator_gainprm[index][0]), _control(draft, index)
    return _Effect(
        joint=path,
        ratio=ratio,
        stiffness=-along * ratio**2 + 0.0,
        damping=-rate * ratio**2 + 0.0,
        limit=abs(ratio) * _force_limit(draft, index, gain, servo=bool(along or rate)),
        target_position=gain * control / (-along * ratio) if along else 0.0,
        target_velocity=gain * control / (-rate * ratio) if rate and not along else 0.0,
    )


def _unlike(draft: Draft, index: int) -> str:
    """Why the actuator is neither a motor nor a servo, "" if it is one."""
    model = draft.model
    if int(model.actuator_dyntype[index]) not in (int(_DYN.mjDYN_NONE), *_FILTERS):
        return "it has an activation state of its own"
    if int(model.actuator_gaintype[index]) != int(_GAIN.mjGAIN_FIXED):
        return "its gain is not constant"
    if int(model.actuator_biastype[index]) not in (int(_BIAS.mjBIAS_NONE), int(_BIAS.mjBIAS_AFFINE)):
        return "its bias is not affine"
    constant, along, rate = _bias(draft, index)
    if constant or along > 0 or rate > 0:
        return "it pushes without a command, or away from its target"
    return ""


def _bias(draft: Draft, index: int) -> tuple[float, float, float]:
    """b₀, b₁ and b₂."""
    if int(draft.model.actuator_biastype[index]) != int(_BIAS.mjBIAS_AFFINE):
        return 0.0, 0.0, 0.0
    constant, along, rate = (float(value) for value in draft.model.actuator_biasprm[index][:3])
    return constant, along, rate


def _target(draft: Draft, index: int) -> tuple[str, float] | None:
    """Path of the joint that the actuator acts on, and its ratio r."""
    model = draft.model
    kind, target = int(model.actuator_trntype[index]), int(model.actuator_trnid[index][0])
    gear = float(model.actuator_gear[index][0])
    if kind in _JOINT_TARGETS:
        path = draft.joint_paths.get(target, "")
        single = path in draft.joints and draft.joints[path].kind in ("revolute", "prismatic")
        return (path, gear) if single and gear else None
    if kind == int(_TRN.mjTRN_TENDON):
        coupled = _coupled(draft, target)
        return None if coupled is None or not gear else (coupled[0], gear * coupled[1])
    return None


def _coupled(draft: Draft, tendon: int) -> tuple[str, float] | None:
    """The joint that moves all joints of a fixed tendon, and how far the tendon moves with it."""
    model = draft.model
    first = int(model.tendon_adr[tendon])
    leader, ratio = "", 0.0
    for wrap in range(first, first + int(model.tendon_num[tendon])):
        path = draft.joint_paths.get(int(model.wrap_objid[wrap]), "")
        if int(model.wrap_type[wrap]) != _WRAP_JOINT or not path:
            return None
        mimic = draft.joints[path].mimic
        own, factor = (path, 1.0) if mimic is None else (mimic.joint, mimic.multiplier)
        if leader not in ("", own):
            return None
        leader, ratio = own, ratio + float(model.wrap_prm[wrap]) * factor
    return (leader, ratio) if leader and ratio else None


def _control(draft: Draft, index: int) -> float:
    """The command at the start."""
    model = draft.model
    value = float(draft.start.ctrl[index])
    if model.actuator_ctrllimited[index]:
        low, high = (float(bound) for bound in model.actuator_ctrlrange[index])
        value = min(max(value, low), high)
    return value


def _force_limit(draft: Draft, index: int, gain: float, *, servo: bool) -> float:
    """Largest force, before the gear; a motor gives at most what its largest command asks for."""
    model = draft.model
    limits = [math.inf]
    if model.actuator_forcelimited[index]:
        limits.append(_larger(draft, index, "forcerange"))
    if model.actuator_ctrllimited[index] and not servo:
        limits.append(abs(gain) * _larger(draft, index, "ctrlrange"))
    return min(limits)


def _larger(draft: Draft, index: int, name: str) -> float:
    low, high = (float(bound) for bound in getattr(draft.model, f"actuator_{name}")[index])
    if low != -high and name == "forcerange":
        draft.findings.info(
            "effort-limit-changed",
            draft.root,
            f"The {draft.called('ACTUATOR', index)} gives {low:g} … {high:g}; a scene has one limit for both "
            f"directions, {max(-low, high):g}.",
        )
    return max(-low, high)


def _with(draft: Draft, joint: Joint, effect: _Effect, index: int) -> Joint:
    """``joint`` with one more actuator: gains and limits of several add up."""
    model = draft.model
    armature = float(model.actuator_armature[index]) * effect.ratio**2
    damping = float(model.actuator_damping[index]) * effect.ratio**2
    joint = replace(joint, armature=joint.armature + armature, damping=joint.damping + damping)
    before = 0.0 if math.isinf(joint.max_effort) else joint.max_effort
    joint = replace(joint, max_effort=before + effect.limit)
    if not (effect.stiffness or effect.damping):
        return joint
    drive = joint.drive or Drive(max_effort=0.0)
    return replace(
        joint,
        drive=replace(
            drive,
            stiffness=drive.stiffness + effect.stiffness,
            damping=drive.damping + effect.damping,
            max_effort=drive.max_effort + effect.limit,
            target_position=effect.target_position or drive.target_position,
            target_velocity=effect.target_velocity or drive.target_velocity,
        ),
    )


def _keep_control(draft: Draft, index: int, path: str) -> None:
    """What a controller written for the file needs: its commands in the file's order, range and gear."""
    model = draft.model
    kept = draft.engine_attributes
    kept[f"{path}.mjc:actuator:index"] = index
    kept[f"{path}.mjc:gear"] = tuple(float(value) for value in model.actuator_gear[index])
    if model.actuator_ctrllimited[index]:
        low, high = (float(bound) for bound in model.actuator_ctrlrange[index])
        kept[f"{path}.mjc:ctrlRange:min"], kept[f"{path}.mjc:ctrlRange:max"] = low, high


def _limit_by_joint(draft: Draft) -> None:
    """A joint may limit what all of its actuators give together."""
    model = draft.model
    for index, path in draft.joint_paths.items():
        if model.jnt_actfrclimited[index]:
            low, high = (float(bound) for bound in model.jnt_actfrcrange[index])
            joint, limit = draft.joints[path], max(-low, high)
            joint = replace(joint, max_effort=min(joint.max_effort, limit))
            if joint.drive is not None:
                joint = replace(joint, drive=replace(joint.drive, max_effort=min(joint.drive.max_effort, limit)))
            draft.joints[path] = joint


def _report_tendons(draft: Draft) -> None:
    model = draft.model
    for tendon in range(model.ntendon):
        passive = any(
            float(getattr(model, f"tendon_{name}")[tendon].any())
            for name in ("stiffness", "damping", "frictionloss", "limited", "armature")
        )
        acts = any(
            int(model.actuator_trntype[index]) == int(_TRN.mjTRN_TENDON)
            and int(model.actuator_trnid[index][0]) == tendon
            for index in range(model.nu)
        )
        if passive:
            draft.findings.warning(
                "tendon-lost",
                draft.root,
                f"The stiffness, damping, friction or limit of the {draft.called('TENDON', tendon)} is lost.",
                "Give its joints springs and limits of their own.",
            )
        elif not acts:
            draft.findings.info(
                "tendon-idle", draft.root, f"The {draft.called('TENDON', tendon)} does nothing and is left out."
            )
