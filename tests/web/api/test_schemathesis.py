"""Whatever is sent to the API, it answers as its document says: no fault of ours, nothing that is not written down."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.web.access.keys import Scope, issue_key

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def document(site):
    """The API's own document, with the application behind it."""
    return schemathesis.openapi.from_asgi("/openapi.json", site.app)


@pytest.fixture
def all_scopes(sessions, brand):
    """A key that may do everything."""
    with sessions.begin() as session:
        return issue_key(session, brand.id, "tests", [scope.value for scope in Scope])


@pytest.mark.parametrize("examples", [12, pytest.param(300, marks=[pytest.mark.sweep, pytest.mark.timeout(1800)])])
def test_every_answer_is_written_down(document, all_scopes, examples):
    """Made-up calls of every operation with a key for everything; the document says what may come back."""
    few = settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    faults, tried = [], 0
    for operation in (found.ok() for found in document.get_all_operations()):

        @few
        @given(case=operation.as_strategy())
        def holds(case):
            case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {all_scopes}"}, timeout=300)

        tried += 1
        try:
            holds()
        except (FailureGroup, Failure) as error:
            faults.append(f"{operation.label}: {error}")
    assert tried > 40
    assert not faults, "\n\n".join(faults)
