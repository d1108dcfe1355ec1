"""The shared drive law against closed form and against its own equation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.spatial import FloatArray
from hanzo_twin.testing import scenes

H = 0.002
NAMES = tuple(JointDynamics.__dataclass_fields__)


def dynamics(count: int = 1, **values: Any) -> JointDynamics:
    defaults = dict.fromkeys(NAMES, 0.0) | {"max_effort": np.inf} | values
    return JointDynamics(**{name: np.broadcast_to(value, (count,)).astype(float) for name, value in defaults.items()})


def one_joint(law: DriveLaw, q: float, v: float, *, mass: float, bias: float = 0.0, **command: float) -> float:
    given = {name: np.array([command.get(name, 0.0)]) for name in ("targets", "target_velocities", "efforts")}
    efforts = law.efforts(np.array([[mass]]), np.array([bias]), np.array([q]), np.array([v]), **given)
    return float(efforts[0])


def test_a_drive_is_implicit_in_position_and_velocity() -> None:
    mass, k, d, q, v, target, bias = 2.0, 300.0, 20.0, 0.1, -0.4, 0.7, 5.0
    law = DriveLaw(dynamics(drive_stiffness=k, drive_damping=d), H)
    acceleration = (one_joint(law, q, v, mass=mass, bias=bias, targets=target) - bias) / mass
    after = v + H * acceleration
    assert mass * acceleration + bias == pytest.approx(k * (target - q - H * after) - d * after, rel=1e-12)


def test_armature_is_added_to_the_mass() -> None:
    law = DriveLaw(dynamics(armature=0.5), H)
    # effort 3 on 2 kg + 0.5 kg accelerates by 1.2; the engine, which knows 2 kg, is given 2.4.
    assert one_joint(law, 0.0, 0.0, mass=2.0, efforts=3.0) == pytest.approx(2.4, rel=1e-12)


def test_damping_and_spring_act_where_the_step_ends() -> None:
    mass, d, k, rest, q, v = 2.0, 4.0, 100.0, 0.3, 0.5, 1.5
    law = DriveLaw(dynamics(damping=d, stiffness=k, rest_position=rest), H)
    acceleration = one_joint(law, q, v, mass=mass) / mass
    after = v + H * acceleration
    assert mass * acceleration == pytest.approx(-d * after - k * (q + H * after - rest), rel=1e-12)


@pytest.mark.parametrize("target", [10.0, -10.0])
def test_a_saturated_drive_gives_its_limit(target: float) -> None:
    law = DriveLaw(dynamics(drive_stiffness=1e5, drive_damping=1e3, max_effort=3.0, armature=0.5), H)
    # (2 + 0.5) a = ±3, and efforts add beyond the limit.
    assert one_joint(law, 0.0, 0.0, mass=2.0, targets=target) == pytest.approx(np.sign(target) * 2.4, rel=1e-12)
    with_effort = one_joint(law, 0.0, 0.0, mass=2.0, targets=target, efforts=5.0)
    assert with_effort == pytest.approx(2.0 / 2.5 * (5.0 + np.sign(target) * 3.0), rel=1e-12)


def test_friction_holds_slips_and_stops() -> None:
    law = DriveLaw(dynamics(friction=1.0), H)
    assert one_joint(law, 0.0, 0.0, mass=2.0, efforts=0.9) == pytest.approx(0.0, abs=1e-5)
    assert one_joint(law, 0.0, 0.0, mass=2.0, efforts=1.5) == pytest.approx(0.5, rel=1e-12)
    assert one_joint(law, 0.0, 1.0, mass=2.0) == pytest.approx(-1.0, rel=1e-12)
    # 1e-4 m/s of 2 kg is stopped within the step by 0.1 N, not turned round by 1 N.
    assert one_joint(law, 0.0, 1e-4, mass=2.0) == pytest.approx(-2.0 * 1e-4 / H, rel=1e-5)


def test_acceleration_drives_do_not_depend_on_the_mass() -> None:
    law = DriveLaw(dynamics(drive_stiffness=100.0, drive_damping=20.0, acceleration=1.0), H)
    accelerations = [one_joint(law, 0.0, 0.0, mass=mass, targets=1.0) / mass for mass in (0.1, 7.0)]
    assert accelerations[0] == pytest.approx(accelerations[1], rel=1e-12)
    assert accelerations[0] == pytest.approx(100.0 / (1 + H * 20.0 + H * H * 100.0), rel=1e-12)
    shown = law.present(
        np.zeros(1), np.zeros(1), targets=np.ones(1), target_velocities=np.zeros(1), efforts=np.ones(1),
        mass_matrix=np.array([[7.0]]),
    )  # fmt: skip
    assert shown.tolist() == [701.0]


def test_nothing_to_do_gives_the_commanded_efforts() -> None:
    law = DriveLaw(dynamics(2), H)
    assert law.idle
    efforts = np.array([1.0, -2.0])
    zeros = np.zeros(2)
    got = law.efforts(np.eye(2), zeros, zeros, zeros, targets=zeros, target_velocities=zeros, efforts=efforts)
    assert got.tolist() == efforts.tolist()


def test_the_scene_gives_the_numbers() -> None:
    scene = scenes.arm6()
    got = JointDynamics.of([scene.joints[path] for path in scene.articulations[scenes.ARM].joints])
    assert got.max_effort.tolist() == [150.0, 150.0, 150.0, 28.0, 28.0, 28.0]
    assert got.drive_stiffness.tolist() == [800.0] * 3 + [150.0] * 3
    assert not got.acceleration.any()
    assert JointDynamics.of([]).armature.shape == (0,)


@pytest.mark.parametrize("base", [0, 6])
def test_many_coupled_joints_fulfil_the_equation(base: int) -> None:
    """Random trees with drives at their limits and joints that stick: the residual is checked, not the method."""
    random = np.random.default_rng(5)
    pieces: set[tuple[float, float]] = set()
    for _ in range(300):
        count = int(random.integers(1, 12))
        size = base + count
        root = random.normal(size=(size, size)) * 10.0 ** random.uniform(-1, 1, size)[:, None]
        mass = root @ root.T + 1e-3 * np.eye(size)
        inner = dynamics(
            count,
            drive_stiffness=random.choice([0.0, 50.0, 5e3], count),
            drive_damping=random.choice([0.0, 1.0, 100.0], count),
            max_effort=random.choice([0.5, 20.0, np.inf], count),
            armature=random.uniform(0, 0.5, count),
            damping=random.uniform(0, 2, count),
            friction=random.choice([0.0, 0.5, 30.0], count),
        )
        q, target = random.normal(size=(2, count))
        v = random.choice([0.0, 1e-4, 1.0], count) * random.normal(size=count)
        efforts, bias = random.normal(size=count), random.normal(size=size) * 10
        law = DriveLaw(inner, H, base=base)
        applied = law.efforts(mass, bias, q, v, targets=target, target_velocities=np.zeros(count), efforts=efforts)
        a = np.linalg.solve(mass, np.concatenate([np.zeros(base), applied]) - bias)[base:]
        pieces |= check_equation(inner, (q, v, a, applied), target, efforts)
    assert len(pieces) >= 8


def check_equation(
    inner: JointDynamics, motion: tuple[Any, ...], target: FloatArray, efforts: FloatArray
) -> set[tuple[float, float]]:
    """Assert that friction, the only unknown, is within its limits and opposes what moves; say what happened."""
    q, v, a, applied = motion
    after = v + H * a
    drive = inner.drive_stiffness * (target - q - H * after) - inner.drive_damping * after
    limited = np.clip(drive, -inner.max_effort, inner.max_effort)
    friction = applied + inner.armature * a - efforts - limited + inner.damping * after
    scale = 1.0 + np.abs(applied) + np.abs(limited) + np.abs(a)
    assert (np.abs(friction) <= inner.friction + 1e-6 * scale).all()
    slips = np.abs(after) > 1e-6 * (1 + np.abs(v) + np.abs(a))
    assert (np.abs(friction + inner.friction * np.sign(after)) < 1e-6 * scale)[slips].all()
    return set(zip(np.sign(drive - limited).tolist(), np.where(slips, np.sign(after), 0.0).tolist(), strict=True))


def test_what_was_solved_before_changes_no_bit() -> None:
    random = np.random.default_rng(4)
    given = dynamics(4, drive_stiffness=200.0, drive_damping=5.0, max_effort=8.0, friction=1.5, armature=0.05)
    used = DriveLaw(given, H)
    for _ in range(300):
        roots = random.normal(size=(4, 4))
        matrix = roots @ roots.T + np.eye(4)
        arrays = [random.normal(size=4) for _ in range(6)]
        names = ("targets", "target_velocities", "efforts")
        # Velocities small enough that joints stick, slip and saturate by turns.
        arrays[2] *= 0.02
        seen = [
            law.efforts(matrix, *arrays[:3], **dict(zip(names, arrays[3:], strict=True)))
            for law in (used, DriveLaw(given, H))
        ]
        assert np.array_equal(seen[0], seen[1])
