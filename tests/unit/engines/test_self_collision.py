"""Which bodies of an articulation may touch."""

from __future__ import annotations

from dataclasses import replace

from hanzo_twin.engines.self_collision import bodies_apart, rigid_parts, touches_itself
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes

FIRST, SECOND, THIRD = (f"/World/chain/link_{index}" for index in range(3))


def chain(*filtered: tuple[str, str]) -> Scene:
    scene = scenes.floating_chain(links=3)
    solid = {
        path: replace(body, shapes=tuple(replace(shape, collides=True) for shape in body.shapes))
        for path, body in scene.bodies.items()
    }
    return replace(scene, bodies=solid, filtered_pairs=filtered)


def test_bodies_that_nothing_keeps_apart_touch() -> None:
    assert touches_itself(chain()) == {"/World/chain"}
    assert bodies_apart(chain()) == {(FIRST, SECOND), (SECOND, THIRD)}


def test_a_filtered_pair_does_not() -> None:
    assert touches_itself(chain((FIRST, THIRD))) == frozenset()
    assert (FIRST, THIRD) in bodies_apart(chain((FIRST, THIRD)))


def test_neither_do_bodies_without_colliders() -> None:
    scene = chain()
    bare = {path: replace(body, shapes=()) if path == THIRD else body for path, body in scene.bodies.items()}
    assert touches_itself(replace(scene, bodies=bare)) == frozenset()


def test_what_is_rigidly_joined_counts_as_one() -> None:
    scene = chain()
    welded = {
        path: replace(joint, kind="fixed") if joint.child == SECOND else joint for path, joint in scene.joints.items()
    }
    rigid = replace(scene, joints=welded)
    assert rigid_parts(rigid) == {"": "", FIRST: FIRST, SECOND: FIRST, THIRD: THIRD}
    assert touches_itself(rigid) == frozenset()
