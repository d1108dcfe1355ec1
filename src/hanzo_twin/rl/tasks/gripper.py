"""Two fingers that close along y, the hand of the robots that tasks build in Python."""

from __future__ import annotations

from hanzo_twin.rl.tasks import parts
from hanzo_twin.scene.model import Body, Drive, Joint

OPENING = 0.05
FINGER_LENGTH = 0.1
_GRIP = Drive(stiffness=4000.0, damping=80.0, max_effort=60.0)


def fingers(hand: Body) -> tuple[list[Body], list[Joint]]:
    """Fingers below ``hand``, each `OPENING` from the middle at position 0 and closing to −`OPENING`.

    The middle between the finger tips is `FINGER_LENGTH` below the origin of the hand.
    """
    x, y, z = (float(value) for value in hand.pose_world_body.position)
    bodies, joints = [], []
    for name, side in (("left", 1.0), ("right", -1.0)):
        path = f"{hand.path}_finger_{name}"
        pad = parts.box(f"{path}/pad", (0.02, 0.01, 0.03), (0.0, side * 0.01, 0.0), color=(0.2, 0.2, 0.22, 1.0))
        finger = parts.body(path, (x, y + side * OPENING, z - FINGER_LENGTH), 0.2, [pad], size=0.1)
        bodies.append(finger)
        joints.append(
            parts.joint(
                f"{path}_slide",
                "prismatic",
                hand,
                finger,
                (0.0, side, 0.0),
                limits=(-OPENING, 0.01),
                drive=_GRIP,
            )
        )
    return bodies, joints
