"""The mails that were recorded, and the links in them."""

import re
from urllib.parse import urlsplit

import sqlalchemy as sa

from orchestra.models import Channel, Message


def mails(session, kind=None):
    """Those of one kind or all, oldest first; read as they are now."""
    session.expire_all()
    statement = sa.select(Message).where(Message.channel == Channel.MAIL).order_by(Message.id)
    found = session.scalars(statement if kind is None else statement.where(Message.kind == kind))
    rows = list(found)
    session.commit()
    return rows


def link_in(mail):
    """The address of the only link."""
    (link,) = re.findall(r"https?://\S+", mail.text)
    return link


def path_in(mail):
    return urlsplit(link_in(mail)).path
