"""Topics in requests that name them in early versions and give their id in later ones (KIP-516)."""

from typing import Any

from mini_kafka.kafka_wire.call import Call


def topic_name(call: Call, topic: Any) -> str | None:
    """Give the name of a request's topic; None where its id is no topic's."""
    if hasattr(topic, "name"):
        return str(topic.name)
    found = None if topic.topic_id is None else call.engine.topic_shape_by_id(topic.topic_id)
    return None if found is None else found.name


def topic_key(topic: Any) -> dict[str, Any]:
    """Give a topic's name or id for the answer, as the request has it."""
    if hasattr(topic, "name"):
        return {"name": topic.name}
    return {"topic_id": topic.topic_id}
