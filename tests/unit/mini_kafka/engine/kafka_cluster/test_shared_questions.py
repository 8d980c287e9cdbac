"""Who asks at the same time shares an answer, and never one that was asked for before."""

import asyncio

import pytest

from mini_kafka.engine.kafka_cluster.shared_questions import SharedQuestions

pytestmark = pytest.mark.anyio


class Oracle:
    """Counts the questions, and answers each when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = asyncio.Event()

    async def ask(self, key: str) -> int:
        self.asked.append(key)
        number = len(self.asked)
        await self.answer.wait()
        if key == "bad":
            raise LookupError(key)
        return number


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_come_while_a_question_is_under_way_share_the_next_one() -> None:
    oracle = Oracle()
    questions = SharedQuestions(oracle.ask)
    first = [asyncio.create_task(questions.ask("a")) for _ in range(3)]
    await turns()
    later = [asyncio.create_task(questions.ask("a")) for _ in range(100)]
    await turns()
    assert oracle.asked == ["a"]
    oracle.answer.set()
    assert await asyncio.gather(*first) == [1, 1, 1]
    assert set(await asyncio.gather(*later)) == {2}
    assert oracle.asked == ["a", "a"]


async def test_keys_do_not_wait_for_each_other() -> None:
    oracle = Oracle()
    questions = SharedQuestions(oracle.ask)
    tasks = [asyncio.create_task(questions.ask(key)) for key in ("a", "b")]
    await turns()
    assert oracle.asked == ["a", "b"]
    oracle.answer.set()
    assert await asyncio.gather(*tasks) == [1, 2]


async def test_an_error_reaches_all_who_asked_and_the_next_question_is_a_new_one() -> None:
    oracle = Oracle()
    oracle.answer.set()
    questions = SharedQuestions(oracle.ask)
    answers = await asyncio.gather(*(questions.ask("bad") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError] * 3
    assert await questions.ask("good") == 2


async def test_who_goes_takes_the_answer_from_nobody() -> None:
    oracle = Oracle()
    questions = SharedQuestions(oracle.ask)
    gone, stays = (asyncio.create_task(questions.ask("a")) for _ in range(2))
    await turns()
    gone.cancel()
    oracle.answer.set()
    assert await stays == 1
