"""The bodies and parameters of the pages' JSON API; unknown keys are refused."""

from typing import Any

from marshmallow import Schema, fields, validate

from orchestra.domain.audit import LONGEST_REASON
from orchestra.domain.dashboard import Bucket
from orchestra.domain.information import LARGEST_ID
from orchestra.domain.lifecycle import Command
from orchestra.domain.sanity_decisions import LONGEST_SNOOZE
from orchestra.models import Role, TaskClass
from orchestra.web.api.schemas import StatusOf, Text, Whole


class Id(fields.Integer):
    """A positive whole number; in JSON texts and booleans are none, in a query it is text."""

    def __init__(self, *, in_query: bool = False, **more: Any) -> None:
        size = validate.Range(min=1, max=LARGEST_ID)
        super().__init__(strict=not in_query, validate=size, **({"required": True} | more))

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or (self.strict and not isinstance(value, int)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Data(fields.Raw):
    """Any JSON; whether it is an object is the rule's to say, after the other checks."""


def text(**more: Any) -> Text:
    return Text(**({"required": True} | more))


def optional_text(**more: Any) -> Text:
    return Text(load_default=None, allow_none=True, **more)


def explanation() -> Text:
    """Why something was done: shown to a team, kept in the history."""
    limit = validate.Length(max=LONGEST_REASON, error="At most {max} characters.")
    return optional_text(validate=limit)


class Nothing(Schema):
    pass


class DashboardQuery(Schema):
    bucket = fields.Enum(Bucket, by_value=True, load_default=None)
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))


class TaskQuery(Schema):
    task_id = Id(in_query=True)


class EligibleQuery(TaskQuery):
    level = fields.Integer(load_default=None, validate=validate.Range(min=0, max=1_000_000))


class TaskBody(Schema):
    task_id = Id()


class Draft(TaskBody):
    task_data = Data(required=True)
    revision = Id()


class Remark(Schema):
    text = text()
    pointer = optional_text()


class HandOver(Draft):
    command_type = fields.Enum(Command, by_value=True, required=True)
    comment = optional_text()
    remarks = fields.List(fields.Nested(Remark), load_default=list)


class FormData(TaskBody):
    task_data = Data(required=True)


class NewProject(Schema):
    workflow_slug = text()
    workflow_version_slug = text()
    description = text()
    priority = Whole(required=True)
    task_class = fields.Enum(TaskClass, by_value=True, required=True)
    project_data = fields.Dict(keys=fields.String(), load_default=dict)


class ProjectBody(Schema):
    project_id = Id()


class AssignTask(TaskBody):
    worker_username = text()


class AssignmentBody(Schema):
    assignment_id = Id()


class Reassign(AssignmentBody):
    worker_username = text()


class RequestBody(Schema):
    request_id = Id()


class SkipTask(TaskBody):
    note = explanation()


class RevertTask(TaskBody):
    iteration_id = Id(required=False, load_default=None, allow_none=True)
    revert_before = fields.Boolean(load_default=False)
    commit = fields.Boolean(load_default=False)


class SetStatus(ProjectBody):
    status = StatusOf(required=True)
    reason = explanation()


class CheckBody(ProjectBody):
    check_slug = text()


class MuteCheck(CheckBody):
    muted = fields.Boolean(required=True, truthy={True}, falsy={False})


class SnoozeCheck(CheckBody):
    seconds = Whole(
        required=True, allow_none=True, validate=validate.Range(min=1, max=LONGEST_SNOOZE)
    )


class ResolveCheck(CheckBody):
    resolved = fields.Boolean(required=True, truthy={True}, falsy={False})


class MessageTeam(ProjectBody):
    message = text()


class EditProject(ProjectBody):
    revision = Id()
    short_description = Text()
    priority = Whole()
    project_data = fields.Dict(keys=fields.String())


class RetryMachineTask(TaskBody):
    project_data = fields.Dict(keys=fields.String(), load_default=None)
    revision = Id(required=False, load_default=None)


class SkipMachineTask(TaskBody):
    data = Data(required=True)


class CertificationOfWorker(Schema):
    worker_username = text()
    workflow_slug = text()
    certification_slug = text()
    role = fields.Enum(Role, by_value=True, required=True)
    task_class = fields.Enum(TaskClass, by_value=True, required=True)


class GrantCertification(CertificationOfWorker):
    staffbot_enabled = fields.Boolean(load_default=None, truthy={True}, falsy={False})
    staffing_priority = Whole(
        load_default=None, validate=validate.Range(min=-1_000_000, max=1_000_000)
    )
