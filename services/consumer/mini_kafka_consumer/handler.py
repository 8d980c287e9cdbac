"""What the consumer does with a message: the one function to change to make it do something else.

It is pure: a message comes in, the line to print goes out. Asking the broker, printing, writing the output file
and ending are the runner's.
"""

from mini_kafka_shared.logging_setup import one_line
from mini_kafka_shared.schemas import Message

SHOWN_CHARACTERS = 80


def handle(message: Message) -> str:
    """Turn a message into the line that the consumer prints."""
    key = f"  key={one_line(message.key, SHOWN_CHARACTERS)}" if message.key is not None else ""
    return f"got  {message.topic}@{message.offset}{key}  {one_line(message.value, SHOWN_CHARACTERS)}"
