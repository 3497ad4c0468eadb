"""Requests that nobody thought of, made from the document (A-7)."""

import json
from urllib.parse import urlencode

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, strategies
from schemathesis.core import NotSet

EXAMPLES = 25


@pytest.mark.timeout(120)
def test_whatever_is_sent_the_answer_is_one_of_the_document(strict, body, document):
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        fuzz(found.ok(), strict)


def fuzz(operation, signed):
    good, bad = (
        operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    )

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=good | bad, ending=strategies.sampled_from(["", "/"]))
    def send(case, ending):
        path = case.formatted_path.rstrip("/") + ending
        if case.query:
            path += f"?{urlencode(case.query, doseq=True)}"
        response = signed.send(signed.request(case.method.upper(), path, content_of(case.body)))
        assert response.status_code < 500

    send()


def content_of(body):
    if isinstance(body, NotSet):
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()
