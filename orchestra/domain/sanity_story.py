"""Checks of projects in the words of a project's history."""

from orchestra.models import AuditEvent, Verb

VERBS = (Verb.SANITY_HANDLED, Verb.SANITY_MUTED, Verb.SANITY_SNOOZED, Verb.SANITY_RESOLVED)


def told(event: AuditEvent) -> str:
    after = event.after or {}
    check = f"the check {after.get('check')}"
    match event.verb:
        case Verb.SANITY_HANDLED:
            silently = "" if after.get("is_sent") else ", and told nobody: it is muted"
            return f"found something by {check}{silently}."
        case Verb.SANITY_MUTED:
            return f"{'muted' if after.get('is_muted') else 'unmuted'} {check}."
        case Verb.SANITY_SNOOZED if after.get("until"):
            return f"put {check} off until {after['until']}."
        case Verb.SANITY_SNOOZED:
            return f"wants to hear of {check} again."
        case _:
            return f"resolved {check}." if after.get("is_resolved") else f"opened {check} again."
