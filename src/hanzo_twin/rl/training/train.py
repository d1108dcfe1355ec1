"""A training run: learn, judge on held-out episodes, keep the best policy, save checkpoints, go on after a kill.

A run lives in a folder: ``checkpoints/``, ``policy/`` (the best so far), ``metrics.jsonl``, ``curves.png``. Started
again in the same folder it goes on from the newest checkpoint: model, optimizer, moments and replay buffer are those of
the checkpoint, while the worlds begin new episodes.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from hanzo_twin.errors import OutputError, SimulationError
from hanzo_twin.rl.make import make_vec
from hanzo_twin.rl.training.checkpoints import Checkpoints
from hanzo_twin.rl.training.evaluation import Evaluation, evaluate
from hanzo_twin.rl.training.lineage import lineage
from hanzo_twin.rl.training.model import CurrentPolicy, load_model, make_model, normalized
from hanzo_twin.rl.training.policy import write_policy
from hanzo_twin.rl.training.presets import hyperparameters
from hanzo_twin.rl.training.sb3 import TwinVecEnv
from hanzo_twin.rl.training.spec import TrainingSpec
from hanzo_twin.rl.training.tracking import Tracker
from hanzo_twin.rl.vector_env import TwinVectorEnv

POLICY, CHECKPOINTS = "policy", "checkpoints"
_REPORT_S = 1.0
_DRAW_S = 15.0
_EPISODES = 100


class Watcher(Protocol):
    """Who is told how a run goes, and may end it."""

    @property
    def stopping(self) -> bool: ...

    def report(self, progress: float, message: str = "", **metrics: float) -> None: ...

    def log(self, line: str) -> None: ...


def train(spec: TrainingSpec, folder: Path, watcher: Watcher) -> dict[str, Any]:
    """Run ``spec`` in ``folder`` to its end, or until ``watcher.stopping``.

    Returns the path of the best policy, its evaluation and what the run cost, as JSON values.

    Raises:
        HanzoTwinError: the environment cannot be made, a hyperparameter does not fit, the numbers diverged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # the worlds have the processors; small networks gain nothing from more
    env = make_vec(num_envs=spec.num_envs, autoreset_mode="SameStep", **spec.environment())
    judge = make_vec(num_envs=spec.evaluation_episodes, **spec.environment())
    assert isinstance(env, TwinVectorEnv)
    try:
        return _Run(spec, folder, watcher, env, judge).run()
    finally:
        env.close()
        judge.close()


class _Run:
    def __init__(
        self, spec: TrainingSpec, folder: Path, watcher: Watcher, env: TwinVectorEnv, judge: TwinVectorEnv
    ) -> None:
        self.spec, self.folder, self.watcher, self.judge = spec, folder, watcher, judge
        self.metadata = dict(env.metadata)
        self.chosen = hyperparameters(spec, self.metadata["task"])
        self.checkpoints = Checkpoints(folder / CHECKPOINTS, keep_last=spec.keep_last)
        checkpoint = self.checkpoints.latest(watcher.log)
        vec = TwinVecEnv(env)
        self.env = normalized(vec, spec, checkpoint, float(self.chosen["gamma"]))
        self.best: dict[str, Any] | None = None
        self.spent = 0.0
        if checkpoint is None:
            vec.seed(spec.seed)
            self.model = make_model(self.env, spec, self.chosen)
            self.begun_at = 0
        else:
            # The worlds must not repeat the episodes that they have had.
            vec.seed(spec.seed + checkpoint.steps)
            self.model = load_model(self.env, spec, checkpoint)
            self.begun_at, self.best = checkpoint.steps, checkpoint.state["best"]
            self.spent = checkpoint.state["spent_s"]
            watcher.log(f"Goes on from the checkpoint at {checkpoint.steps:,} steps.")
        self.tracker = Tracker(
            folder,
            steps=self.begun_at,
            tracking_uri=spec.tracking_uri,
            name=f"{self.metadata['task']} {spec.algo} {spec.seed}",
            parameters={**spec.model_dump(exclude={"definition"}), **self.chosen},
            say=watcher.log,
        )
        self.started = self.drawn = time.monotonic()
        self.reached = False

    def run(self) -> dict[str, Any]:
        remaining = self.spec.total_steps - self.begun_at
        finished = False
        try:
            if remaining > 0:
                # From the second run on the number of steps is counted on, and total_timesteps is what is to be added.
                self.learn(remaining)
            if not self.watcher.stopping:
                self.evaluate(last=True)
                if remaining > 0:
                    self.save(last=True)
                finished = True
        finally:
            self.tracker.draw(self.title)
            self.tracker.close(succeeded=finished)
        return {
            "policy": str(self.folder / POLICY) if self.best is not None else None,
            "evaluation": self.best,
            "steps": int(self.model.num_timesteps),
            "seconds": self.seconds,
            "curves": str(self.folder / "curves.png"),
            "task": self.metadata["task"],
            "engine": self.metadata["engine"],
        }

    @property
    def title(self) -> str:
        return f"{self.metadata['task']} on {self.metadata['engine']}, {self.spec.algo.upper()}, seed {self.spec.seed}"

    @property
    def seconds(self) -> float:
        return self.spent + time.monotonic() - self.started

    def learn(self, steps: int) -> None:
        try:
            self.model.learn(steps, callback=_Callback(self), reset_num_timesteps=self.begun_at == 0)
        except ValueError as error:
            if all(bool(torch.isfinite(numbers).all()) for numbers in self.model.policy.parameters()):
                raise
            raise SimulationError(
                f"The numbers of the policy are no longer finite after {self.model.num_timesteps:,} steps.",
                hint="Look at the hyperparameters that were set: gamma at most 1, a lower learning_rate.",
            ) from error

    def save(self, *, last: bool) -> None:
        """Write a checkpoint; where that fails, only the ``last`` one ends the run."""
        steps = int(self.model.num_timesteps)
        state = {"best": self.best, "spent_s": self.seconds}
        try:
            self.checkpoints.write(self.model, self.moments, steps=steps, state=state)
        except OutputError as failed:
            if last:
                raise
            self.watcher.log(f"{failed.message} Training goes on.")

    @property
    def moments(self) -> VecNormalize | None:
        return self.env if isinstance(self.env, VecNormalize) else None

    def evaluate(self, *, last: bool) -> None:
        """Judge the policy as it is on held-out episodes; keep it if it is the best so far."""
        steps = int(self.model.num_timesteps)
        if last and self.best is not None and self.best["steps"] == steps:
            return
        found = evaluate(CurrentPolicy(self.model, self.moments), self.judge, seed=self.spec.evaluation_seed)
        summary = found.summary()
        told = {name: value for name, value in summary.items() if isinstance(value, float)}
        self.tracker.log(steps, {f"evaluation/{name}": value for name, value in told.items()})
        self.watcher.log(f"{steps:>10,} steps, {self.seconds:6.1f} s: {_sentence(found)}")
        if self.best is None or _score(summary) > _score(self.best):
            self.keep({**summary, "steps": steps, "seconds": self.seconds}, last=last)
        if time.monotonic() - self.drawn >= _DRAW_S:
            self.tracker.draw(self.title)
            self.drawn = time.monotonic()
        self.reached = self._good_enough(summary)

    def keep(self, summary: dict[str, Any], *, last: bool) -> None:
        """Write the policy, which is the best so far; where that fails, only the ``last`` one ends the run."""
        try:
            write_policy(
                self.folder / POLICY, self.model, self.moments, lineage(self.spec, self.metadata, self.chosen, summary)
            )
        except OutputError as failed:
            if last:
                raise
            self.watcher.log(f"{failed.message} Training goes on.")
        else:
            self.best = summary

    def _good_enough(self, summary: dict[str, Any]) -> bool:
        rate, wanted = summary["success_rate"], self.spec.stop_at_success
        if wanted is not None and rate is not None and rate >= wanted:
            return True
        return self.spec.stop_at_return is not None and summary["return_mean"] >= self.spec.stop_at_return


class _Callback(BaseCallback):  # type: ignore[misc]  # stable-baselines3 is not followed
    """Reports, saves, judges and ends at the right steps."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run = run
        spec = run.spec
        self._next_save = run.begun_at + spec.checkpoint_steps
        self._next_judgement = run.begun_at + spec.evaluation_steps
        self._episodes: deque[dict[str, Any]] = deque(maxlen=_EPISODES)
        self._successes: deque[bool] = deque(maxlen=_EPISODES)
        self._reported = (time.monotonic(), run.begun_at)

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if info:
                self._episodes.append(info["episode"])
                if "is_success" in info:
                    self._successes.append(info["is_success"])
        if self.num_timesteps >= self._next_save or self._run.watcher.stopping:
            self._next_save += self._run.spec.checkpoint_steps
            self._run.save(last=self._run.watcher.stopping)
        if self._run.watcher.stopping:
            self._run.watcher.log(f"Stops at {self.num_timesteps:,} steps with a checkpoint.")
            return False
        if self.num_timesteps >= self._next_judgement:
            self._next_judgement += self._run.spec.evaluation_steps
            self._run.evaluate(last=False)
            if self._run.reached:
                self._run.watcher.log("The policy is good enough; training ends.")
                return False
        if time.monotonic() - self._reported[0] >= _REPORT_S:
            self._report()
        return True

    def _on_rollout_end(self) -> None:
        rewards = self.locals.get("rewards")
        if rewards is not None and not np.isfinite(rewards).all():
            raise SimulationError("Rewards are not finite.", hint="Lower the learning rate, or the engine's step.")

    def _report(self) -> None:
        now, steps = time.monotonic(), int(self.num_timesteps)
        metrics = {"time/steps_per_s": (steps - self._reported[1]) / (now - self._reported[0])}
        self._reported = (now, steps)
        if self._episodes:
            metrics["rollout/return_mean"] = float(np.mean([each["r"] for each in self._episodes]))
            metrics["rollout/length_mean"] = float(np.mean([each["l"] for each in self._episodes]))
        if self._successes:
            metrics["rollout/success_rate"] = float(np.mean(self._successes))
        self._run.tracker.log(steps, metrics)
        total = self._run.spec.total_steps
        short = {name.partition("/")[2]: value for name, value in metrics.items()}
        self._run.watcher.report(min(1.0, steps / total), f"{steps:,} of {total:,} steps", **short)


def _score(summary: dict[str, Any]) -> tuple[float, float]:
    """Success counts first, then the return."""
    rate = summary["success_rate"]
    return (-1.0 if rate is None else rate, summary["return_mean"])


def _sentence(found: Evaluation) -> str:
    text = f"held-out return {found.returns.mean():.1f} ± {found.returns.std():.1f}"
    return text if found.success_rate is None else f"{text}, {found.success_rate:.0%} succeed"
