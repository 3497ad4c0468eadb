"""The connection to the broker, of every process that reads from it or writes to it."""

from functools import partialmethod

from celery.app.amqp import AMQP
from kombu.connection import Connection


class PromptConnection(Connection):
    """Notices within two seconds that the broker is back.

    By default each try waits two seconds longer than the one before, up to 30 s: after an outage
    of minutes the broker would be back for half a minute before anybody noticed.
    """

    ensure_connection = partialmethod(
        Connection.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=2
    )


class PromptAMQP(AMQP):
    Connection = PromptConnection
