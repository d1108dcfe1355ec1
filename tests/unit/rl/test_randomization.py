"""Domain randomization: each variation changes the motion, is told, logged, pinned and replayed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hanzo_twin
from hanzo_twin.definition.randomization import DomainRandomization
from hanzo_twin.errors import AddressError, InvalidInputError, RecordingError
from hanzo_twin.rl.distributions import Choice, LogUniform, Normal, Uniform
from hanzo_twin.rl.draw_log import read_draws
from hanzo_twin.rl.randomization import Randomization, Variation, from_definition
from hanzo_twin.rl.spread import measure_spread, plot_spread

ROOT = Path(__file__).parents[3]
PENDULUM = ROOT / "examples" / "pendulum" / "twin.yaml"
SAME = Uniform(low=0.0, high=1.0)


def one(target: str, how: Any = "set", distribution: Any = SAME, *, each: bool = False) -> Randomization:
    return Randomization(
        variations=(Variation(name="x", target=target, how=how, distribution=distribution, each=each),)
    )


def run(task: str, spec: Any, value: Any, *, steps: int = 60, **arguments: Any) -> bytes:
    """All observations of one episode with ``x`` pinned to ``value``, under the same start and actions."""
    env = hanzo_twin.make(task=task, obs_type="flat", domain_randomization=spec, **arguments)
    observation, info = env.reset(seed=4, options={"randomization": {"x": value}})
    assert np.all(np.asarray(info["randomization"]["x"]) == value)
    seen = [observation.tobytes()]
    actions = np.random.default_rng(2).uniform(-0.3, 0.3, (steps, len(env.runner.layout.actions)))
    for action in actions:
        observation, _, terminated, _, _ = env.step(action)
        seen.append(observation.tobytes())
        if terminated:
            break
    env.close()
    return b"".join(seen)


@pytest.mark.parametrize(
    ("task", "target", "how", "values", "distribution"),
    [
        ("ant", "*.dynamicFriction", "set", (1.0, 0.2), SAME),
        ("ant", "/ant/torso.mass", "scale", (1.0, 1.3), Uniform(low=0.5, high=2.0)),
        ("arm_reach", "/arm/joint_*.damping", "add", (0.0, 5.0), Uniform(low=0.0, high=5.0)),
        ("arm_reach", "*.driveStiffness", "scale", (1.0, 0.3), LogUniform(low=0.1, high=1.0)),
        ("pendulum", "gravity.tilt", "set", (0.0, 0.05), Uniform(low=0.0, high=0.1)),
        ("pendulum", "actuator.delay", "set", (0.0, 0.03), Uniform(low=0.0, high=0.2)),
        ("pendulum", "observation.noise", "set", (0.0, 0.1), SAME),
        ("pendulum", "observation.noise.velocity", "set", (0.0, 0.1), SAME),
    ],
)
def test_each_variation_changes_what_happens_and_can_be_replayed(
    task: str, target: str, how: str, values: tuple[float, float], distribution: Any
) -> None:
    spec = one(target, how, distribution)
    first, second = (run(task, spec, value) for value in values)
    assert first != second
    assert run(task, spec, values[1]) == second


def test_an_actuator_delay_is_late_by_so_many_steps_of_the_engine() -> None:
    spec = one("actuator.delay", distribution=Uniform(low=0.0, high=0.5))
    late = hanzo_twin.make(PENDULUM, obs_type="flat", step_hz=240, domain_randomization=spec)
    prompt = hanzo_twin.make(PENDULUM, obs_type="flat", step_hz=240)
    shift = 12
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 1))
    actions[0] = 0.0
    late.reset(seed=1, options={"randomization": {"x": shift / 240.0}})
    prompt.reset(seed=1)
    for step, action in enumerate(actions):
        delayed = actions[max(0, step - shift)]
        assert np.array_equal(late.step(action)[0], prompt.step(delayed)[0])
    late.close()
    prompt.close()


def test_a_delay_of_parts_of_a_step_acts_within_the_step() -> None:
    spec = one("actuator.delay", distribution=Uniform(low=0.0, high=0.1))
    ends = []
    for delay in (0.0, 0.02, 0.05, 0.07):
        env = hanzo_twin.make(PENDULUM, obs_type="flat", domain_randomization=spec)
        env.reset(seed=1, options={"randomization": {"x": delay}})
        env.step([0.0])
        ends.append(float(env.step([1.0])[0][2]))
        env.close()
    # The later the push arrives, the less of it there is: linear within the step of 0.05 s, then nothing.
    gained = [end - ends[2] for end in ends]
    assert gained[0] > gained[1] > 0.0
    assert gained[1] / gained[0] == pytest.approx(0.6, abs=0.05)
    assert gained[3] == 0.0


def test_gravity_is_tilted_by_the_angle_and_keeps_its_size() -> None:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=50, domain_randomization=one("gravity.tilt"))
    _, infos = worlds.reset(seed=0)
    states = worlds.runner.batch.get_state()  # type: ignore[attr-defined]
    for env, state in enumerate(states):
        gravity = np.array([dict(state.parameters).get(f"/World/physicsScene.gravity.{c}", 0.0) for c in "xyz"])
        assert np.linalg.norm(gravity) == pytest.approx(9.81)
        assert math.acos(-gravity[2] / 9.81) == pytest.approx(infos["randomization"]["x"][env])
    assert np.ptp(infos["randomization"]["x_azimuth"]) > math.pi
    worlds.close()


def test_a_mass_scale_scales_all_masses_alike_or_each_its_own() -> None:
    for each in (False, True):
        spec = one("*.mass", "scale", Uniform(low=0.5, high=2.0), each=each)
        env = hanzo_twin.make(task="pendulum", domain_randomization=spec)
        _, info = env.reset(seed=0)
        factors = np.broadcast_to(info["randomization"]["x"], (2,))
        parameters = dict(env.runner.batch.get_state()[0].parameters)  # type: ignore[attr-defined]
        assert parameters["/World/pendulum/base.mass"] == pytest.approx(2.0 * factors[0])
        assert parameters["/World/pendulum/bob.mass"] == pytest.approx(1.0 * factors[1])
        assert (factors[0] != factors[1]) == each
        env.close()


def test_draws_follow_their_distributions_and_correlation() -> None:
    spec = Randomization(
        variations=(
            Variation(name="mass", target="*.mass", how="scale", distribution=Uniform(low=0.8, high=1.2)),
            Variation(name="tilt", target="gravity.tilt", distribution=Normal(mean=0.05, std=0.01, low=0.0)),
            Variation(name="delay", target="actuator.delay", distribution=Choice(values=(0.0, 0.02))),
        ),
        correlation={("mass", "tilt"): 0.9},
    )
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=400, domain_randomization=spec)
    _, infos = worlds.reset(seed=0)
    drawn = infos["randomization"]
    assert drawn["mass"].min() >= 0.8
    assert drawn["mass"].max() <= 1.2
    assert drawn["mass"].std() == pytest.approx(0.4 / math.sqrt(12), rel=0.1)
    assert drawn["tilt"].mean() == pytest.approx(0.05, abs=0.002)
    assert set(drawn["delay"]) == {0.0, 0.02}
    assert np.corrcoef(drawn["mass"], drawn["tilt"])[0, 1] == pytest.approx(0.9, abs=0.05)
    assert abs(np.corrcoef(drawn["mass"], drawn["delay"])[0, 1]) < 0.15
    worlds.close()


def test_the_level_of_the_curriculum_scales_how_far_draws_go() -> None:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=200, domain_randomization=True)
    far = worlds.reset(seed=0)[1]["randomization"]["mass_scale"]
    near = worlds.reset(seed=0, options={"level": 0.1})[1]["randomization"]["mass_scale"]
    assert near - 1.0 == pytest.approx(0.1 * (far - 1.0))
    worlds.close()


def test_draws_are_logged_and_a_logged_episode_can_be_replayed(tmp_path: Path) -> None:
    log = tmp_path / "draws.jsonl"
    worlds = hanzo_twin.make_vec(PENDULUM, num_envs=3, domain_randomization=True, draw_log=log)
    worlds.reset(seed=5)
    actions = np.random.default_rng(0).uniform(-1, 1, (410, 3, 1))
    rewards = np.array([worlds.step(action)[1] for action in actions])
    worlds.close()
    draws = list(read_draws(log))
    assert [(draw.env, draw.episode) for draw in draws] == [(i, e) for e in range(3) for i in range(3)]
    second = next(draw for draw in draws if draw.env == 1 and draw.episode == 1)
    alone = hanzo_twin.make(PENDULUM, domain_randomization=True, obs_type="flat")
    alone.reset(seed=second.seed)
    alone.reset(options={"randomization": second.values})
    replayed = [alone.step(action[1])[1] for action in actions[201:401]]
    assert np.array_equal(rewards[201:401, 1], replayed)
    alone.close()


def test_ranges_of_a_definition_become_variations() -> None:
    ranges = DomainRandomization.model_validate(
        {
            "enabled": True,
            "parameters": {
                "friction": {"min": 0.3, "max": 0.9},
                "mass_scale": {"min": 0.8, "max": 1.2},
                "lighting_intensity": {"min": 0.5, "max": 1.5},
                "camera_noise_stddev": {"min": 0.0, "max": 0.02},
                "actuator_delay_ms": {"min": 5, "max": 25},
                "gravity_perturbation": {"max_angle_deg": 2},
            },
        }
    )
    spec = from_definition(ranges)
    assert [variation.name for variation in spec.variations] == [
        "friction", "mass_scale", "lighting_intensity", "camera_noise_stddev", "actuator_delay_s", "gravity_tilt",
    ]  # fmt: skip
    worlds = hanzo_twin.make_vec(task="ant", num_envs=100, domain_randomization=ranges)
    drawn = worlds.reset(seed=0)[1]["randomization"]
    assert 0.005 <= drawn["actuator_delay_s"].min() < drawn["actuator_delay_s"].max() <= 0.025
    assert drawn["gravity_tilt"].max() <= math.radians(2)
    assert 0.5 <= drawn["lighting_intensity"].min() < drawn["lighting_intensity"].max() <= 1.5
    worlds.close()


def test_what_cannot_be_randomized_is_refused() -> None:
    def refused(error: type[Exception], message: str, spec: Any, pinned: Any = None) -> None:
        with pytest.raises(error, match=message):  # noqa: PT012 - making or resetting may refuse
            env = hanzo_twin.make(task="pendulum", domain_randomization=spec)
            env.reset(seed=0, options={"randomization": pinned or {}})

    refused(AddressError, r"Variation 'x' matches no parameter: '\*.friktion'", one("*.friktion"))
    refused(InvalidInputError, "noise to the observation 'speed'.\n  .*Allowed: cosine", one("observation.noise.speed"))
    refused(
        InvalidInputError, "delays commands by up to 2 s", one("actuator.delay", distribution=Uniform(low=0, high=2))
    )
    refused(InvalidInputError, "No variation is named 'mass'", one("gravity.tilt"), {"mass": 1.0})
    refused(InvalidInputError, "The pinned value of 'x' does not fit", one("gravity.tilt"), {"x": [1.0, 2.0]})
    refused(InvalidInputError, "'x' was given as 3 s.\n  Allowed: from 0 to", one("actuator.delay"), {"x": 3.0})
    refused(InvalidInputError, r"domain_randomization.parameters.*frict", {"frictionn": {"min": 0, "max": 1}})
    with pytest.raises(InvalidInputError, match="Two variations are named 'x'"):
        Randomization(variations=(one("a").variations[0], one("b").variations[0]))
    with pytest.raises(InvalidInputError, match="The correlation names 'y'"):
        Randomization(variations=one("*.mass").variations, correlation={("x", "y"): 0.5})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Variation(name="x", target="*.mass", how="mul", distribution=SAME), "says how='mul'.\n  Allowed: add"),  # type: ignore[arg-type]
        (lambda: Variation(name="x", target="*.mass", distribution=3), "The distribution of variation 'x' is 3"),  # type: ignore[arg-type]
        (lambda: Variation(name="", target="*.mass", distribution=SAME), "has the name ''"),
        (lambda: Uniform(low="a", high="b"), "low ≤ high, got 'a' and 'b'"),  # type: ignore[arg-type]
        (lambda: Uniform(low=0.0, high=math.inf), "Uniform needs finite numbers, got 0 and inf"),
        (lambda: Choice(values=("a",)), "Choice needs at least one finite value"),  # type: ignore[arg-type]
        (lambda: replace(one("*.mass"), correlation={("value", "value"): 0.5}), "has the pair"),
        (lambda: run("pendulum", one("actuator.delay", distribution=Uniform(low=-1.0, high=0.0)), 0.0), "by -1 s"),
    ],
)
def test_variations_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make()


def named(name: str, target: str) -> Variation:
    return Variation(name=name, target=target, how="set", distribution=Uniform(low=0.1, high=0.2))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("*.mass", "*.mass"),
        ("/World/pendulum/bob.mass", "*.mass"),
        ("gravity.tilt", "gravity.tilt"),
        ("observation.noise.sine", "observation.noise"),
        ("actuator.delay", "actuator.delay"),
    ],
)
def test_a_variation_that_a_later_one_leaves_nothing_of_is_refused(first: str, second: str) -> None:
    with pytest.raises(InvalidInputError, match="Variation 'first' would do nothing: 'second' overwrites '"):
        run("pendulum", Randomization(variations=(named("first", first), named("second", second))), 0.0)


def test_a_later_variation_may_take_a_part_of_an_earlier_one() -> None:
    general, special = named("first", "observation.noise"), named("second", "observation.noise.sine")
    env = hanzo_twin.make(task="pendulum", domain_randomization=Randomization(variations=(general, special)))
    pinned = {"first": 0.0, "second": 0.5}
    observed = [env.reset(seed=3, options={"randomization": pinned | second})[0] for second in ({}, {"second": 0.0})]
    assert observed[0]["sine"] != observed[1]["sine"]
    assert observed[0]["cosine"] == observed[1]["cosine"]
    env.close()


def test_a_block_of_a_definition_that_is_not_enabled_draws_nothing() -> None:
    block: dict[str, Any] = {"enabled": False, "parameters": {"mass_scale": {"min": 2.0, "max": 3.0}}}
    for enabled in (False, True):
        worlds = hanzo_twin.make_vec(task="pendulum", num_envs=1, domain_randomization=block | {"enabled": enabled})
        assert ("randomization" in worlds.reset(seed=0)[1]) is enabled
        worlds.close()
    with pytest.raises(InvalidInputError, match=r"parameters.friction: min must not exceed max.*\n  Such as friction"):
        hanzo_twin.make(task="pendulum", domain_randomization={"friction": {"min": 1.0, "max": 0.0}})
    with pytest.raises(InvalidInputError, match=r"frictoin: unknown field.\n  Did you mean 'friction'"):
        hanzo_twin.make(task="pendulum", domain_randomization={"frictoin": {"min": 0.0, "max": 1.0}})


def test_a_log_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"cannot be written to '.*no/draws.jsonl'"):
        hanzo_twin.make(task="pendulum", draw_log=tmp_path / "no" / "draws.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"env": 0}\n')
    with pytest.raises(RecordingError, match=r"broken.jsonl:1: not a draw"):
        list(read_draws(broken))


def test_the_spread_shows_which_draw_matters(tmp_path: Path) -> None:
    spec = Randomization(
        variations=(
            Variation(name="mass", target="*.mass", how="scale", distribution=Uniform(low=0.8, high=1.2)),
            Variation(name="nothing", target="lighting.intensity", distribution=Uniform(low=0.5, high=1.5)),
        )
    )
    spread = measure_spread(task="pendulum", domain_randomization=spec, num_envs=40, seconds=2.0, amplitude=1.0)
    assert spread.values.shape == (41, 40, 3)
    assert np.array_equal(spread.values[0], np.tile(spread.nominal[0], (40, 1)))
    assert spread.rms().min() > 0.001
    influence = spread.influence()
    assert influence["mass"] > 0.6
    assert influence["nothing"] < 0.4
    picture = tmp_path / "spread.png"
    plot_spread(spread, picture)
    assert picture.stat().st_size > 10_000
