"""All sensors of one simulation: when they look, what they hold, and how they are read.

A sensor without a rate shows the present; what it feels of forces and accelerations is that of the last engine step.
One with a rate holds what it took in at its last instant k / rate (the first step that reaches it). Cameras and lidars
hold the poses of all bodies and draw when they are read. Before the first step there are no forces and no
accelerations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from hanzo_twin.errors import NotFoundError, StateError, UnsupportedError, nearest
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.scene.sensors import SensorSettings
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.plan import FELT, Plan, Spec, plan_sensors, refuse
from hanzo_twin.sensors.port import FORCE_KINDS, FeelsContacts, Motion, MotionSource, engines_that_feel
from hanzo_twin.sensors.samples import Sample, pack, unpack
from hanzo_twin.sensors.showing import NoiseSource, Reading, draw, show
from hanzo_twin.sensors.taking import Taker

# Of a step, by which an instant may be missed through rounding.
_SLACK = 1e-6
Held = tuple[int, dict[str, Sample]]


class SensorSuite:
    """The sensors of one simulation, which makes it, and calls it where it steps, restores and overwrites anything.

    Args:
        source: the simulation.
        engine: its name, for messages.
        step_seconds: length of a step, of ``substeps`` engine steps.
        plan: of another suite of the same scene, to share it.

    Raises:
        SceneError: the attributes of a sensor make none.
    """

    def __init__(
        self,
        scene: Scene,
        source: MotionSource,
        *,
        engine: str,
        step_seconds: float,
        substeps: int,
        plan: Plan | None = None,
    ) -> None:
        self.plan = plan or plan_sensors(scene)
        self._scene = scene
        self._source = source
        self._engine = engine
        self._step_seconds = step_seconds
        self._substeps = substeps
        self._taker = Taker(scene, source, step_seconds / substeps)
        self._seed = 0
        self._held: dict[str, Sample] = {}
        self._felt: dict[str, Sample] = {}
        self._before: Callable[[], Motion] | None = None
        self._recalled: Motion | None = None
        self._stepped = False
        able = {path: spec for path, spec in self.plan.specs.items() if not spec.refusal and self._can(spec)}
        self._rated = {path: spec for path, spec in able.items() if spec.settings.rate}
        self._feeling = {path: spec for path, spec in able.items() if spec.kind in FELT and not spec.settings.rate}
        feels = any(spec.kind in FELT for spec in (*self._rated.values(), *self._feeling.values()))
        self._watched = self.plan.watched if feels else None
        #: Nothing has to be done when the simulation steps.
        self.idle = not self._rated and not self._feeling

    def _can(self, spec: Spec) -> bool:
        return spec.kind not in FORCE_KINDS or isinstance(self._source, FeelsContacts)

    @property
    def seed(self) -> int:
        """Of the noise; part of the state."""
        return self._seed

    def reseed(self, seed: int) -> None:
        """Read other noise from here on."""
        self._seed = int(seed)

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all sensors and cameras."""
        return tuple(self.plan.specs)

    # --- while the simulation runs

    def advance(self, count: int, advance: Callable[[int], None]) -> None:
        """Make ``count`` steps by ``advance``, which makes engine steps, and look when it is time."""
        while count > 0:
            steps = 1 if count == 1 else min(count, self._steps_to_next())
            if self._rated:
                self._take_missing()
            engine_steps = steps * self._substeps
            if self._watched is None:
                advance(engine_steps)
            else:
                if engine_steps > 1:
                    advance(engine_steps - 1)
                self._before, self._recalled = self._source.remember_motion(self._watched), None
                advance(1)
            self._felt.clear()
            self._stepped = True
            count -= steps
            if self._rated:
                self._take_due()

    def settle(self) -> None:
        """Take in what is left of the last step before something is overwritten; what was held of now is outdated."""
        if self.idle:
            return
        self._take_all()
        now = self._step(self._source.time)
        for path, sample in list(self._held.items()):
            if self._rated[path].kind not in FELT and self._step(sample.time) == now:
                del self._held[path]

    def _step(self, time: float) -> int:
        return round(time / self._step_seconds)

    def _index(self, spec: Spec, step: int) -> int:
        """Of the last reading at ``step``."""
        rate = spec.settings.rate
        return step if rate is None else math.floor(step * self._step_seconds * rate + _SLACK)

    def _steps_to_next(self) -> int:
        """Steps until a sensor with a rate looks again."""
        step, least = self._step(self._source.time), 1 << 62
        for spec in self._rated.values():
            rate = spec.settings.rate or 1.0
            instant = (self._index(spec, step) + 1) / (rate * self._step_seconds)
            least = min(least, math.ceil(instant - _SLACK) - step)
        return max(1, least)

    def _take_all(self) -> None:
        self._take_missing()
        for path, spec in self._feeling.items():
            if path not in self._felt:
                self._felt[path] = self._take(spec)

    def _take_missing(self) -> None:
        for path, spec in self._rated.items():
            if path not in self._held:
                self._held[path] = self._take(spec)

    def _take_due(self) -> None:
        step = self._step(self._source.time)
        for path, spec in self._rated.items():
            if self._index(spec, step) > self._held[path].index:
                self._held[path] = self._take(spec)

    def _take(self, spec: Spec) -> Sample:
        before = None
        if self._stepped and self._before is not None and len(spec.places):
            motion = self._recalled = self._recalled or self._before()
            before = Motion(poses=motion.poses[spec.places], velocities=motion.velocities[spec.places])
        time = self._source.time
        data = self._taker.take(spec, before, stepped=self._stepped)
        return Sample(time=time, index=self._index(spec, self._step(time)), data=data)

    # --- reading

    def read(self, path: str) -> Reading:
        """Of the sensor or camera at ``path``.

        Raises:
            NotFoundError: there is none. UnsupportedError: the engine has nothing for it to feel, or no renderer can
                draw it here.
        """
        spec = self.plan.specs.get(path)
        if spec is None:
            raise NotFoundError(f"There is no sensor at '{path}'.", hint=nearest(path, self.plan.specs))
        return show(self._scene, self.plan.mirrors, spec, self._sample(spec), self._noise())

    def render(self, camera: str | Camera, params: RenderParams) -> Reading:
        """A picture of the present by a camera of the scene or any other.

        Raises:
            NotFoundError: no such camera. UnsupportedError: no renderer can draw it here.
        """
        spec, device = self._camera(camera)
        own = spec.settings.camera
        settings = replace(
            own,
            width=params.width or own.width,
            height=params.height or own.height,
            kinds=params.kinds or own.kinds,
        )
        sample = self._take(spec)
        noise = self._noise() if params.noise else None
        return draw(self._scene, self.plan.mirrors, spec, device, settings, sample, noise)

    def _camera(self, camera: str | Camera) -> tuple[Spec, Camera]:
        if isinstance(camera, Camera):
            spec = Spec(
                path=camera.path, kind="camera", settings=SensorSettings(kind="camera"), pose=camera.pose_body_camera
            )
            return spec, camera
        if camera not in self._scene.cameras:
            raise NotFoundError(f"The scene has no camera '{camera}'.", hint=nearest(camera, self._scene.cameras))
        return self.plan.specs[camera], self._scene.cameras[camera]

    def _noise(self) -> NoiseSource:
        return NoiseSource(seed=self._seed, step_seconds=self._step_seconds)

    def _sample(self, spec: Spec) -> Sample:
        refuse(spec)
        if not self._can(spec):
            able = engines_that_feel(spec.kind)
            raise UnsupportedError(
                f"Engine '{self._engine}' has no forces for the {spec.kind} sensor '{spec.path}' to feel.",
                hint=f"Engines that have: {', '.join(able) or 'none is installed'}.",
            )
        if spec.path in self._rated:
            self._take_missing()
            return self._held[spec.path]
        if spec.path in self._feeling:
            if spec.path not in self._felt:
                self._felt[spec.path] = self._take(spec)
            return self._felt[spec.path]
        return self._take(spec)

    # --- state

    def pack(self) -> bytes:
        """What the sensors hold, for a `SimState`; empty where there is nothing to hold."""
        if self.idle and not self._seed:
            return b""
        self._take_all()
        return pack(self._seed, {**self._held, **self._felt})

    def unpack(self, data: bytes) -> Held:
        """What `pack` gave, to be handed to `restore`; changes nothing.

        Raises:
            StateError: damaged, or of other sensors.
        """
        if not data:
            return 0, {}
        seed, samples = unpack(data)
        unknown = [path for path in samples if path not in self.plan.specs]
        if unknown:
            raise StateError(f"The state holds a reading of '{unknown[0]}', where the scene has no sensor.")
        return seed, samples

    def restore(self, held: Held) -> None:
        """Hold these readings; without any, as after loading."""
        self._seed, samples = held
        self._held = {path: sample for path, sample in samples.items() if path in self._rated}
        self._felt = {path: sample for path, sample in samples.items() if path in self._feeling}
        self._before, self._stepped = None, False

    def load(self, other: SensorSuite) -> None:
        """Hold what a suite of the same scene holds."""
        if not self.idle:
            other._take_all()
        self.restore((other._seed, {**other._held, **other._felt}))
