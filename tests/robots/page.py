"""Write docs/robots.md: what becomes of robots that others wrote, on every engine that is installed.

python tests/robots/page.py            all of them, a few minutes
python tests/robots/page.py Panda Ant  those whose name has one of these words; prints, writes nothing
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hanzo_twin import plugins
from hanzo_twin.engines.port import Engine, load_engine
from hanzo_twin.errors import NotInstalledError, SceneError
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.testing.robots import ROBOTS, RobotFile, load_robot, try_robot

PAGE = Path(__file__).parents[2] / "docs/robots.md"
HEAD = """# Robots of others

Files of public packages, none written by this project, on every engine. Made by
`python tests/robots/page.py`; the same cases are tested in `tests/robots/`. Joints without a drive
were given one that holds (`default_drives`, see [Scenes](scene.md)).

- A robot *hangs* with its base welded to the world, *stands* on the ground, or *settles* for two
  seconds where its own file has it. It is **still** if no body then goes farther than 20 mm in two
  seconds, nor faster than 20 mm/s at their end; the number is how far the farthest went, in mm.
  Things fall or move in the samples that just *run*.
- **refused**: the engine names the prim and what it cannot do. **diverges**: numbers without end, named
  with the joint and the time. Nothing stands under an engine where the file cannot be loaded.
- Baxter and PR2 have springs that carry their arms, of which a URDF does not tell; the efforts that it
  allows do not hold them.

"""


def engines() -> dict[str, Engine]:
    """Installed engines that have dynamics."""
    found: dict[str, Engine] = {}
    for name in plugins.names(plugins.ENGINES):
        try:
            engine = load_engine(name)
        except NotInstalledError:
            continue
        if engine.capabilities().dynamics:
            found[name] = engine
    return found


def row(robot: RobotFile, found: dict[str, Engine]) -> list[str] | None:
    """The cells of one line, None where the file is not there."""
    path = robot.locate()
    if path is None:
        return None
    head = [robot.name, f"`{robot.package}` {path.suffix[1:].upper()}", robot.posture]
    try:
        scene = load_robot(robot, path)
    except SceneError as refused:
        return [*head, "", "", *("" for _ in found), codes(refused.diagnoses)]
    verdicts: list[str] = []
    for engine in found.values():
        verdict = try_robot(robot, scene, engine)
        verdicts.append(f"{verdict.word} {verdict.detail.split(' ')[0]}" if "mm" in verdict.detail else verdict.word)
    moving = sum(len(articulation.joints) for articulation in scene.articulations.values())
    return [*head, str(len(scene.bodies)), str(moving), *verdicts, codes(scene.diagnoses)]


def codes(diagnoses: Sequence[Diagnosis]) -> str:
    """Errors and warnings by code, with their number."""
    counted = Counter((each.severity, each.code) for each in diagnoses if each.severity != "info")
    return ", ".join(
        f"{'**' if kind == 'error' else ''}{code}{'**' if kind == 'error' else ''}"
        + (f" ×{count}" if count > 1 else "")
        for (kind, code), count in counted.items()
    )


def main(words: Sequence[str]) -> None:
    found = engines()
    header = ["file", "from", "tried", "bodies", "joints", *found, "errors and warnings"]
    lines = [header, ["---"] * len(header)]
    for robot in ROBOTS:
        if words and not any(word in robot.name for word in words):
            continue
        cells = row(robot, found)
        if cells is not None:
            lines.append(cells)
            print(" | ".join(cells), flush=True)
    if not words:
        PAGE.write_text(HEAD + "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
