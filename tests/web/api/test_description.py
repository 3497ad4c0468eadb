"""The OpenAPI document and its page (A-7)."""

import json
import re

import jsonschema

from orchestra.web.api.projects import blueprint


def test_every_call_is_in_the_document(app, document):
    called = {
        (rule.rule, method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{blueprint.name}.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method) for path, operations in document["paths"].items() for method in operations
    }
    assert called == described


def test_every_call_answers_with_and_without_slash_and_never_redirects(client, document):
    """A-1, A-3: whoever has not signed is refused, at either address"""
    for path, operations in document["paths"].items():
        for method in operations:
            for address in (path, path.rstrip("/")):
                assert client.open(address, method=method).status_code == 401


def test_the_document_is_of_openapi_3_1_and_complete(document):
    assert document["openapi"] == "3.1.0"
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names <= set(document["components"]["schemas"])
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_examples_are_what_they_are_examples_of(document):
    for schema in document["components"]["schemas"].values():
        if "example" in schema:
            whole = schema | {"components": document["components"]}
            jsonschema.Draft202012Validator(whole).validate(schema["example"])


def test_every_error_of_the_document_is_one_of_ours(document):
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"200", "400", "401", "429", "500", "503"} <= set(operation["responses"])


def test_the_page_shows_every_call_and_loads_nothing_from_outside(client, document):
    page = client.get("/orchestra/api/docs").text
    for path, operations in document["paths"].items():
        assert path in page
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                assert f"<li><code>{parameter['name']}</code>: " in page
    assert "<code>project_created</code>, <code>task_created</code>" in page
    assert "<code>real</code>, <code>training</code>." in page
    assert "<code>next_cursor</code> of the page before." in page
    outside = re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page)
    assert outside == []
