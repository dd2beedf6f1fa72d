"""Packs and crosswalks as files: what is refused, in which words, and that schema, pack and file say the same."""

import contextlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.framework.crosswalk import Crosswalk, against, read_crosswalk
from shared.framework.documents import (
    MOST_BYTES,
    SCHEMAS,
    Document,
    FaultyDocument,
    PackDocument,
    read_pack,
    schema_of,
    written,
)
from shared.framework.shelf import SHIPPED, shelved
from tests.builders.scoring_case import FRAMEWORK

LABEL = "small/1"


def a_pack(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(FRAMEWORK))
    return found | changes


def a_crosswalk(**changes: Any) -> dict[str, Any]:
    return {
        "crosswalk": "small-to-other",
        "version": "1",
        "licence": "CC0-1.0",
        "from": {"pack": "small", "version": "1"},
        "to": {"pack": "other", "version": "3"},
        "links": [{"from": {"code": "A", "name": "Aiming"}, "to": {"code": "X", "name": "Ex"}, "relation": "close"}],
    } | changes


def mistakes(document: object) -> tuple[str, ...]:
    with pytest.raises(FaultyDocument) as error:
        read_pack(document if isinstance(document, str | bytes) else json.dumps(document))
    assert all(mistake in str(error.value) for mistake in error.value.mistakes)
    return error.value.mistakes


def test_a_pack_survives_its_file_to_the_byte() -> None:
    assert read_pack(written(FRAMEWORK)) == FRAMEWORK
    assert written(read_pack(written(FRAMEWORK))) == written(FRAMEWORK)
    assert read_pack(b"\xef\xbb\xbf" + written(FRAMEWORK).encode()) == FRAMEWORK


@pytest.mark.parametrize("model", [PackDocument, Crosswalk])
def test_the_recorded_schema_is_that_of_the_program(model: type[Document]) -> None:
    recorded = (SCHEMAS / f"{model.kind}.schema.json").read_text(encoding="utf-8")
    assert recorded == schema_of(model), "record it: python -m tests.contracts.framework_schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(recorded))


def test_what_is_shipped_is_in_order_and_fits_the_schema() -> None:
    shelf = shelved(SHIPPED)
    assert (shelf.mistakes, shelf.notes) == ((), ())
    schema = json.loads((SCHEMAS / "pack.schema.json").read_text(encoding="utf-8"))
    for file, pack in shelf.packs:
        jsonschema.validate(json.loads(file.read_text(encoding="utf-8")), schema)
        assert file.name == f"{pack.pack}-{pack.version}.json"
        assert file.read_text(encoding="utf-8") == written(pack)


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    pack = a_pack(scale={"minimum": 5, "maximum": 1})
    pack["domains"].append({"code": "C", "name": "Caring"})
    pack["competencies"][0]["domain"] = "Z"
    pack["items"][0]["competency"] = "A11"
    pack["items"][1]["code"] = "a1K"
    assert mistakes(pack) == (
        "scale: has no width; its minimum must be below its maximum",
        "items[1].code: “a1K” is the code at items[0].code already; a code has one meaning",
        "competencies[0].domain: “Z” is not a domain of the pack",
        "items[0].competency: “A11” is not a competency of the pack; did you mean “A1”?",
        "domains[2]: “C” has no competency",
    )


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"licence": " "}, "licence: “ ” is blank"),
        ({"licence": None}, "licence: must be text in quotes"),
        ({"version": 1}, "version: “1” must be text in quotes"),
        ({"pack": "../../etc"}, "pack: “../../etc” is blank, or no code"),
        ({"owner": "x"}, "owner: is not a key that is known here"),
        ({"domains": []}, "domains: is empty; it needs at least one"),
        ({"scale": [1, 5]}, "scale: must be an object"),
        ({"scale": {"minimum": "1", "maximum": 5}}, "scale.minimum: “1” must be a number"),
        ({"scale": {"minimum": 1e400, "maximum": 5}}, "Infinity"),
        ({"licence": "CC\u0007BY"}, "licence: holds a line break or control sign"),
        (
            {"items": [{"code": "I", "competency": "A1", "statement": "x", "facet": "do"}]},
            "“do” must be “know” or “apply”",
        ),
        ({"items": [{"code": "I"}]}, "items[0].statement: is missing"),
        ({"licence": "x" * 1001}, "longer than 1,000"),
    ],
)
def test_a_mistake_of_shape_is_told_in_words(change: dict[str, Any], mistake: str) -> None:
    assert any(mistake in each for each in mistakes(a_pack(**change)))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "is not JSON"),
        ("[1, 2", "is not JSON"),
        ("[]", "the document: must be an object"),
        ("null", "the document: must be an object"),
        ('{"pack": "a", "pack": "b"}', "the key “pack” stands twice"),
        ('{"scale": NaN}', "NaN is no number"),
        ("[" * 200_000, "nests too deeply"),
        (b"\xff\xfe{}", "is not written in UTF-8"),
        (" " * (MOST_BYTES + 1), "is larger than 5 MiB"),
        ('{"pack": "\\ud800"}', "is missing"),
    ],
)
def test_what_is_no_document_at_all_is_told_as_such(text: str | bytes, mistake: str) -> None:
    assert any(mistake in each for each in mistakes(text))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(a_pack())), JSON_VALUES)
def test_anything_at_any_key_is_read_or_refused_with_words(key: str, value: Any) -> None:
    text = json.dumps(a_pack(**{key: value}))
    with contextlib.suppress(FaultyDocument):
        assert read_pack(written(read_pack(text))) == read_pack(text)


def test_a_crosswalk_is_looked_at_beside_the_packs_that_are_known() -> None:
    walk = read_crosswalk(json.dumps(a_crosswalk()))
    assert against(walk, [FRAMEWORK]) == ([], ["other/3 is not known here, so its codes were not looked at"])
    wrong = [
        {"from": {"code": "A9", "name": "x"}, "to": {"code": "X", "name": "Ex"}, "relation": "exact"},
        {"from": {"code": "A1k", "name": "x"}, "to": {"code": "X", "name": "Ex"}, "relation": "exact"},
        {"from": {"code": "B", "name": "Aiming"}, "to": {"code": "Y", "name": "Ex"}, "relation": "broader"},
    ]
    found, _ = against(read_crosswalk(json.dumps(a_crosswalk(links=wrong))), [FRAMEWORK])
    assert found == [
        "links[0].from.code: “A9” is not a domain or competency of small/1; did you mean “A”?",
        "links[1].from.code: “A1k” is an item of small/1; a crosswalk links domains and competencies",
        "links[2].from.name: B is called “Building” in small/1",
    ]


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"links": []}, "is empty"),
        ({"to": {"pack": "small", "version": "1"}}, "the same as from"),
        ({"links": a_crosswalk()["links"] * 2}, "linked by links[0] already"),
        ({"links": [{**a_crosswalk()["links"][0], "relation": "equal"}]}, "relation"),
        ({"links": [{**a_crosswalk()["links"][0], "statement": "Listens"}]}, "is not a key that is known here"),
    ],
)
def test_a_crosswalk_holds_names_and_codes_only(change: dict[str, Any], mistake: str) -> None:
    with pytest.raises(FaultyDocument) as error:
        read_crosswalk(json.dumps(a_crosswalk(**change)))
    assert mistake in str(error.value)


def test_a_shelf_tells_files_that_hold_packs_crosswalks_and_mistakes(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.json").write_text(written(FRAMEWORK))
    (tmp_path / "deep/same.json").write_text(json.dumps(a_pack()))
    (tmp_path / "other.json").write_text(json.dumps(a_pack(licence="MIT")))
    (tmp_path / "walk.json").write_text(json.dumps(a_crosswalk()))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "note.txt").write_text("not looked at")
    shelf = shelved(tmp_path)
    assert [pack.label for _, pack in shelf.packs] == [LABEL] * 3
    assert [walk.label for _, walk in shelf.crosswalks] == ["small-to-other/1"]
    told = {file.name: said for file, said in shelf.mistakes}
    assert "is not JSON" in told["broken.json"][0]
    assert "give it a version of its own" in told["other.json"][0]
    assert [file.name for file, _ in shelf.notes] == ["walk.json"]


def test_a_place_without_any_document_is_a_mistake(tmp_path: Path) -> None:
    assert shelved(tmp_path).mistakes == ((tmp_path, ("holds no .json file",)),)
    missing = tmp_path / "missing.json"
    assert "can't be read" in shelved(missing).mistakes[0][1][0]
