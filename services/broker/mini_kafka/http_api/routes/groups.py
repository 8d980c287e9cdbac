"""/v1: groups. Where each stands, moving it, and sharing records: acquire some, and say what became of each.

The gate calls acquire and acknowledge directly; of FastAPI they need their place in the document.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, TypedDict

from fastapi import APIRouter, Path, Request, Response, status
from fastapi import Query as QueryParameter
from pydantic import Field

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.port import (
    EARLIEST,
    LATEST,
    Acknowledgement,
    GroupDescription,
    GroupMember,
    OffsetTarget,
    RecordLock,
    Release,
    ShiftBy,
    ToGroup,
    ToOffset,
    ToTime,
)
from mini_kafka.http_api.aside import INLINE_BODY_BYTES, INLINE_RECORDS, aside
from mini_kafka.http_api.body import BodyLimit, check_media_type, for_control, for_records, read_body
from mini_kafka.http_api.call import Call
from mini_kafka.http_api.deps import CallDep
from mini_kafka.http_api.documented import CHANGING, problems, schema_of
from mini_kafka.http_api.error_table import INVALID_REQUEST
from mini_kafka.http_api.errors import GATEWAY, RequestRefused
from mini_kafka.http_api.hot import SLASH, HotRoute, HotRoutes
from mini_kafka.http_api.lock_text import read_lock, write_locks
from mini_kafka.http_api.model_answer import model_answer
from mini_kafka.http_api.position import time_of
from mini_kafka.http_api.query import Query, documented, read_query
from mini_kafka.http_api.record_output import ShowAs, acquired_json
from mini_kafka_shared.schemas_v1 import (
    Acknowledged,
    AcknowledgeRequest,
    AcquireRequest,
    AssignedTopic,
    GroupDetails,
    GroupList,
    GroupMemberDetails,
    GroupPartitionDetails,
    GroupSummary,
    MemberReleased,
    OffsetMove,
    OffsetMoves,
    OffsetWish,
    OffsetWishes,
)

LONGEST_NAME = 1000
"""Kafka sets no limit; this one keeps a name from being most of an answer."""

router = APIRouter(prefix="/v1", tags=["groups"])

GroupName = Annotated[
    str, Path(min_length=1, max_length=LONGEST_NAME, description="the group's name, any text (%2F for a slash)")
]
ODD_NAME = problems(_422="the request is not what this call takes")
NO_GROUP = ODD_NAME | problems(_404="the group does not exist")
AT_WORK = problems(_409="the group has members at work, or is of another kind")


class AcquireQuery(Query):
    """How to show the records."""

    show_as: ShowAs = Field(default=ShowAs.AUTO, alias="as", description="how bytes become JSON")


@router.get("/groups", response_model=GroupList, summary="List the groups")
async def list_groups(call: CallDep) -> Response:
    """List every group: the guide's consumers, those that share records, and those of Kafka consumers."""
    groups = await call.engine.list_groups(call.caller)
    return await model_answer(
        len(groups),
        lambda: GroupList(
            groups=[
                GroupSummary(name=group.name, kind=group.kind, state=group.state, members=group.members)
                for group in groups
            ]
        ),
    )


@router.get("/groups/{group}", response_model=GroupDetails, responses=NO_GROUP, summary="Show a group")
async def show_group(group: GroupName, call: CallDep) -> Response:
    """Show a group's kind, its members, and where it stands in each partition."""
    described = await call.engine.describe_group(call.caller, name_of(group))
    return await model_answer(len(described.partitions) + len(described.members), lambda: _details(described))


def _details(group: GroupDescription) -> GroupDetails:
    return GroupDetails(
        name=group.name,
        kind=group.kind,
        state=group.state,
        members=[_member(member) for member in group.members],
        partitions=[GroupPartitionDetails(**partition._asdict()) for partition in group.partitions],
    )


def _member(member: GroupMember) -> GroupMemberDetails:
    assigned: dict[str, list[int]] = {}
    for topic, partition in member.assignment:
        assigned.setdefault(topic, []).append(partition)
    return GroupMemberDetails(
        member=member.member,
        in_flight=member.in_flight,
        client_id=member.client_id,
        host=member.host,
        instance_id=member.instance_id,
        assignment=[AssignedTopic(topic=topic, partitions=sorted(numbers)) for topic, numbers in assigned.items()],
    )


@router.delete(
    "/groups/{group}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=NO_GROUP | AT_WORK | problems(_403="the request comes from another site's page"),
    summary="Delete a group",
)
async def delete_group(group: GroupName, call: CallDep) -> None:
    """Delete a group and its offsets; nobody may be at work in it."""
    await call.engine.delete_group(call.caller, name_of(group))


@router.put(
    "/groups/{group}/offsets",
    response_model=OffsetMoves,
    responses=CHANGING | AT_WORK | problems(_404="a topic, a partition or the other group does not exist")
    | problems(_429="there are too many groups, or offsets of them"),
    summary="Commit or reset offsets",
)  # fmt: skip
async def move_offsets(
    group: GroupName,
    wishes: OffsetWishes,
    call: CallDep,
    dry_run: Annotated[bool, QueryParameter(description="only show what would change")] = False,
) -> Response:
    """Move the group to an offset, a time, the earliest or latest, by a shift, or to where another group stands.

    Without `partition` all partitions move. An offset outside the log becomes the nearer end of it. While Kafka
    consumers are members of the group, nothing moves: they would go on where they are.
    """
    now_ms = call.engine.now_ms()
    targets: dict[str | TopicPartition, OffsetTarget] = {}
    for wish in wishes.offsets:
        place = wish.topic if wish.partition is None else TopicPartition(wish.topic, wish.partition)
        targets[place] = _target(wish, now_ms)
    changes = await call.engine.reset_offsets(call.caller, name_of(group), targets, dry_run=dry_run)
    return await model_answer(
        len(changes),
        lambda: OffsetMoves(dry_run=dry_run, offsets=[OffsetMove(**change._asdict()) for change in changes]),
    )


def _target(wish: OffsetWish, now_ms: int) -> OffsetTarget:
    if wish.offset is not None:
        return ToOffset(wish.offset)
    if wish.shift_by is not None:
        return ShiftBy(wish.shift_by)
    if wish.group is not None:
        return ToGroup(wish.group)
    at = {"earliest": EARLIEST, "latest": LATEST}.get(wish.to or "")
    return ToTime(time_of(wish.to or "", now_ms) if at is None else at)


@router.delete(
    "/groups/{group}/offsets",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=NO_GROUP | AT_WORK | problems(_403="the request comes from another site's page"),
    summary="Forget a topic's offsets",
)
async def forget_offsets(group: GroupName, topic: str, call: CallDep) -> None:
    """Forget what the group has committed of a topic; it begins there anew."""
    await call.engine.forget_offsets(call.caller, name_of(group), topic)


@router.delete(
    "/groups/{group}/members/{member}",
    responses=ODD_NAME | problems(_403="the request comes from another site's page"),
    summary="Release a member's records",
)
async def release_member(group: GroupName, member: str, call: CallDep) -> MemberReleased:
    """Give back whatever a member has locked: it is gone, and nobody needs to wait for its locks to run out."""
    return MemberReleased(released=await call.engine.release_member(call.caller, name_of(group), member))


ACQUIRED = {
    "application/json": {
        "schema": {"type": "object", "properties": {name: {"type": "array"} for name in ("records", "locks")}}
    }
}


@router.post(
    "/groups/{group}/acquire",
    summary="Acquire records",
    response_class=Response,
    responses=CHANGING
    | AT_WORK
    | problems(_404="a topic does not exist, and is not to be created", _415="the body is not JSON",
               _429="there are too many groups, offsets of them, members or partitions")
    | {200: {"description": "records, each with its lock, and the locks of all by run", "content": ACQUIRED}},
    openapi_extra={
        "parameters": documented(AcquireQuery),
        "requestBody": {"content": {"application/json": {"schema": schema_of(AcquireRequest)}}},
    },
)  # fmt: skip
async def acquire(group: GroupName, request: Request, call: CallDep) -> Response:
    """Lock some records for a time. Nobody else of the group gets them until they are acknowledged or the time is over.

    A record that comes back too often, or is rejected, goes to the dead-letter topic.
    """
    query = read_query(request.scope["query_string"], AcquireQuery)
    wish = AcquireRequest.model_validate_json(await _json_body(call, for_control(call.bounds.limits)))
    if wish.max_records > call.bounds.limits.request_records:
        raise _wrong(
            f"max_records is at most {call.bounds.limits.request_records} (MINI_KAFKA_MAX_RECORDS_PER_REQUEST)"
        )
    acquiring = call.engine.acquire(
        call.caller,
        name_of(group),
        wish.topics,
        max_records=wish.max_records,
        wait_ms=wish.wait_ms,
        lock_ms=wish.lock_ms,
        member=wish.member,
    )
    acquired = await (call.while_connected(acquiring) if wish.wait_ms else acquiring)
    content = await aside(len(acquired) > INLINE_RECORDS, acquired_json, acquired, query.show_as)
    headers = {GATEWAY.decode(): call.engine.gateway} if call.engine.gateway else None
    return Response(content, media_type="application/json", headers=headers)


@router.post(
    "/groups/{group}/acknowledge",
    summary="Acknowledge records",
    response_model=Acknowledged,
    responses=CHANGING | problems(_415="the body is not JSON", _421="another gateway holds one of the locks"),
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": schema_of(AcknowledgeRequest)}}}},
)
async def acknowledge(group: GroupName, request: Request, call: CallDep) -> Response:
    """Accept what is done, release what somebody else is to do, reject what nobody can, renew what takes longer.

    A lock that has run out is listed as expired, and is no error: the record is somebody else's by now. Of several
    gateways to a Kafka cluster, only the one that gave a lock can settle it; the header `Mini-Kafka-Gateway` names it.
    """
    read_query(request.scope["query_string"], Query)
    limits = call.bounds.limits
    body = await _json_body(call, for_records(limits))
    wish = await aside(len(body) > INLINE_BODY_BYTES, _read_acknowledgement, body, limits.request_records)
    done = await call.engine.acknowledge(call.caller, name_of(group), **wish)
    content = await aside(len(done.late) > INLINE_RECORDS, _acknowledged_json, done)
    return Response(content, media_type="application/json")


class _Wish(TypedDict):
    """What `Engine.acknowledge` takes."""

    accept: Sequence[RecordLock]
    release: Sequence[Release]
    reject: Sequence[RecordLock]
    renew: Sequence[RecordLock]
    lock_ms: int


def _read_acknowledgement(body: bytes, max_in_runs: int) -> _Wish:
    wish = AcknowledgeRequest.model_validate_json(body)
    words = _Words(max_in_runs)
    return {
        "accept": words.read_all(wish.accept, "accept"),
        "release": [
            Release(words.read(one, "release"))
            if isinstance(one, str)
            else Release(words.read(one.lock, "release"), one.delay_ms)
            for one in wish.release
        ],
        "reject": words.read_all(wish.reject, "reject"),
        "renew": words.read_all(wish.renew, "renew"),
        "lock_ms": wish.lock_ms,
    }


def _acknowledged_json(done: Acknowledgement) -> str:
    answer = Acknowledged(
        accepted=done.accepted,
        released=done.released,
        rejected=done.rejected,
        renewed=done.renewed,
        expired=write_locks(done.late),
    )
    return answer.model_dump_json()


async def _json_body(call: Call, limit: BodyLimit) -> bytes:
    check_media_type(call.head)
    return await read_body(call.head, call.receive, call.bounds, limit)


def name_of(part: str) -> str:
    """Give a group's name as it was meant.

    Raises:
        RequestRefused: 422, it is empty, or longer than a name may be; FastAPI checks it only on its own way.
    """
    if not 1 <= len(part) <= LONGEST_NAME:
        raise _wrong(f"a group's name has 1 to {LONGEST_NAME} characters, and this one has {len(part)}")
    return part.replace(SLASH, "/")


class _Words:
    """The words of one call. A run of millions is a few characters, so all runs together have a limit."""

    def __init__(self, max_in_runs: int) -> None:
        self._limit = self._room = max_in_runs

    def read(self, word: str, what: str) -> RecordLock:
        """Give the lock that a word stands for."""
        try:
            lock = read_lock(word)
        except ValueError as error:
            raise _wrong(
                f"{what} has {word[:80]!r}, which is no lock ({error}): send those of acquire as they came"
            ) from None
        if lock.records > 1:
            self._room -= lock.records
            if self._room < 0:
                raise _wrong(
                    f"{what} comes to more than {self._limit} records by runs"
                    " (MINI_KAFKA_MAX_RECORDS_PER_REQUEST): send fewer at a time"
                )
        return lock

    def read_all(self, words: Iterable[str], what: str) -> list[RecordLock]:
        """Give the locks that words stand for."""
        return [self.read(word, what) for word in words]


def _wrong(detail: str) -> RequestRefused:
    return RequestRefused(INVALID_REQUEST, detail)


HOT: HotRoutes = {
    ("POST", "/v1/groups/{group}/acquire"): HotRoute(acquire, request=Request),
    ("POST", "/v1/groups/{group}/acknowledge"): HotRoute(acknowledge, request=Request),
}
