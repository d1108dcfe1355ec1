"""Definitions from text: lines, words and limits of the errors, variables, and the way back to text."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanzo_twin.definition.models import AnyDefinition, InfrastructureTwinDefinition, TwinDefinition, require_physical
from hanzo_twin.definition.reader import read_document
from hanzo_twin.definition.sources import FileSource
from hanzo_twin.definition.yaml_source import (
    definition_json_schema,
    definition_object,
    dump_definition,
    load_definition,
    parse_definition,
    parse_definition_object,
    with_lines,
)
from hanzo_twin.errors import DefinitionError

GOOD = """\
name: cell-7
scene:
  uri: cell.usda
engine:
  type: anything
  config:
    step_hz: 500
"""


def problems_of(text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(text, "twin.yaml", environ=environ)
    return caught.value.problems


def test_every_problem_is_told_with_its_line_and_what_is_allowed() -> None:
    text = (
        GOOD.replace("step_hz: 500", "stp_hz: 500\n    substeps: -5\n    solver_iterations: many")
        + "sync: {mode: reltime}"
    )

    assert problems_of(text) == (
        "twin.yaml:7: engine.config.stp_hz: unknown field 'stp_hz'. Did you mean 'step_hz'? Allowed: gpu_id, gravity, "
        "solver_iterations, step_hz, substeps.",
        "twin.yaml:8: engine.config.substeps: must be at least 1, got -5",
        "twin.yaml:9: engine.config.solver_iterations: must be a whole number, got 'many'",
        "twin.yaml:10: sync.mode: must be one of the allowed values, got 'reltime'. Did you mean 'realtime'? Allowed: "
        "batch, realtime, replay, standalone.",
    )


def test_the_message_lists_the_problems() -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_definition("name: x\nengine: {type: y}\nscene: {uri: z, version: 0}\ntags: x", "twin.yaml")

    assert str(caught.value) == (
        "The definition has 2 problems:\n"
        "  twin.yaml:3: scene.version: must be at least 1, got 0\n"
        "  twin.yaml:4: tags: must be a list, got 'x'"
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("name: 123", "twin.yaml:1: name: must be text, got 123; put it in quotes"),
        ("engine: {config: {step_hz: -5}}", "twin.yaml:1: engine.config.step_hz: must be greater than 0, got -5"),
        ("engine: {config: {step_hz: yes please}}", "engine.config.step_hz: must be a number, got 'yes please'"),
        ("engine: {config: {step_hz: true}}", "engine.config.step_hz: must be a number, got true"),
        ("engine: {config: {step_hz: }}", "engine.config.step_hz: must be a number, got nothing"),
        ("engine: {config: {gravity: [0, 0]}}", "engine.config.gravity[2]: is missing: the list is too short"),
        ("engine: {config: {gpu_id: one}}", "gpu_id: must be auto or the number of a GPU (0, 1, …), got 'one'"),
        ("engine: {type: MyEngine}", "in small letters, got 'MyEngine'; did you mean 'myengine'?"),
        ("engine: fast", "twin.yaml:1: engine: must be a mapping (name: value), got 'fast'"),
        ("engine: {}", "twin.yaml:1: engine.type: is required"),
        ("sync: {sources: [{type: mqt}]}", "sync.sources[0]: unknown type 'mqt'. Did you mean 'mqtt'? Allowed: file,"),
        ("sync: {sources: [{topic: x}]}", "sync.sources[0]: type is required. Allowed: file, kafka, mqtt,"),
        ("sync: {reconnect_backoff_ms: []}", "sync.reconnect_backoff_ms: must have at least 1 entry, got 0"),
        ("sync: {drift_detection: {enabled: maybe}}", "enabled: must be true or false, got 'maybe'"),
        ("type: virtual", "twin.yaml:1: type: unknown type 'virtual'. Allowed: infrastructure, physical."),
        ("id: 7", "twin.yaml:1: id: must be a UUID, got 7"),
    ],
)  # fmt: skip
def test_words_for_each_kind_of_mistake(given: str, problem: str) -> None:
    assert any(problem in found for found in problems_of(given))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "twin.yaml:1: must be a mapping (name: value), got nothing"),
        ("# nothing\n", "twin.yaml:1: must be a mapping (name: value), got nothing"),
        ("- a\n- b\n", "twin.yaml:1: must be a mapping (name: value), got a list"),
        ("just text", "twin.yaml:1: must be a mapping (name: value), got one value"),
        ("name: x\n\tscene: y", "twin.yaml:2: not valid YAML: a tab is used where YAML allows only spaces"),
        ("name: [a, b", "twin.yaml:1: not valid YAML: "),
        ("name: x\n---\nname: y", "twin.yaml:2: not valid YAML: there is a second document"),
        ("name: *other", "twin.yaml:1: not valid YAML: found undefined alias 'other'"),
        ("name: x\nname: y", "twin.yaml:2: name: given twice; the first is on line 1"),
        ("metadata: {1: x}", "twin.yaml:1: metadata: the key 1 must be text; put it in quotes"),
        ("metadata: &m {a: *m}", "metadata.a: an alias refers to something that contains it"),
        ("metadata: !!python/object:os.system x", "metadata: the tag tag:yaml.org,2002:python/object:os.system is not"),
        ("metadata: {a: .nan}", "twin.yaml:1: metadata.a: must be a finite number, got .nan"),
        ("metadata: {a: -.inf}", "twin.yaml:1: metadata.a: must be a finite number, got -.inf"),
        ("metadata: {a: 1e999}", "twin.yaml:1: metadata.a: must be a finite number, got 1e999"),
        ("metadata: {a: " + "9" * 5000 + "}", "is not a number that can be read"),
        ('metadata: {a: "\\ud83d"}', "contains half of a character"),
        ("metadata: {<<: 3}", "metadata: << must name a mapping, or a list of them"),
        ("\0", "twin.yaml: not valid YAML: unacceptable character"),
        ("[" * 5000, "twin.yaml:1: nested deeper than 50 levels"),
        ("x" * 1_000_001, "twin.yaml: the text is larger than 1000 kB"),
    ],
)
def test_text_that_is_no_definition_is_refused(text: str, problem: str) -> None:
    assert any(problem in found for found in problems_of(text))


def test_aliases_that_multiply_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]

    assert problems_of("\n".join(lines)) == ("twin.yaml: its aliases stand for more than 100000 values or 50 levels",)


def test_anchors_and_merge_keys_may_be_used() -> None:
    text = GOOD + "metadata:\n  base: &base {a: 1, b: 2}\n  both: {<<: *base, b: 3}\n  same: *base\n"

    assert parse_definition(text).metadata == {
        "base": {"a": 1, "b": 2},
        "both": {"a": 1, "b": 3},
        "same": {"a": 1, "b": 2},
    }


def test_numbers_are_read_as_yaml_writes_them() -> None:
    text = GOOD + "metadata: {a: 100_000, b: 0x10, c: 1e3, d: -1.5, e: 0o17, f: '7', g: 2026-02-20, h: null, i: true}"

    assert parse_definition(text).metadata == {
        "a": 100_000, "b": 16, "c": 1000.0, "d": -1.5, "e": 15, "f": "7", "g": "2026-02-20", "h": None, "i": True,
    }  # fmt: skip


def test_json_is_read_too_even_with_tabs_and_surrogate_pairs() -> None:
    data = {"name": "x", "scene": {"uri": "s3://b/c"}, "engine": {"type": "y"}, "metadata": {"a/b": "😀\t"}}

    assert parse_definition(json.dumps(data, indent="\t")).metadata == {"a/b": "😀\t"}


def test_problems_of_an_object_have_no_line() -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_definition_object({"name": "x", "engine": {"type": "y"}, "scene": {"uri": "z", "version": "three"}})

    assert caught.value.problems == ("definition: scene.version: must be a whole number, got 'three'",)


def test_an_object_nested_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(60):
        deep = [deep]

    with pytest.raises(DefinitionError, match="nested deeper than 50 levels"):
        parse_definition_object({"name": "x", "metadata": {"a": deep}})


def test_variables_are_replaced_from_the_environment() -> None:
    text = GOOD.replace("cell-7", "${SITE}-cell") + 'metadata: {plain: "$${SITE} costs $5"}'

    definition = parse_definition(text, environ={"SITE": "east"})

    assert definition.name == "east-cell"
    assert definition.metadata == {"plain": "${SITE} costs $5"}


def test_a_number_may_come_from_a_variable() -> None:
    definition = require_physical(parse_definition(GOOD.replace("500", "${HZ}"), environ={"HZ": "125"}))

    assert definition.engine.config.step_hz == 125


def test_a_variable_that_is_not_set_is_named_with_its_line() -> None:
    assert problems_of(GOOD.replace("cell-7", "${SITE}")) == (
        "twin.yaml:1: name: the environment variable SITE is not set",
    )


def test_a_malformed_variable_is_refused() -> None:
    assert "'${' must be followed by the name of a variable" in problems_of(GOOD.replace("cell-7", "'${SITE'"))[0]


def test_the_value_of_a_variable_is_never_shown() -> None:
    found = problems_of(GOOD.replace("500", "${HZ}"), HZ="hunter2")

    assert found == ("twin.yaml:7: engine.config.step_hz: must be a number, got '${HZ}'",)


def test_an_object_is_not_expanded_because_the_environment_is_the_servers() -> None:
    data = {"name": "x", "scene": {"uri": "s3://b/c"}, "engine": {"type": "y"}, "metadata": {"a": "${HOME}"}}

    assert parse_definition_object(data).metadata == {"a": "${HOME}"}


def test_relative_paths_are_meant_from_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "twin.yaml"
    file.write_text(
        GOOD + "sync: {sources: [{type: file, path: logs/a.csv, mapping: {q: /World/j.position}}]}\n", encoding="utf-8"
    )

    definition = require_physical(load_definition(file))

    assert definition.scene.uri == str(tmp_path / "cell.usda")
    (source,) = definition.sync.sources
    assert isinstance(source, FileSource)
    assert source.path == str(tmp_path / "logs" / "a.csv")


@pytest.mark.parametrize("uri", ["/abs/cell.usda", "file:///abs/cell.usda", "s3://b/cell.usda"])
def test_absolute_places_stay_as_they_are(tmp_path: Path, uri: str) -> None:
    file = tmp_path / "twin.yaml"
    file.write_text(GOOD.replace("cell.usda", uri), encoding="utf-8")

    assert require_physical(load_definition(file)).scene.uri == uri


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"Cannot read .*none\.yaml: No such file or directory\."):
        load_definition(tmp_path / "none.yaml")
    with pytest.raises(DefinitionError, match=r"Cannot read .*: Is a directory\."):
        load_definition(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: x\n# caf\xe9\n")
    with pytest.raises(DefinitionError, match=r"latin\.yaml:2: is not UTF-8 text\."):
        load_definition(latin)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 1_000_001)
    with pytest.raises(DefinitionError, match=r"huge\.yaml is larger than 1000 kB\."):
        load_definition(huge)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "twin.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert load_definition(file).name == "cell-7"


def test_the_json_schema_knows_every_definition_that_is_dumped() -> None:
    schema = definition_json_schema()

    assert set(schema["$defs"]["TwinDefinition"]["properties"]) == set(TwinDefinition.model_fields)
    references = {text.split('"')[0] for text in json.dumps(schema).split('"#/$defs/')[1:]}
    assert references <= set(schema["$defs"])


# --- the way to text and back -------------------------------------------------------------------------------------

# YAML cannot carry half a surrogate pair; everything else that Python calls text must survive.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["${X}", "$${X}", "a $$${", "null", "yes", "<<", "1e3", "0x1F", "2026-01-01", "- a", "a: b", " # c", "a\n\nb ", "~"]
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(1e-6, 1e6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | FINITE | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
LEVELS = st.from_regex(r"[a-z0-9_ .é-]{1,6}", fullmatch=True)
ADDRESSES = st.from_regex(r"(/[A-Za-z_][A-Za-z0-9_]{0,5}){1,3}\.[A-Za-z_]{1,8}(\.[xyz])?", fullmatch=True)
TARGETS = st.fixed_dictionaries(
    {"to": ADDRESSES}, optional={"role": st.sampled_from(["measurement", "input"]), "scale": POSITIVE, "offset": FINITE}
)
MQTT = st.fixed_dictionaries(
    {
        "type": st.just("mqtt"),
        "broker": st.sampled_from(["mqtt://h", "mqtts://[::1]:8883"]),
        "topic": st.just("plant/#"),
        "mapping": st.dictionaries(
            st.lists(LEVELS, min_size=1, max_size=3).map("/".join), TARGETS, min_size=1, max_size=3
        ),
    },
    optional={"username": TEXTS.filter(bool), "qos": st.sampled_from([0, 1, 2])},
)
FILE = st.fixed_dictionaries(
    {
        "type": st.just("file"),
        "path": TEXTS.filter(lambda text: bool(text.strip()) and "\0" not in text),
        "mapping": st.dictionaries(TEXTS.filter(lambda text: text != "time"), TARGETS, min_size=1, max_size=3),
    },
    optional={"speed": POSITIVE, "loop": st.booleans()},
)
SYNC = st.fixed_dictionaries(
    {},
    optional={
        "sources": st.lists(MQTT | FILE, max_size=3),
        "rate_hz": st.floats(0.1, 1000),
        "assimilation": st.sampled_from(["overwrite", "none"]) | st.floats(1e-3, 1),
        "drift_detection": st.fixed_dictionaries({"threshold": st.dictionaries(ADDRESSES, POSITIVE, max_size=2)}),
        "prediction": st.fixed_dictionaries({"horizon_s": st.lists(st.floats(0, 10), min_size=1, max_size=3)}),
    },
)
IDENTITY: dict[str, st.SearchStrategy[Any]] = {"name": NAMES}
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "metadata": st.dictionaries(TEXTS, JSON, max_size=3),
    "tags": st.lists(TEXTS.filter(bool), max_size=3),
    "created_at": st.datetimes(min_value=datetime(1980, 1, 1), timezones=st.timezones()).map(
        lambda moment: moment.isoformat()
    ),
}
PHYSICAL = st.fixed_dictionaries(
    {**IDENTITY, "scene": st.just({"uri": "s3://b/c.usda"}), "engine": st.just({"type": "anything"})},
    optional={**OPTIONAL, "sync": SYNC},
)
INFRASTRUCTURE = st.fixed_dictionaries(
    {
        **IDENTITY,
        "type": st.just("infrastructure"),
        "topology": st.fixed_dictionaries({"source": st.just("kubernetes"), "cluster": TEXTS.filter(bool)}),
    },
    optional={**OPTIONAL, "assertions": st.lists(TEXTS.filter(bool), max_size=3)},
)


@settings(max_examples=300, deadline=None)
@given(data=PHYSICAL | INFRASTRUCTURE)
def test_every_definition_comes_back_from_its_text_and_its_object(data: dict[str, Any]) -> None:
    definition: AnyDefinition = parse_definition_object(data)

    assert parse_definition(dump_definition(definition), environ={}) == definition
    assert parse_definition_object(json.loads(json.dumps(definition_object(definition)))) == definition


def test_the_dump_is_short_and_keeps_what_identifies() -> None:
    definition = parse_definition(f"id: {UUID(int=7)}\n{GOOD}")

    assert dump_definition(definition) == (
        'type: physical\nid: "00000000-0000-0000-0000-000000000007"\nname: cell-7\nscene:\n  uri: cell.usda\n'
        "engine:\n  type: anything\n  config:\n    step_hz: 500.0\n"
    )
    assert not isinstance(definition, InfrastructureTwinDefinition)
    assert math.isfinite(require_physical(definition).engine.config.step_hz)


def test_problems_found_elsewhere_get_the_lines_of_the_file() -> None:
    text = GOOD + "sync:\n  sources:\n    - type: file\n      path: a.csv\n      mapping:\n        'a: b': /World/x.y\n"
    told = DefinitionError(
        "The definition has 4 problems: …",
        hint="Look.",
        problems=[
            "body: sync.sources[0].mapping['a: b']: no such prim",
            "body: scene.uri: it cannot be loaded",
            "body: engine.config.step_hzz: unknown",
            "body: sync.rate_hz: too slow",
        ],
    )
    located = with_lines(told, read_document(text), "twin.yaml")
    assert located.problems == (
        "twin.yaml:3: scene.uri: it cannot be loaded",
        "twin.yaml:6: engine.config.step_hzz: unknown",
        "twin.yaml:8: sync.rate_hz: too slow",
        "twin.yaml:13: sync.sources[0].mapping['a: b']: no such prim",
    )
    assert located.hint == "Look."
    assert located.message.startswith("The definition has 4 problems:\n  twin.yaml:3: scene.uri")
