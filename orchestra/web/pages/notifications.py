"""What people want to be told beside the inbox, how and when (M-14 to M-17, W-67)."""

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import preferences, quiet_hours
from orchestra.domain.preferences import Choice, Choices, Way
from orchestra.domain.quiet_hours import NOT_A_TIME, Times
from orchestra.errors import Invalid
from orchestra.web import auth
from orchestra.web.pages import account_forms
from orchestra.web.pages.account_forms import Sheet, typed

PAGE = "/orchestra/accounts/communication_preference_settings"
blueprint = Blueprint("notifications", __name__, url_prefix=PAGE)
auth.guard_pages(blueprint)

YES = "yes"
TIMES = ("quiet_from", "quiet_until", "digest_at")
USUAL_DIGEST = "17:00"


@blueprint.get("/")
def show() -> ResponseReturnValue:
    worker = auth.current_worker()
    with reading() as session:
        chosen = preferences.choices(session, worker.id)
    values = Times.of(worker).as_text()
    values["daily"] = YES if values["digest_at"] else ""
    return _form(Sheet(values), chosen)


@blueprint.post("/")
def choose() -> ResponseReturnValue:
    wanted = {choice: _name(choice) in request.form for choice in _offered()}
    values = {name: typed(name) for name in (*TIMES, "daily")}
    refusal = account_forms.refusal(
        lambda sheet: _form(sheet, wanted), values, lambda: _store(wanted, _times(values))
    )
    return refusal or redirect(request.path)


def _times(values: dict[str, str]) -> Times:
    """The time of the daily mail counts only if there is to be one."""
    given = {name: values[name] for name in TIMES}
    if values["daily"] != YES:
        given["digest_at"] = ""
    elif not given["digest_at"]:
        raise Invalid("Some times cannot be taken.", fields={"digest_at": [NOT_A_TIME]})
    return Times.read(given)


def _form(sheet: Sheet, chosen: Choices) -> str:
    worker = auth.current_worker()
    return render_template(
        "accounts/preferences.html",
        sheet=sheet,
        types=preferences.types_for(worker),
        ways=_ways(),
        chosen=chosen,
        name_of=_name,
        time_zone=worker.time_zone,
        usual_digest=USUAL_DIGEST,
    )


def _offered() -> list[Choice]:
    """Only these are changed: what the page does not show stays as it is."""
    types = [row.type for row in preferences.types_for(auth.current_worker())]
    return [(kind, way) for kind in types for way in _ways()]


def _ways() -> dict[Way, str]:
    words = {Way.MAIL: "E-mail", Way.SLACK: "Slack direct message"}
    return words if account_forms.chat_is_on() else {Way.MAIL: words[Way.MAIL]}


def _name(choice: Choice) -> str:
    return ".".join(choice)


@retry_deadlocks
def _store(wanted: Choices, times: Times) -> None:
    actor, worker_id = auth.current_actor(), auth.current_worker().id
    with transaction() as session:
        preferences.choose(session, actor, worker_id, wanted)
        quiet_hours.set_times(session, actor, worker_id, times)
    flash("Saved.")
