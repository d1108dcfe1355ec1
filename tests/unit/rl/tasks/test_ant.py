"""The ant is that of Gymnasium: the same motion, observations, rewards and ends, but for the cost of contacts."""

from __future__ import annotations

import gymnasium
import numpy as np

import hanzo_twin

# Gymnasium commands the joints in the order of the motors in ant.xml, which begins with the fourth leg.
MOTORS = [6, 7, 0, 1, 2, 3, 4, 5]


def test_the_ant_is_that_of_gymnasium() -> None:
    ours = hanzo_twin.make(task="ant", obs_type="flat")
    theirs = gymnasium.make("Ant-v5")
    first, _ = ours.reset(seed=3)
    theirs.reset(seed=0)
    start = first.astype(np.float64)
    theirs.unwrapped.set_state(np.concatenate([[0.0, 0.0], start[:13]]), start[13:])  # type: ignore[attr-defined]
    contact_costs = []
    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (25, 8)):
        mine, reward, terminated, _, info = ours.step(action)
        other, other_reward, other_terminated, _, other_info = theirs.step(action[MOTORS])
        np.testing.assert_allclose(mine, other[:27], atol=1e-4)
        assert terminated == other_terminated
        assert info["reward_healthy"] == other_info["reward_survive"]
        np.testing.assert_allclose(info["reward_action"], other_info["reward_ctrl"], atol=1e-12)
        # Gymnasium takes the torso's place from the last stage of the integrator, not from the end of the step.
        np.testing.assert_allclose(reward, other_reward - other_info["reward_contact"], atol=0.02)
        contact_costs.append(-other_info["reward_contact"])
    assert 0.0 < max(contact_costs) < 0.01
    ours.close()
    theirs.close()
