"""On whose behalf commands change things."""

from getpass import getuser

from orchestra.domain.audit import Actor
from orchestra.models import Source


def operator() -> Actor:
    """The system, with the operating system user as note (X-36)."""
    return Actor(name="system", source=Source.CLI, may_manage=True, note=getuser())
