"""The keys of workflow.json and version.json (D-19 to D-45, SB-1 to SB-5, W-33 to W-37)."""

from collections.abc import Iterable

from orchestra.domain.definitions.functions import (
    ASSIGNMENT_POLICIES,
    CREATION_POLICIES,
    FunctionShape,
)
from orchestra.domain.definitions.shapes import (
    SLUG_PATTERN,
    Anything,
    Boolean,
    Choice,
    Key,
    ListOf,
    MapOf,
    Number,
    Object,
    OneOf,
    Shape,
    Text,
)

SLUG = Text(pattern=SLUG_PATTERN, code="bad_slug")
SLUGS = ListOf(Text(1))
POINTER = Text(pattern="^(/.+)$", code="bad_form")
WIDGETS = (
    *("text", "textarea", "markdown", "radio", "select", "checkbox", "checkboxes"),
    *("date", "file", "image", "hidden"),
)

CHANGE_TO_FORM = "is not supported any more; use 'form', or 'element' with an ES module"
POLICY_SHAPES = '{"policy_function": {"path": dotted name, "kwargs"?: object}}'
LEVEL_SHAPES = (
    '{"policy_function": {"entry_level"?: function reference, "reviewer"?: function reference}} '
    "with at least one of the levels"
)
REVIEW_SHAPES = (
    '{"policy": "no_review"} or {"policy": "sampled_review", "rate": 0 to 1, "max_reviews": 0…}'
)
CHECKS_SHAPE = (
    '{"sanity_check_function": function reference, "built_in"?: {name of a built-in check: its '
    'limits}, "check_configurations": {slug: {"handlers": [{"type": "slack_project_channel", '
    '"message": text, "steps": [slug, …]}], "repetition_seconds"?: whole number}}}; the function '
    "may be left out where built-in checks are named"
)


def _required(**shapes: Shape) -> dict[str, Key]:
    return {name: Key(shape, required=True) for name, shape in shapes.items()}


def _optional(**shapes: Shape) -> dict[str, Key]:
    return {name: Key(shape) for name, shape in shapes.items()}


def _panel(required: Iterable[str] = (), **shapes: Shape) -> Object:
    own = {name: Key(shape, required=name in required) for name, shape in shapes.items()}
    common = _required(type=Text(1)) | _optional(title=Text(), when=POINTER, unless=POINTER)
    return Object(own | common)


NAMED = _required(slug=SLUG, name=Text(1, 200), description=Text())

WORKFLOW = Object(
    NAMED
    | _optional(
        certifications=ListOf(Object(NAMED | _optional(required_certifications=SLUGS))),
        sample_data_load_function=FunctionShape(("workflow_version",)),
    )
)

REVIEW_POLICY = Choice(
    "policy",
    {
        "no_review": Object(_required(policy=Text()), "bad_policy", REVIEW_SHAPES),
        "sampled_review": Object(
            _required(policy=Text(), rate=Number(0, 1), max_reviews=Number(0, whole=True)),
            "bad_policy",
            REVIEW_SHAPES,
        ),
    },
    "bad_policy",
    REVIEW_SHAPES,
)

CREATION_POLICY = Object(
    _required(
        policy_function=FunctionShape(("prerequisites", "project_data"), built_in=CREATION_POLICIES)
    ),
    "bad_policy",
    POLICY_SHAPES,
)

ASSIGNMENT_FUNCTION = FunctionShape(("task",), built_in=ASSIGNMENT_POLICIES)
ASSIGNMENT_POLICY = Object(
    _required(
        policy_function=Object(
            _optional(entry_level=ASSIGNMENT_FUNCTION, reviewer=ASSIGNMENT_FUNCTION),
            "bad_policy",
            LEVEL_SHAPES,
            low=1,
        )
    ),
    "bad_policy",
    LEVEL_SHAPES,
)

HINTS = Object(
    _optional(
        widget=Text(choices=WIDGETS, code="bad_form"),
        help=Text(),
        placeholder=Text(),
        rows=Number(1, 100, whole=True),
        labels=MapOf(Text()),
        items_from=Object({"from": Key(POINTER, required=True)} | _required(key=Text(1))),
        when=POINTER,
        value_from=POINTER,
    )
)

FROM_PANEL = _panel(["from"], **{"from": POINTER})
PANELS = {
    "prerequisite": _panel(["step"], step=Text(1), keys=ListOf(Text(1), low=1)),
    "project_data": _panel(["keys"], keys=ListOf(Text(1), low=1)),
    **dict.fromkeys(("document", "folder", "image", "message"), FROM_PANEL),
}

UI = Object(
    _optional(
        order=ListOf(Text(1)),
        fields=MapOf(HINTS),
        show=ListOf(Choice("type", PANELS, "bad_form", ", ".join(PANELS))),
        title=Text(),
        review_title=Text(),
        intro=Text(),
        review_intro=Text(),
    )
)

INCLUDES = ListOf(Text(1))
USER_INTERFACE = OneOf(
    {
        "form": Object(_required(form=MapOf(Anything())) | _optional(ui=UI)),
        "element": Object(
            _required(
                element=Text(
                    pattern=r"^[a-z][a-z0-9._]*-[a-z0-9._-]*$",
                    code="bad_interface",
                ),
                javascript_includes=ListOf(Text(1), low=1),
            )
            | _optional(stylesheet_includes=INCLUDES, schema=MapOf(Anything()))
        ),
    },
    code="bad_interface",
    allowed="either 'form' or 'element'",
    refused=dict.fromkeys(("angular_module", "angular_directive"), CHANGE_TO_FORM),
    refused_code="old_interface",
)

EVERY_STEP = (
    NAMED
    | _optional(
        is_human=Boolean(),
        creation_depends_on=SLUGS,
        creation_policy=CREATION_POLICY,
        completion_ends_project=Boolean(),
    )
    | {
        name: Key(Anything(), no_effect=True)
        for name in ("todolist_templates_to_apply", "assignable_hours_function")
    }
)

HUMAN_STEP = Object(
    EVERY_STEP
    | _optional(
        required_certifications=SLUGS,
        review_policy=REVIEW_POLICY,
        assignment_policy=ASSIGNMENT_POLICY,
        submission_depends_on=SLUGS,
        detailed_description_function=FunctionShape(("task_details",)),
        user_interface=USER_INTERFACE,
    )
)

EXECUTION_FUNCTION = FunctionShape(("project_data", "prerequisites"), optional=("idempotency_key",))
MACHINE_STEP = Object(
    EVERY_STEP
    | {"execution_function": Key(EXECUTION_FUNCTION, required=True, missing_code="no_function")}
    | _optional(
        retry_policy=Object(
            _optional(max_attempts=Number(1, 20, whole=True), backoff_seconds=Number(0, 3600))
        ),
        time_limit_seconds=Number(1, 86400, whole=True),
        queue=Text(pattern="^[a-z0-9_-]{1,40}$"),
    )
)

STEP = Choice(
    "is_human",
    {True: HUMAN_STEP, False: MACHINE_STEP},
    code="wrong_type",
    allowed="true, false",
    default=True,
    names={True: "human steps", False: "machine steps"},
)

HANDLER = Object(
    _required(
        type=Text(choices=("slack_project_channel",)),
        message=Text(1),
        steps=ListOf(Text(1), low=1),
    )
)
CHECK_CONFIGURATION = Object(
    _required(handlers=ListOf(HANDLER, low=1)) | _optional(repetition_seconds=Number(1, whole=True))
)
STEPS_LOOKED_AT = _optional(steps=ListOf(Text(1), low=1))  # all of them, unless named
FOR_SECONDS = _required(seconds=Number(1, whole=True))
BUILT_IN_CHECKS = Object(
    _optional(
        stale_task=Object(FOR_SECONDS | STEPS_LOOKED_AT),
        review_unanswered=Object(FOR_SECONDS | STEPS_LOOKED_AT),
        project_idle=Object(FOR_SECONDS),
        nobody_eligible=Object(STEPS_LOOKED_AT),
    ),
    low=1,
)
SANITY_CHECKS = Object(
    _optional(sanity_check_function=FunctionShape(("project",)), built_in=BUILT_IN_CHECKS)
    | _required(check_configurations=MapOf(CHECK_CONFIGURATION, key=SLUG, low=1)),
    allowed=CHECKS_SHAPE,
    only_code="bad_sanity_check",
)

VERSION = Object(
    NAMED
    | _required(steps=ListOf(STEP, low=1))
    | _optional(
        sanity_checks=SANITY_CHECKS,
        abort_completion_function=FunctionShape(("project",)),
    )
)
