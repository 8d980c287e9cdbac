"""A model as an answer: where it is long it is made beside the loop, and it looks the same."""

import asyncio
import threading

import pytest
from pydantic import BaseModel

from mini_kafka.http_api.aside import INLINE_RECORDS
from mini_kafka.http_api.model_answer import model_answer


class Shown(BaseModel):
    text: str
    numbers: list[int]


@pytest.mark.parametrize(("items", "is_aside"), [(INLINE_RECORDS, False), (INLINE_RECORDS + 1, True)])
def test_a_long_answer_is_made_on_a_thread_and_a_short_one_is_not(items: int, is_aside: bool) -> None:
    made_on: list[threading.Thread] = []

    def make() -> Shown:
        made_on.append(threading.current_thread())
        return Shown(text="Straße", numbers=[1, 2])

    response = asyncio.run(model_answer(items, make, status_code=201))
    assert (response.status_code, response.media_type) == (201, "application/json")
    assert bytes(response.body).decode() == '{"text":"Straße","numbers":[1,2]}'
    assert [thread is not threading.main_thread() for thread in made_on] == [is_aside]
