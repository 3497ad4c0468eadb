"""A repair of the broker client: without it a worker process ends when its broker blinks."""

from typing import Any

from kombu.transport import redis

Unacknowledged: Any = redis.QoS  # half of kombu has types, and this is not in it


class Deliveries(Unacknowledged):
    """Messages that were received and not yet acknowledged, on a channel that may be gone.

    When the broker goes away while a step runs, kombu 5.7.0 wants to give the step's message back
    over the connection that it has just dropped, and to acknowledge it there when the step ends.
    Both fail with an AttributeError that nobody expects: the worker process ends, and with it
    whatever else it runs. Such a message is nobody's loss: a step ends in the database.
    """

    def restore_unacked(self, client: Any = None) -> None:
        if self._has_connection:
            super().restore_unacked(client)

    def ack(self, delivery_tag: str) -> None:
        if self._has_connection:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if self._has_connection:
            super().reject(delivery_tag, requeue)

    @property
    def _has_connection(self) -> bool:
        connection = self.channel.connection
        return connection is not None and connection.client is not None


redis.Channel.QoS = Deliveries
