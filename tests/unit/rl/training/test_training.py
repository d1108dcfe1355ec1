"""Training runs, small: what they leave, that they go on where they stopped, and that policies are what was learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra train is not installed")

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

import hanzo_twin
from hanzo_twin.errors import ConflictError, InvalidInputError, NotFoundError, OutputError
from hanzo_twin.rl.training.checkpoints import Checkpoints
from hanzo_twin.rl.training.evaluation import evaluate
from hanzo_twin.rl.training.load import environment_of, find_policy
from hanzo_twin.rl.training.policy import Policy
from hanzo_twin.rl.training.run_folder import RunFolder
from hanzo_twin.rl.training.sb3 import TwinVecEnv
from hanzo_twin.rl.training.spec import TrainingSpec, parse_spec
from hanzo_twin.rl.training.tracking import Tracker, read_metrics
from hanzo_twin.rl.training.train import train

SHORT: dict[str, Any] = {
    "task": "pendulum",
    "num_envs": 4,
    "total_steps": 2048,
    "evaluation_episodes": 2,
    "seed": 3,
    "evaluate_every": 700,
}
SMALL = {"n_steps": 64, "batch_size": 64, "n_epochs": 1}


class Watcher:
    """Ends the run once it has said so many lines, or reported so many steps."""

    def __init__(self, *, stop_after_lines: int | None = None) -> None:
        self.lines: list[str] = []
        self._stop_after = stop_after_lines

    @property
    def stopping(self) -> bool:
        return self._stop_after is not None and len(self.lines) >= self._stop_after

    def report(self, progress: float, message: str = "", **metrics: float) -> None:
        assert 0.0 <= progress <= 1.0

    def log(self, line: str) -> None:
        self.lines.append(line)


def run(folder: Path, watcher: Watcher | None = None, **changes: Any) -> dict[str, Any]:
    return train(parse_spec({**SHORT, "hyperparameters": SMALL, **changes}), folder, watcher or Watcher())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(folder)
    return folder


def test_a_run_leaves_policy_lineage_metrics_curves_and_checkpoints(trained: Path) -> None:
    lineage = json.loads((trained / "policy" / "lineage.json").read_text())
    assert lineage["task"] == "pendulum"
    assert lineage["spec"]["seed"] == 3
    assert len(lineage["scene_fingerprint"]) == 64
    assert lineage["versions"]["stable-baselines3"]
    rows = read_metrics(trained / "metrics.jsonl")
    assert [row["steps"] for row in rows] == sorted(row["steps"] for row in rows)
    assert any("evaluation/return_mean" in row for row in rows)
    assert (trained / "curves.png").stat().st_size > 5000
    assert len(list((trained / "checkpoints").iterdir())) == 3


def test_the_exported_policy_acts_as_the_model_that_was_trained(trained: Path) -> None:
    policy = Policy(trained / "policy")
    env = TwinVecEnv(hanzo_twin.make_vec(task="pendulum", num_envs=4, obs_type="flat", autoreset_mode="SameStep"))
    moments = VecNormalize.load(str(trained / "policy" / "moments.pkl"), env)
    model = PPO.load(trained / "policy" / "policy.zip", device="cpu")
    observations = np.random.default_rng(0).normal(size=(50, 3)) * 3.0
    normal = moments.normalize_obs(observations.astype(np.float32))
    expected = np.clip(model.predict(normal, deterministic=True)[0], -1.0, 1.0)
    np.testing.assert_allclose(policy.act(observations), expected, atol=1e-5)
    env.close()


def test_the_same_seed_trains_the_same_policy(trained: Path, tmp_path: Path) -> None:
    run(tmp_path)
    observations = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_array_equal(
        Policy(tmp_path / "policy").act(observations), Policy(trained / "policy").act(observations)
    )
    run(tmp_path / "other", seed=4)
    assert not np.array_equal(
        Policy(tmp_path / "other" / "policy").act(observations), Policy(trained / "policy").act(observations)
    )


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_a_run_that_was_broken_off_goes_on(tmp_path: Path, algo: str) -> None:
    changes: dict[str, Any] = {
        "algo": algo,
        "hyperparameters": SMALL if algo == "ppo" else {"learning_starts": 100, "batch_size": 32},
    }
    broken = run(tmp_path, Watcher(stop_after_lines=2), **changes)
    assert 0 < broken["steps"] < SHORT["total_steps"]
    before = [row for row in read_metrics(tmp_path / "metrics.jsonl") if row["steps"] <= broken["steps"]]
    watcher = Watcher()
    done = run(tmp_path, watcher, **changes)
    assert watcher.lines[0] == f"Goes on from the checkpoint at {broken['steps']:,} steps."
    assert SHORT["total_steps"] <= done["steps"] < SHORT["total_steps"] + 4 * 64
    assert done["seconds"] > broken["seconds"]
    assert read_metrics(tmp_path / "metrics.jsonl")[: len(before)] == before
    finished = run(tmp_path, **changes)
    assert finished["steps"] == done["steps"]


def test_training_ends_when_the_policy_is_good_enough(tmp_path: Path) -> None:
    watcher = Watcher()
    done = run(tmp_path, watcher, stop_at_return=-1e6, evaluate_every=512)
    assert done["steps"] < SHORT["total_steps"]
    assert "The policy is good enough; training ends." in watcher.lines


def test_runs_are_tracked_by_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    run(tmp_path / "run", tracking_uri=uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    (found,) = client.search_runs([client.get_experiment_by_name("hanzo-twin").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["algo"] == "ppo"
    assert "evaluation/return_mean" in found.data.metrics


def test_evaluation_is_the_same_whatever_the_number_of_worlds(trained: Path) -> None:
    policy = Policy(trained / "policy")
    many = hanzo_twin.make_vec(task="pendulum", num_envs=5, obs_type="flat")
    one = hanzo_twin.make_vec(task="pendulum", num_envs=1, obs_type="flat")
    together = evaluate(policy, many, seed=100)
    alone = [evaluate(policy, one, seed=100 + index) for index in range(5)]
    np.testing.assert_allclose(together.returns, [each.returns[0] for each in alone], rtol=1e-4)
    assert together.seeds == (100, 101, 102, 103, 104)
    assert together.success is not None
    assert set(together.lengths) == {200.0}
    assert "late_angle_error" in together.metrics
    many.close()
    one.close()


def test_evaluation_keeps_every_metric_of_a_task() -> None:
    class Still:
        def act(self, observations: Any) -> np.ndarray:
            return np.zeros((len(observations), 6))

    arms = hanzo_twin.make_vec(task="arm_reach", num_envs=2, obs_type="flat")
    found = evaluate(Still(), arms, seed=100).summary()
    assert found["final_distance_m_mean"] > 0.05
    assert not any(name.startswith("reward") for name in found)
    arms.close()


def test_a_policy_is_found_in_its_folder_its_run_or_a_zip(trained: Path, tmp_path: Path) -> None:
    import shutil

    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", trained / "policy"))
    observations = np.ones((1, 3))
    first = find_policy(trained, tmp_path / "a").act(observations)
    assert np.array_equal(find_policy(trained / "policy", tmp_path / "b").act(observations), first)
    assert np.array_equal(find_policy(packed, tmp_path / "c").act(observations), first)
    assert environment_of(find_policy(trained, tmp_path), {"engine": "gazebo"})["engine"] == "gazebo"


def test_what_is_no_policy_says_so(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no policy in"):
        find_policy(tmp_path, tmp_path)
    garbage = tmp_path / "x.zip"
    garbage.write_bytes(b"garbage")
    with pytest.raises(InvalidInputError, match="is not a policy"):
        find_policy(garbage, tmp_path / "out")
    onnx = trained / "policy" / "policy.onnx"
    with pytest.raises(InvalidInputError, match=r"An exported .onnx does not say what it was trained for"):
        find_policy(onnx, tmp_path / "out")
    damaged = tmp_path / "policy"
    damaged.mkdir()
    (damaged / "lineage.json").write_text("{}")
    (damaged / "policy.onnx").write_bytes(b"garbage")
    with pytest.raises(InvalidInputError, match="does not say how the policy was trained"):
        Policy(damaged)
    (damaged / "lineage.json").write_bytes((trained / "policy" / "lineage.json").read_bytes())
    with pytest.raises(InvalidInputError, match="cannot be run"):
        Policy(damaged)
    with pytest.raises(InvalidInputError, match="The policy takes 3 observations, got 5"):
        Policy(trained / "policy").act(np.zeros((1, 5)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "neither a twin nor a task is named"),
        ({"task": "pendulum", "algo": "dqn"}, "algo: Input should be 'ppo', 'sac' or 'td3'"),
        ({"task": "pendulum", "num_envs": 0}, "num_envs: "),
        ({"task": "pendulum", "total_step": 5}, "there is no 'total_step' (did you mean 'total_steps'?)"),
    ],
)
def test_specs_that_cannot_be_trained_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as wrong:
        parse_spec(given)
    assert message in wrong.value.message


def test_hyperparameters_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="Algorithm ppo has no hyperparameter 'learning_rat'") as wrong:
        run(tmp_path, hyperparameters={"learning_rat": 1e-3})
    assert "Did you mean 'learning_rate'" in wrong.value.hint
    assert "policy_kwargs" not in wrong.value.hint
    with pytest.raises(InvalidInputError, match="has no hyperparameter 'device'"):
        run(tmp_path, hyperparameters={"device": "cpu"})
    with pytest.raises(InvalidInputError, match="There is no activation 'tan'"):
        run(tmp_path, hyperparameters={"activation": "tan"})


def test_a_folder_holds_one_run_and_one_process(tmp_path: Path) -> None:
    spec = parse_spec(SHORT)
    with RunFolder(tmp_path, spec), pytest.raises(ConflictError, match="Another process trains in"):
        RunFolder(tmp_path, spec)
    with RunFolder(tmp_path, parse_spec({**SHORT, "engine": "mujco"})):
        pass  # nothing was learned in it: another spec may begin
    with RunFolder(tmp_path, parse_spec({**SHORT, "total_steps": 5000})):
        (tmp_path / "checkpoints" / "000000000010").mkdir(parents=True)
    with pytest.raises(ConflictError, match="holds another run: seed 3, now 9"):
        RunFolder(tmp_path, parse_spec({**SHORT, "seed": 9}))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be kept in"):
        RunFolder(tmp_path / "file" / "run", spec)


def test_a_checkpoint_that_was_not_finished_is_not_used(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep_last=2)
    told: list[str] = []
    assert checkpoints.latest(told.append) is None

    class Model:
        def save(self, path: Path) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            path.write_bytes(b"model")

        full = False

    model = Model()
    for steps in (10, 20, 30):
        checkpoints.write(model, None, steps=steps, state={})
    model.full = True
    with pytest.raises(OutputError, match=r"The checkpoint at 40 steps cannot be written .*: No space left"):
        checkpoints.write(model, None, steps=40, state={})
    latest = checkpoints.latest(told.append)
    assert latest is not None
    assert latest.steps == 30
    assert sorted(path.name for path in tmp_path.glob("[0-9]*")) == ["000000000020", "000000000030"]
    assert told == []
    (latest.folder / "model.zip").write_bytes(b"mod")
    before = checkpoints.latest(told.append)
    assert before is not None
    assert before.steps == 20
    assert told == [f"The checkpoint '{latest.folder}' is damaged (model.zip) and is left out."]
    (before.folder / "state.json").write_bytes(b"{")
    with pytest.raises(InvalidInputError, match=r"None of the checkpoints in .* is whole"):
        checkpoints.latest(told.append)


def test_stable_baselines_steps_flat_worlds_that_begin_again_at_once() -> None:
    for mode, kind, message in (
        ("NextStep", "flat", "autoreset_mode='SameStep'"),
        ("SameStep", "dict", "obs_type='flat'"),
    ):
        worlds = hanzo_twin.make_vec(task="pendulum", num_envs=2, autoreset_mode=mode, obs_type=kind)
        with pytest.raises(InvalidInputError, match=message):
            TwinVecEnv(worlds)
        worlds.close()


def test_a_picture_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, steps=0, tracking_uri=None, name="run", parameters={}, say=lambda _: None)
    tracker.log(1, {"rollout/return_mean": 1.0})
    assert tracker.draw("run") == tmp_path / "curves.png"
    (tmp_path / "curves.png").unlink()
    (tmp_path / "curves.png").mkdir()
    assert tracker.draw("run") is None


def test_the_page_on_training_lists_every_setting_with_its_default() -> None:
    page = (Path(__file__).parents[4] / "docs" / "training.md").read_text(encoding="utf-8")
    for name, field in TrainingSpec.model_fields.items():
        default = field.default
        told = "–" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        assert f"| `{name}` | {told} | {field.description} |" in page
