"""Reading and validating definitions (specification D-1 to D-45, SB-1 to SB-5, W-32 to W-38)."""

import json
import re
from contextlib import suppress

import pytest
from jsonschema import Draft202012Validator

from orchestra.domain import definitions
from orchestra.domain.definitions import functions, json_schema
from orchestra.domain.graph import Graph
from orchestra.errors import Invalid, InvalidDefinition, NotFound
from tests.definition_files import Draft

CRAWL, WRITE = 0, 1


def refusal(folder):
    """The words in which a package in a folder is refused."""
    with pytest.raises(InvalidDefinition) as caught:
        definitions.read_package(folder)
    return caught.value.problems


def problems(draft):
    """(pointer, code) of every problem of the draft's files."""
    with pytest.raises(InvalidDefinition) as caught:
        definitions.read_package(draft.write())
    found = [re.fullmatch(r"([^#]*)#(\S*): (.*) \[(\w+)\]", p) for p in caught.value.problems]
    assert all(found), caught.value.problems
    return [(match[2], match[4]) for match in found]


def messages(draft):
    with pytest.raises(InvalidDefinition) as caught:
        definitions.read_package(draft.write())
    return caught.value.problems


def test_a_good_package_is_read_with_its_versions(draft):
    package = definitions.read_package(draft.write())

    assert (package.slug, list(package.versions), package.warnings) == ("magazine", ["v1"], [])


def test_a_problem_names_file_pointer_message_and_code(draft):
    """D-9"""
    draft.steps[WRITE]["review_policy"] = {"policy": "sampled_review", "rate": 2, "max_reviews": 1}

    assert messages(draft) == [
        f"{draft.name}/v1/version.json#/steps/1/review_policy/rate: "
        "must be a number from 0 to 1, is 2 [out_of_range]"
    ]


def test_all_problems_of_all_files_are_reported_together(draft):
    """D-8"""
    draft.workflow["name"] = 5
    draft.versions["v1"]["extra"] = 1
    draft.versions["v2"] = {"slug": "v2"}

    assert problems(draft) == [
        ("/name", "wrong_type"),
        ("/extra", "unknown_key"),
        ("", "missing_key"),
        ("", "missing_key"),
        ("", "missing_key"),
    ]


def test_an_unknown_key_offers_the_nearest_known_one(draft):
    """D-10"""
    draft.steps[WRITE]["creation_depends_upon"] = []

    assert "did you mean 'creation_depends_on'?" in messages(draft)[0]


def test_keys_for_tools_are_ignored_everywhere(draft):
    """D-10"""
    for place in (draft.workflow, draft.versions["v1"], *draft.steps):
        place |= {"$schema": "a", "x-note": "b"}

    assert definitions.read_package(draft.write())


def test_keys_without_effect_and_the_default_form_give_warnings(draft):
    """D-11, D-25"""
    draft.steps[CRAWL]["todolist_templates_to_apply"] = []
    del draft.steps[WRITE]["user_interface"]

    first, second = definitions.read_package(draft.write()).warnings
    assert first.endswith(
        "/steps/0/todolist_templates_to_apply: 'todolist_templates_to_apply' has no effect yet"
    )
    assert "/steps/1: has no user_interface" in second


WORKFLOW_CHANGES = [
    (lambda w: w.pop("slug"), "", "missing_key"),
    (lambda w: w.update(slug="Bad Slug"), "/slug", "bad_slug"),
    (lambda w: w.update(slug="good\n"), "/slug", "bad_slug"),
    (lambda w: w.update(name=""), "/name", "out_of_range"),
    (lambda w: w.update(name="a" * 201), "/name", "out_of_range"),
    (lambda w: w.update(description="a\0"), "/description", "out_of_range"),
    (lambda w: w.update(certifications={}), "/certifications", "wrong_type"),
    (
        lambda w: w["certifications"][1].update(slug="editor", required_certifications=[]),
        "/certifications/1/slug",
        "duplicate_slug",
    ),
    (
        lambda w: w["certifications"][1].update(required_certifications=["edtor"]),
        "/certifications/1/required_certifications/0",
        "unknown_certification",
    ),
    (
        lambda w: w["certifications"][1].update(required_certifications=["writer"]),
        "/certifications/1/required_certifications/0",
        "self_dependency",
    ),
    (
        lambda w: w["certifications"][1].update(required_certifications=["editor", "editor"]),
        "/certifications/1/required_certifications/1",
        "duplicate_entry",
    ),
    (
        lambda w: w["certifications"][0].update(required_certifications=["writer"]),
        "/certifications",
        "cycle",
    ),
    (
        lambda w: w.update(sample_data_load_function={"path": "{package}.functions.narrow"}),
        "/sample_data_load_function/path",
        "bad_signature",
    ),
]


@pytest.mark.parametrize(("change", "pointer", "code"), WORKFLOW_CHANGES)
def test_each_offence_in_workflow_json_has_its_code(draft, change, pointer, code):
    """D-18 to D-22"""
    draft.steps[WRITE]["required_certifications"] = []
    change(draft.workflow)

    assert problems(draft) == [(pointer, code)]


def policy(function, **kwargs):
    return {"policy_function": {"path": function, "kwargs": kwargs}}


def levels(function, **kwargs):
    return {"policy_function": {"entry_level": {"path": function, "kwargs": kwargs}}}


KWARGS = "/steps/1/assignment_policy/policy_function/entry_level/kwargs"
STEP_CHANGES = [
    (WRITE, {"slug": 5}, "/steps/1/slug", "wrong_type"),
    (CRAWL, {"is_human": "no"}, "/steps/0/is_human", "wrong_type"),
    (
        CRAWL,
        {"review_policy": {"policy": "no_review"}},
        "/steps/0/review_policy",
        "wrong_step_kind",
    ),
    (WRITE, {"queue": "slow"}, "/steps/1/queue", "wrong_step_kind"),
    (CRAWL, {"queue": "Slow!"}, "/steps/0/queue", "out_of_range"),
    (CRAWL, {"time_limit_seconds": 0}, "/steps/0/time_limit_seconds", "out_of_range"),
    (CRAWL, {"time_limit_seconds": 1.5}, "/steps/0/time_limit_seconds", "wrong_type"),
    (CRAWL, {"time_limit_seconds": True}, "/steps/0/time_limit_seconds", "wrong_type"),
    (
        CRAWL,
        {"retry_policy": {"max_attempts": 21}},
        "/steps/0/retry_policy/max_attempts",
        "out_of_range",
    ),
    (WRITE, {"creation_depends_on": ["crwl"]}, "/steps/1/creation_depends_on/0", "unknown_step"),
    (
        WRITE,
        {"creation_depends_on": ["write"]},
        "/steps/1/creation_depends_on/0",
        "self_dependency",
    ),
    (
        WRITE,
        {"submission_depends_on": ["crawl", "crawl"]},
        "/steps/1/submission_depends_on/1",
        "duplicate_entry",
    ),
    (CRAWL, {"creation_depends_on": ["write"]}, "/steps", "cycle"),
    (
        WRITE,
        {"required_certifications": ["righter"]},
        "/steps/1/required_certifications/0",
        "unknown_certification",
    ),
    (
        WRITE,
        {"review_policy": {"policy": "sampled_review", "rate": 1}},
        "/steps/1/review_policy",
        "bad_policy",
    ),
    (
        WRITE,
        {"review_policy": {"policy": "no_review", "rate": 1}},
        "/steps/1/review_policy",
        "bad_policy",
    ),
    (WRITE, {"review_policy": {"policy": "always"}}, "/steps/1/review_policy", "bad_policy"),
    (WRITE, {"review_policy": {}}, "/steps/1/review_policy", "bad_policy"),
    (WRITE, {"creation_policy": {}}, "/steps/1/creation_policy", "bad_policy"),
    (
        WRITE,
        {"creation_policy": policy("{package}.functions.is_wanted", most=1)},
        "/steps/1/creation_policy/policy_function/kwargs",
        "bad_signature",
    ),
    (
        WRITE,
        {"assignment_policy": {"policy_function": {}}},
        "/steps/1/assignment_policy/policy_function",
        "bad_policy",
    ),
    (
        WRITE,
        {"assignment_policy": levels(functions.ALWAYS_CREATE)},
        KWARGS.replace("kwargs", "path"),
        "bad_policy",
    ),
    (WRITE, {"assignment_policy": levels(functions.SPECIFIED_WORKER)}, KWARGS, "bad_policy"),
    (
        WRITE,
        {"assignment_policy": levels(functions.STAFFBOT_AUTOASSIGN, a=1)},
        KWARGS,
        "bad_policy",
    ),
    (
        WRITE,
        {"assignment_policy": levels(functions.PREVIOUSLY_COMPLETED_STEPS, related_steps=["no"])},
        KWARGS + "/related_steps/0",
        "unknown_step",
    ),
    (
        WRITE,
        {
            "assignment_policy": levels(
                functions.PREVIOUSLY_COMPLETED_STEPS, related_steps=["crawl"]
            )
        },
        KWARGS + "/related_steps/0",
        "bad_policy",
    ),
    (
        WRITE,
        {"assignment_policy": levels("orchestra.assignment_policies.anyone")},
        KWARGS.replace("kwargs", "path"),
        "cannot_import",
    ),
    (WRITE, {"user_interface": {}}, "/steps/1/user_interface", "bad_interface"),
    (
        WRITE,
        {"user_interface": {"form": {"type": "object"}, "element": "x-y"}},
        "/steps/1/user_interface",
        "bad_interface",
    ),
    (
        WRITE,
        {"user_interface": {"angular_module": "a"}},
        "/steps/1/user_interface/angular_module",
        "old_interface",
    ),
    (
        WRITE,
        {"user_interface": {"element": "x-y", "javascript_includes": ["x.js"]}},
        "/steps/1/user_interface/javascript_includes/0",
        "missing_static",
    ),
    (
        WRITE,
        {"user_interface": {"element": "x-y", "javascript_includes": ["../version.json"]}},
        "/steps/1/user_interface/javascript_includes/0",
        "missing_static",
    ),
    (WRITE, {"user_interface": {"element": "x-y"}}, "/steps/1/user_interface", "missing_key"),
]


@pytest.mark.parametrize(("step", "change", "pointer", "code"), STEP_CHANGES)
def test_each_offence_in_a_step_has_its_code(draft, step, change, pointer, code):
    """D-18, D-24 to D-45"""
    draft.steps[step] |= change

    assert problems(draft) == [(pointer, code)]


def test_a_machine_step_needs_a_function(draft):
    del draft.steps[CRAWL]["execution_function"]

    assert problems(draft) == [("/steps/0/execution_function", "no_function")]


def test_a_cycle_lists_its_members_in_order(draft):
    """D-29: both kinds of dependency count."""
    step = {"name": "S", "description": "S", "user_interface": {"form": {"type": "object"}}}
    draft.versions["v1"]["steps"] = [
        step | {"slug": "a", "creation_depends_on": ["c"]},
        step | {"slug": "b", "creation_depends_on": ["a"]},
        step | {"slug": "c", "submission_depends_on": ["b"]},
    ]

    (message,) = messages(draft)
    members = re.search(r": (\w) → (\w) → (\w) → \1 \[cycle\]", message)
    assert members
    assert "".join(members.groups()) in "abcab"


@pytest.mark.parametrize(
    ("path", "code", "cause"),
    [
        ("{package}.functions.craw", "cannot_import", "did you mean 'crawl'?"),
        ("{package}.nowhere.crawl", "cannot_import", "No module named"),
        ("json.v1.crawl", "cannot_import", "No module named 'json.v1'; json is /"),
        ("{package}.broken.crawl", "cannot_import", "ZeroDivisionError: division by zero"),
        ("{package}.leaving.crawl", "cannot_import", "SystemExit"),
        ("crawl", "cannot_import", "must be a dotted name"),
        ("magazine.2024.crawl", "cannot_import", "'2024' is no name in Python"),
        ("{package}.functions.NUMBER", "not_callable", "is whole number"),
        ("{package}.functions.narrow", "bad_signature", "too many positional arguments"),
    ],
)
def test_a_function_that_cannot_be_called_is_named_with_the_cause(draft, path, code, cause):
    """D-14, D-15"""
    draft.steps[CRAWL]["execution_function"] = {"path": path}
    draft.file("broken.py", "1 / 0")
    draft.file("leaving.py", "import sys\nsys.exit(1)")

    (message,) = messages(draft)
    assert path.replace("{package}", draft.name) in message
    assert cause in message
    assert message.endswith(f"[{code}]")


def test_a_machine_function_may_take_an_idempotency_key(draft):
    """L-130"""
    draft.steps[CRAWL]["execution_function"] = {"path": "{package}.functions.keyed"}

    assert definitions.read_package(draft.write())


def test_a_function_is_resolved_by_its_dotted_name_at_run_time():
    """D-56"""
    assert functions.resolve("json.dumps") is json.dumps
    with pytest.raises(
        Invalid, match=r"json\.dump_it cannot be imported: module json has no"
    ) as it:
        functions.resolve("json.dump_it")
    assert "restart the worker processes" in it.value.message
    with pytest.raises(Invalid, match="is text, not a function"):
        functions.resolve("json.__name__")


def test_it_can_be_told_whether_a_function_accepts_a_keyword():
    assert functions.accepts(json.dumps, "indent")
    assert not functions.accepts(len, "obj")  # positional only
    assert functions.accepts(dict, "anything")  # does not tell its signature


FORM = "/steps/1/user_interface/form"
FORM_CHANGES = [
    ({"type": "array", "items": {"type": "string"}}, "/type"),
    ({"type": "object", "oneOf": []}, "/oneOf"),
    ({"type": "object", "anyOf": [{}]}, "/anyOf"),
    ({"type": "object", "properties": {"a": {"type": "text"}}}, "/properties/a/type"),
    ({"type": "object", "properties": {"a": {}}}, "/properties/a"),
    ({"type": "object", "properties": {"a": True}}, "/properties/a"),
    (
        {"type": "object", "properties": {"a": {"type": "number", "minLength": 1}}},
        "/properties/a/minLength",
    ),
    (
        {"type": "object", "properties": {"a": {"type": "string", "format": "time"}}},
        "/properties/a/format",
    ),
    (
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}},
        "/properties/a/pattern",
    ),
    (
        {"type": "object", "properties": {"a": {"type": "string", "minLength": -1}}},
        "/properties/a/minLength",
    ),
    ({"type": "object", "properties": {"a": {"type": "array"}}}, "/properties/a"),
    (
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "number"}}}},
        "/properties/a/items",
    ),
    ({"type": "object", "required": ["b"]}, "/required/0"),
]


@pytest.mark.parametrize(("schema", "pointer"), FORM_CHANGES)
def test_a_form_outside_the_vocabulary_is_refused_with_its_pointer(draft, schema, pointer):
    """D-42, W-32"""
    draft.steps[WRITE]["user_interface"] = {"form": schema}

    found = problems(draft)
    assert {code for _, code in found} == {"bad_form"}
    assert FORM + pointer in [where for where, _ in found]


UI = "/steps/1/user_interface/ui"
UI_CHANGES = [
    ({"orders": []}, "/orders", "unknown_key"),
    ({"order": ["titel"]}, "/order/0", "bad_form"),
    ({"fields": {"/titel": {}}}, "/fields/~1titel", "bad_form"),
    ({"fields": {"/title": {"widget": "slider"}}}, "/fields/~1title/widget", "bad_form"),
    ({"fields": {"/title": {"colour": "red"}}}, "/fields/~1title/colour", "unknown_key"),
    ({"fields": {"/rating": {"labels": {"9": "nine"}}}}, "/fields/~1rating/labels/9", "bad_form"),
    (
        {"fields": {"/title": {"value_from": "/project_data/a"}}},
        "/fields/~1title/value_from",
        "bad_form",
    ),
    (
        {"fields": {"/photos": {"items_from": {"from": "/crawl/a", "key": "b"}}}},
        "/fields/~1photos/items_from/key",
        "bad_form",
    ),
    (
        {"fields": {"/title": {"items_from": {"from": "/crawl/a", "key": "b"}}}},
        "/fields/~1title/items_from",
        "bad_form",
    ),
    ({"fields": {"/title": {"when": "/crwl/a"}}}, "/fields/~1title/when", "unknown_step"),
    ({"show": [{"type": "video"}]}, "/show/0", "bad_form"),
    ({"show": [{"type": "prerequisite", "step": "crwl"}]}, "/show/0/step", "unknown_step"),
    ({"show": [{"type": "project_data"}]}, "/show/0", "missing_key"),
    (
        {"show": [{"type": "image", "from": "/prerequisites/no/image"}]},
        "/show/0/from",
        "unknown_step",
    ),
    ({"fields": {"/title": {"when": "crawl"}}}, "/fields/~1title/when", "bad_form"),
]


@pytest.mark.parametrize(("ui", "pointer", "code"), UI_CHANGES)
def test_hints_that_name_nothing_are_refused(draft, ui, pointer, code):
    """W-33 to W-38"""
    draft.steps[WRITE]["user_interface"]["ui"] = ui

    assert problems(draft) == [(UI + pointer, code)]


def test_hints_for_the_items_of_a_list_are_accepted(draft):
    draft.steps[WRITE]["user_interface"]["ui"] = {
        "order": ["rating", "title"],
        "fields": {
            "/photos/*/src": {"widget": "image"},
            "/photos": {"items_from": {"from": "/prerequisites/crawl/photos", "key": "src"}},
            "/rating": {"widget": "radio", "labels": {"1": "bad"}},
        },
        "show": [{"type": "prerequisite", "step": "crawl", "title": "Page"}],
    }

    assert definitions.read_package(draft.write())


def test_the_schema_of_an_element_may_not_refer_outside(draft):
    """D-44"""
    draft.file("static/x.js", "")
    draft.steps[WRITE]["user_interface"] = {
        "element": "photo-desk",
        "javascript_includes": ["x.js"],
        "schema": {"$ref": "https://example.org/schema.json"},
    }

    assert problems(draft) == [("/steps/1/user_interface/schema/$ref", "bad_form")]


def sanity(**changes):
    handler = {"type": "slack_project_channel", "message": "late", "steps": ["write"]}
    return {
        "sanity_check_function": {"path": "{package}.functions.find_problems"},
        "check_configurations": {"late": {"handlers": [handler | changes]}},
    }


def without_function():
    return {key: value for key, value in sanity().items() if key != "sanity_check_function"}


def built_in(limits, slug="late"):
    """Checks by built-in ones only, with one configuration."""
    configurations = {slug: sanity()["check_configurations"]["late"]}
    return {"built_in": limits, "check_configurations": configurations}


LATE = "/sanity_checks/check_configurations/late"


@pytest.mark.parametrize(
    ("checks", "pointer"),
    [
        ({}, "/sanity_checks"),
        (sanity() | {"check_configurations": {}}, "/sanity_checks/check_configurations"),
        (sanity(type="mail"), LATE + "/handlers/0/type"),
        (sanity(message=""), LATE + "/handlers/0/message"),
        (sanity(steps=[]), LATE + "/handlers/0/steps"),
        (sanity(steps=["rite"]), LATE + "/handlers/0/steps/0"),
        (sanity(colour="red"), LATE + "/handlers/0/colour"),
        (without_function(), "/sanity_checks"),
        (built_in({}), "/sanity_checks/built_in"),
        (built_in({"late": {}}), "/sanity_checks/built_in/late"),
        (built_in({"stale_task": {}}), "/sanity_checks/built_in/stale_task"),
        (built_in({"nobody_eligible": {}}), "/sanity_checks/built_in/nobody_eligible"),
        (
            built_in({"project_idle": {"seconds": 0}}),
            "/sanity_checks/built_in/project_idle/seconds",
        ),
        (
            built_in({"nobody_eligible": {"steps": ["crawl"]}}),
            "/sanity_checks/built_in/nobody_eligible/steps/0",
        ),
    ],
)
def test_sanity_checks_have_their_shape(draft, checks, pointer):
    """SB-1 to SB-5; a built-in check that is switched on says what is done, and looks at people"""
    draft.versions["v1"]["sanity_checks"] = checks

    assert (pointer, "bad_sanity_check") in problems(draft)


@pytest.mark.parametrize("checks", [sanity(), {}], ids=["by a function", "built in"])
def test_good_sanity_checks_are_accepted(draft, checks):
    """SB-2: whoever uses built-in checks only needs no function of their own."""
    limits = {"project_idle": {"seconds": 60}}
    draft.versions["v1"]["sanity_checks"] = checks or built_in(limits, slug="project_idle")

    assert definitions.read_package(draft.write())


def test_slug_and_folder_of_a_version_agree(draft):
    draft.versions["v1"]["slug"] = "v2"

    assert problems(draft) == [("/slug", "slug_mismatch")]


def test_a_syntax_error_names_file_line_and_column(draft):
    """D-6"""
    folder = draft.write()
    draft.file("v1/version.json", '{\n  "slug": }')

    assert refusal(folder) == [f"{draft.name}/v1/version.json:2:11: Expecting value [bad_json]"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"rate": NaN}', "1:10: NaN is not JSON"),
        (b'{"a": "\xc3\xa4",\n "\xff": 1}', "2:3: the byte 0xff is not UTF-8; save the file as"),
        (b"\xef\xbb\xbf{}", "1:1: begins with a byte order mark; save the file as UTF-8 without"),
        (b"[" * 100_000, "1:1: is nested too deeply"),
        (b"9" * 5000, "1:1: Exceeds the limit"),
    ],
)
def test_what_is_not_json_in_utf_8_is_refused_with_its_place(draft, text, problem):
    """D-6"""
    folder = draft.write()
    (folder / "v1/version.json").write_bytes(text)

    (found,) = refusal(folder)
    assert found.startswith(f"{draft.name}/v1/version.json:{problem}")
    assert found.endswith("[bad_json]")


def test_a_key_that_is_there_twice_is_refused_with_its_place(draft):
    """D-6: else the first would be lost without a word."""
    folder = draft.write()
    draft.file("v1/version.json", '{"slug": "v1", "steps": [{"slug": "a"}, {"x": 1, "x": 2}]}')

    assert refusal(folder) == [
        f"{draft.name}/v1/version.json#/steps/1: the key 'x' is there twice [bad_json]"
    ]


def test_a_long_value_is_cut_in_the_message(draft):
    """D-9"""
    draft.workflow["name"] = "x" * 300

    (message,) = messages(draft)
    assert message.endswith("xxx… [out_of_range]")
    assert len(message) < 200


def test_a_schema_that_is_none_is_told_once_for_each_place(draft):
    """D-8, D-42"""
    properties = {"a": 5, "b": {"type": "string", "maxLength": -1}}
    draft.steps[WRITE]["user_interface"] = {"form": {"type": "object", "properties": properties}}

    place = "/steps/1/user_interface/form/properties"
    assert sorted(problems(draft)) == [
        (f"{place}/a", "bad_form"),
        (f"{place}/b/maxLength", "bad_form"),
    ]


def test_what_follows_from_a_broken_workflow_file_is_not_told_of_its_versions(draft):
    """D-8"""
    folder = draft.write()
    draft.file("workflow.json", "[]")

    assert refusal(folder) == [f"{draft.name}/workflow.json#: must be object, is list [wrong_type]"]


@pytest.mark.parametrize("text", ["[]", "null", '{"steps": [1, null, []]}', '{"steps": {}}'])
def test_files_of_a_wholly_other_shape_give_problems_and_no_crash(draft, text):
    folder = draft.write()
    draft.file("v1/version.json", text)

    with pytest.raises(InvalidDefinition):
        definitions.read_package(folder)


def test_a_package_without_a_version_is_refused(draft):
    """D-4"""
    draft.versions = {}

    assert messages(draft)[0].startswith(f"{draft.folder}: no version folder")


def test_versions_are_told_in_the_order_in_which_people_count(tmp_path):
    """D-4"""
    for slug in ("v10", "v2", "v1", "v2-b", "2026-1", "draft", "v10a", "notes"):
        (tmp_path / slug).mkdir()
        if slug != "notes":
            (tmp_path / slug / "version.json").touch()

    told = definitions.version_slugs(tmp_path)

    assert told == ["2026-1", "draft", "v1", "v2", "v2-b", "v10", "v10a"]


def test_packages_are_found_in_folders_and_by_name(draft, tmp_path):
    """D-2"""
    folder = draft.write()
    (tmp_path / "not_a_package").mkdir()

    assert definitions.find_packages([tmp_path]) == [folder]
    assert definitions.find_packages([], [draft.name]) == [folder]
    assert definitions.find_packages([tmp_path / "absent"]) == []
    with pytest.raises(InvalidDefinition, match=r"no_such_package.*\[missing_file\]"):
        definitions.find_packages([], ["no_such_package"])


def test_two_packages_of_one_slug_are_both_named(draft, tmp_path):
    """D-5"""
    other = Draft(tmp_path)
    packages = [draft.write(), other.write()]

    with pytest.raises(InvalidDefinition) as caught:
        definitions.find_package(packages, "magazine")

    assert str(draft.folder) in str(caught.value)
    assert str(other.folder) in str(caught.value)


def test_an_unknown_workflow_offers_the_nearest(draft):
    with pytest.raises(NotFound, match="did you mean 'magazine'"):
        definitions.find_package([draft.write()], "magasine")


def test_static_files_are_looked_up_in_the_version_first(draft):
    """D-7"""
    folder = draft.write()
    draft.file("static/x.js", "package")
    assert definitions.find_static(folder, "v1", "x.js").read_text() == "package"
    draft.file("v1/static/x.js", "version")
    assert definitions.find_static(folder, "v1", "x.js").read_text() == "version"
    assert definitions.find_static(folder, "v1", "../version.json") is None


@pytest.mark.parametrize("file_name", json_schema.FORMATS)
def test_the_shipped_json_schemas_agree_with_the_table(file_name):
    """D-16; after a change of the table run ``json_schema.write_schemas()``."""
    shipped = json.loads((json_schema.FOLDER / file_name).read_text(encoding="utf-8"))

    assert shipped == json_schema.schema_of(file_name)
    Draft202012Validator.check_schema(shipped)


def test_a_good_package_passes_the_json_schemas_and_a_bad_one_does_not(draft):
    """D-17"""
    version = Draft202012Validator(json_schema.schema_of("version.schema.json"))
    workflow = Draft202012Validator(json_schema.schema_of("workflow.schema.json"))

    assert workflow.is_valid(draft.workflow)
    assert version.is_valid(draft.versions["v1"])
    draft.steps[CRAWL]["review_policy"] = {"policy": "no_review"}
    assert not version.is_valid(draft.versions["v1"])


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else ()
    for key, child in enumerate(value) if isinstance(value, list) else children:
        yield from places(child, (*path, key))


@pytest.mark.parametrize("wrong", [None, True, 1, "x", [], {}, [{}], {"x": [1]}], ids=repr)
def test_no_value_in_no_place_breaks_the_validation(draft, wrong):
    """D-8: a problem is a problem, never a crash; what passes can be read as a graph."""
    draft.steps[WRITE]["assignment_policy"] = levels(
        functions.PREVIOUSLY_COMPLETED_STEPS, related_steps=["write"]
    )
    draft.steps[WRITE]["user_interface"]["ui"] = {
        "order": ["title"],
        "fields": {"/photos": {"items_from": {"from": "/crawl/a", "key": "src"}}},
        "show": [{"type": "prerequisite", "step": "crawl"}],
    }
    checks = sanity() | {"built_in": {"stale_task": {"seconds": 60, "steps": ["write"]}}}
    checks["check_configurations"]["stale_task"] = checks["check_configurations"]["late"]
    draft.versions["v1"]["sanity_checks"] = checks
    folder = draft.write()
    good = json.dumps(draft.versions["v1"])

    for *parents, key in list(places(json.loads(good)))[1:]:
        version = parent = json.loads(good)
        for step in parents:
            parent = parent[step]
        parent[key] = wrong
        draft.file("v1/version.json", json.dumps(version))
        with suppress(InvalidDefinition):
            Graph.from_json(definitions.read_package(folder).versions["v1"])
