"""Errors of simulations and batches, in the same words on every engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hanzo_twin.engines.port import JointCommand
from hanzo_twin.errors import CommandError, NotFoundError, SimulationError, StateError, counted, nearest
from hanzo_twin.scene.model import Scene


def closed(what: str, engine: str) -> SimulationError:
    """For a call on a simulation or batch (``what``) of ``engine`` that was closed."""
    return SimulationError(f"The {what} of engine '{engine}' was closed.", hint="Load the scene again.")


def diverged(subject: str, where: str) -> SimulationError:
    """For numbers of a joint or body (``subject``) that are no longer finite; ``where``: when, and in which world."""
    return SimulationError(
        f"The numbers of {subject} diverged at {where}.",
        hint="Restore an earlier state. Usual causes: a step too long for the gains, tiny inertias, huge commands.",
    )


def no_such_body(body: str, bodies: Iterable[str]) -> NotFoundError:
    """For a body that is not among ``bodies``."""
    return NotFoundError(f"The scene has no body '{body}'.", hint=nearest(body, bodies))


def no_command(given: object) -> CommandError:
    """For what was given in place of a `JointCommand`."""
    return CommandError(
        f"A command must be a JointCommand, got {type(given).__name__}.",
        hint="Write JointCommand(positions=…), or velocities or efforts: arrays in the order of the joints.",
    )


def wrong_length(scene: Scene, articulation: str, command: JointCommand) -> CommandError:
    """For a command with more or fewer values than ``articulation`` has joints."""
    joints = scene.articulation(articulation).joints
    name, values = next(
        (name, values)
        for name in ("positions", "velocities", "efforts")
        if (values := getattr(command, name)) is not None and len(values) != len(joints)
    )
    return CommandError(
        f"JointCommand.{name} has {counted(len(values), 'value')}, articulation '{articulation}' has "
        f"{counted(len(joints), 'joint')}.",
        hint=f"Their order is: {', '.join(joints)}.",
    )


def held_by_a_joint(body: str, free: Collection[str]) -> CommandError:
    """For a pose that is given to a body that hangs on a joint, and so is none of the ``free`` ones."""
    return CommandError(
        f"Body '{body}' is held by a joint and cannot be placed.",
        hint=f"Free bodies: {', '.join(free) or 'none'}. Set the joints of its articulation instead.",
    )


def velocity_of_kinematic(engine: str, body: str) -> CommandError:
    """For a velocity that is given to a kinematic body."""
    return CommandError(
        f"Engine '{engine}' cannot give the kinematic body '{body}' a velocity.", hint="Allowed: zeros."
    )


def unsaid_joint(engine: str, joint: str) -> StateError:
    """For a state of another ``engine`` and a ``joint`` whose position only the engine's own part would say."""
    return StateError(
        f"A state of engine '{engine}' does not say where joint '{joint}' is.",
        hint="Between engines only joints of articulations and free bodies are carried over.",
    )
