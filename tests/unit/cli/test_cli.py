"""The command line without a server: help, exit codes, streams, and that no traceback reaches a user."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hanzo_twin.cli.arguments import assignments, parse_time
from hanzo_twin.cli.main import app
from hanzo_twin.errors import InvalidInputError

COMMAND = [sys.executable, "-c", "from hanzo_twin.cli.main import run; run()"]
NOBODY = "http://127.0.0.1:1"


def hanzo_twin(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HANZO_TWIN_")}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environ | environment, check=False, timeout=60
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['hanzo-twin', '--help']\n"
        "from hanzo_twin.cli.main import run\n"
        "try: run()\n"
        "except SystemExit as done: assert done.code == 0\n"
        "heavy = {'rich', 'pydantic', 'httpx', 'numpy', 'fastapi', 'sqlalchemy', 'grpc', 'pxr', 'mujoco', 'duckdb'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


COMMANDS = [
    *("serve", "create", "start", "stop", "status", "list", "delete", "fork", "state", "scene", "calibrate"),
    *("history", "compare", "parameters", "version"),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_every_command(name: str) -> None:
    assert f"\n  {name} " in CliRunner().invoke(app, ["--help"]).stdout


def test_no_server_is_one_line_a_hint_and_exit_code_7() -> None:
    done = hanzo_twin("list", HANZO_TWIN_URL=NOBODY)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == (f"Error: No server answers at {NOBODY}.\n  Start the server with: hanzo-twin serve\n")


def test_url_on_the_command_line_wins() -> None:
    done = hanzo_twin("--url", "http://127.0.0.1:2", "list", HANZO_TWIN_URL=NOBODY)
    assert "http://127.0.0.1:2." in done.stderr


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://", "http://[::1", "http://127.0.0.1:99999999"])
def test_addresses_that_are_none_are_explained(url: str) -> None:
    done = hanzo_twin("--url", url, "list")
    assert done.returncode in (2, 7)
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("start",),
        ("start", "a", "b"),
        ("list", "--nonsense"),
        ("start", "a", "--timeout", "many"),
        ("compare", "a", "b", "--horizon", "-1"),
        ("status", "a", "--interval", "0"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    done = hanzo_twin(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_misspelt_option_names_the_nearest() -> None:
    assert "--name" in hanzo_twin("fork", "a", "--nam", "b").stderr


def test_what_is_wrong_in_a_definition_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "twin.yaml"
    config.write_text("name: arm\nscene: {uri: arm.usda}\nengin: {type: mujoco}\n")
    done = hanzo_twin("--url", NOBODY, "create", "--config", str(config))
    assert done.returncode == 2
    assert f"{config}:3: " in done.stderr
    assert "engine" in done.stderr


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 5000, b"a: &a [*a]", b"- 1", b"\0" * 100])
def test_garbage_in_place_of_a_definition(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "twin.yaml"
    config.write_bytes(content)
    done = hanzo_twin("--url", NOBODY, "create", "--config", str(config))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_version_for_people_and_programs() -> None:
    from hanzo_twin import __version__

    assert CliRunner().invoke(app, ["version"]).stdout == f"{__version__}\n"
    assert json.loads(CliRunner().invoke(app, ["version", "--json"]).stdout) == {"version": __version__}


def test_delete_asks_and_will_not_guess_without_a_terminal() -> None:
    done = CliRunner().invoke(app, ["delete", "arm"])
    assert done.exit_code == 2
    assert "must be confirmed" in done.stderr


def test_history_options_that_exclude_each_other() -> None:
    for arguments in (["--sql", "select 1", "--verify"], ["--sql", "select 1", "--kind", "drift"]):
        done = CliRunner().invoke(app, ["history", "arm", *arguments])
        assert done.exit_code == 2
        assert "exclude each other" in done.stderr


def test_unexpected_failure_is_one_line_and_debug_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr("hanzo_twin.client.Client.get_health", broken)
    monkeypatch.setattr("hanzo_twin.client.Client.list_twins", lambda self, **_: broken(self))
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 1
    assert (
        done.stderr
        == "Error: Unexpected failure: KeyError: 'gone'\n  Set HANZO_TWIN_DEBUG=1 to see where it happened.\n"
    )
    shown = CliRunner().invoke(app, ["list"], env={"HANZO_TWIN_DEBUG": "1"})
    assert isinstance(shown.exception, KeyError)


def test_errors_are_red_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from hanzo_twin.cli.group import report

    error = InvalidInputError("No.", hint="Do.")
    report(error)
    assert capsys.readouterr().err == "Error: No.\n  Do.\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    report(error)
    assert capsys.readouterr().err == "\x1b[31mError: No.\x1b[0m\n  Do.\n"
    monkeypatch.setenv("NO_COLOR", "1")
    report(error)
    assert capsys.readouterr().err == "Error: No.\n  Do.\n"


def test_scene_check_tells_what_is_wrong_and_exits_with_1(tmp_path: Path) -> None:
    bad = tmp_path / "bad.usda"
    bad.write_text("#usda 1.0\nthis is not USD\n")
    done = hanzo_twin("scene", "check", str(bad), "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert any(each["severity"] == "error" for each in report["diagnoses"])
    unknown = hanzo_twin("scene", "check", str(bad), "--engine", "mojoco")
    assert unknown.returncode == 5
    assert "Did you mean" in unknown.stderr


def test_scene_check_ends_its_sentences(tmp_path: Path) -> None:
    bad = tmp_path / "bad.usda"
    bad.write_text('#usda 1.0\ndef Xform "World" {\n  float a = 2 }\n')
    done = hanzo_twin("scene", "check", str(bad))
    assert "'float a = 2 }' in </World>. Correct the file at that place" in done.stdout


def test_what_is_wrong_with_a_scene_is_said_once(tmp_path: Path) -> None:
    done = hanzo_twin("scene", "diff", str(tmp_path / "missing.usda"), "library:arm")
    assert done.returncode == 2
    assert done.stderr.count("There is no file") == 1


@pytest.mark.parametrize("text", ["a", "a=", "=1", "a=x", "a=nan", "a=inf", "a=1e999", ""])
def test_assignments_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInputError, match="does not set an address to a number"):
        assignments([text])


def test_assignments() -> None:
    assert assignments(["/a.mass=1.5", "/b.mass=-2e-3"]) == {"/a.mass": 1.5, "/b.mass": -0.002}
    with pytest.raises(InvalidInputError, match=r"'/a\.mass' is given twice"):
        assignments(["/a.mass=1", "/a.mass=2"])


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_control_c_is_exit_code_130(silent_server: str) -> None:
    listening = silent_server.rpartition(":")[2]
    with subprocess.Popen(
        [*COMMAND, "--url", silent_server, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _wait_until_connected(process.pid, int(listening))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said


def _wait_until_connected(pid: int, port: int) -> None:
    """Return when process ``pid`` has a connection to ``port`` (a socket beyond its standard streams)."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with Path("/proc/net/tcp").open() as table:
            if any(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01" for line in table):
                return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} did not connect")


def test_broken_pipe_is_quiet() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -c 'from hanzo_twin.cli.main import run; run()' --help | true"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000.5", 1700000000.5),
        ("2023-11-14T22:13:20", 1700000000.0),
        ("2023-11-14T23:13:20+01:00", 1700000000.0),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


def test_how_long_ago_is_a_time() -> None:
    assert time.time() - parse_time("2h") == pytest.approx(7200.0, abs=5.0)


@pytest.mark.parametrize("text", ["yesterday", "nan", "", "5w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a time"):
        parse_time(text)


def test_the_scene_library_is_listed_and_checked_by_name() -> None:
    listed = json.loads(hanzo_twin("scene", "library", "--json").stdout)
    shelf = next(each for each in listed if each["name"] == "shelf")
    assert (shelf["uri"], shelf["size_m"]) == ("library:shelf", [0.6, 1.8, 2.0])
    assert "A shelf with four boards" in hanzo_twin("scene", "library").stdout
    done = hanzo_twin("scene", "check", "library:arm", "--json")
    assert json.loads(done.stdout)["articulations"][0]["path"] == "/arm"


def test_scene_check_lets_a_robot_float_and_hold(tmp_path: Path) -> None:
    robot = tmp_path / "arm.urdf"
    inertial = '<inertial><mass value="1"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial>'
    robot.write_text(
        f'<robot name="arm"><link name="a">{inertial}</link><link name="b">{inertial}</link><joint name="j" '
        'type="continuous"><parent link="a"/><child link="b"/><axis xyz="0 1 0"/></joint></robot>'
    )
    found = json.loads(hanzo_twin("scene", "check", str(robot), "--floating-base", "--default-drives", "--json").stdout)
    assert found["articulations"] == [{"path": "/arm", "joints": ["/arm/Physics/j"], "fixed_base": False}]
    assert {"base-floating", "drive-added"} <= {each["code"] for each in found["diagnoses"]}
    welded = json.loads(hanzo_twin("scene", "check", str(robot), "--fixed-base", "--json").stdout)
    assert welded["articulations"][0]["fixed_base"]


def test_scenes_are_composed_compared_and_asked_of_every_engine(tmp_path: Path) -> None:
    cell = str(tmp_path / "cell.usda")
    done = hanzo_twin("scene", "compose", "library:room", "--add", "library:arm@/room/arm@0,0,1", "-o", cell, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["file"] == cell
    equal = hanzo_twin("scene", "diff", cell, cell)
    assert (equal.returncode, equal.stdout) == (0, "The scenes are equal.\n")
    other = hanzo_twin("scene", "diff", "library:room", cell, "--json")
    assert other.returncode == 1
    added = {change["path"] for change in json.loads(other.stdout)["changes"] if change["kind"] == "added"}
    assert "/room/arm/link_1" in added
    told = hanzo_twin("scene", "diff", "library:room", cell)
    assert re.search(r"^\+  joint +/room/arm/joint_1 and 5 others +revolute", told.stdout, re.MULTILINE)
    count = len(json.loads(other.stdout)["changes"])
    assert re.search(rf"^{count} added\.$", told.stdout, re.MULTILINE)
    assert "--json has all" in told.stderr
    asked = hanzo_twin("scene", "check", cell, "--engine", "mujoco,kinematic", "--addresses", "--json")
    found = json.loads(asked.stdout)
    assert {each["engine"]: each["verdict"] for each in found["engines"]} == {"mujoco": "takes", "kinematic": "takes"}
    assert {"address": "/room/arm/joint_1.position", "kind": "state", "unit": "rad"} in found["addresses"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("compose", "library:room", "--add", "library:arm", "-o", "x.usda"),
            "'library:arm' does not name a file and a",
        ),
        (("compose", "library:room", "--set", "visible", "-o", "x.usda"), "'visible' sets nothing."),
        (("check", "x.xacro", "--xacro-arg", "a=b"), "'a=b' does not set an argument of a xacro file."),
        (("diff", "library:room", "gone.usda"), "There is no file 'gone.usda'."),
    ],
)
def test_scene_commands_that_are_mistyped(arguments: tuple[str, ...], message: str) -> None:
    done = hanzo_twin("scene", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
