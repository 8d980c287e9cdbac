"""The broker's HTTP API as Python calls: one method per endpoint that the services need.

Translates and nothing else: it never retries (that is `retry`), never registers by itself, and keeps no state
but the open connection. Whatever goes wrong is one of these:

    BrokerClientError
    ├── BrokerUnavailable    no connection, no answer in time, another 5xx, or an answer that is not the broker's
    │   └── PartlyAppended   502: a cluster took some of the records, and says which
    ├── Overloaded           429 or 503: the broker asks to come back after `retry_after_s`
    └── Refused              another 4xx, 501, or what a cluster refuses: the same request would be refused again
        ├── NotRegistered    404: a topic or a consumer that the broker does not know, for instance after a restart
        ├── NotOnCluster     501: the broker is a gateway to a Kafka cluster, which has no such thing
        └── HeldElsewhere    421: another gateway of the cluster holds a lock, and may be reached by its name
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import requests
import urllib3
from pydantic import BaseModel, ValidationError

from mini_kafka_shared import __version__
from mini_kafka_shared.logging_setup import reason_of
from mini_kafka_shared.schemas import (
    ConsumeRequest,
    ConsumerRegistered,
    ConsumerRegistration,
    Message,
    ProducerRegistered,
    ProducerRegistration,
    Published,
    PublishRequest,
    Stats,
    TopicRegistered,
    TopicRegistration,
)
from mini_kafka_shared.schemas_v1 import (
    Acknowledged,
    AcknowledgeRequest,
    AcquiredRecord,
    AcquiredRecords,
    AcquireRequest,
    Broker,
    GroupDetails,
    GroupList,
    GroupSummary,
    MemberReleased,
    OffsetMove,
    OffsetMoves,
    OffsetWishes,
    Produced,
    ProduceRequest,
    RecordPlace,
    TextRecord,
    TopicDetails,
    TopicWish,
)

GATEWAY = "Mini-Kafka-Gateway"
"""Names the gateway of a Kafka cluster that gave locks, so that a proxy can send what concerns them there."""
NOT_ON_CLUSTER = "NOT_ON_CLUSTER"
PARTLY_APPENDED = "PARTLY_APPENDED"
CLUSTER_REFUSED = "CLUSTER_REFUSED"
READ_TIMEOUT_S = 20.0
"""Longer than a gateway waits for its cluster (MINI_KAFKA_CLUSTER_TIMEOUT, 15 s): who asks again earlier, while a Kafka
node is replaced, may have a message appended twice."""
DEFAULT_RETRY_AFTER_S = 1.0
"""The wait after an overload whose `Retry-After` is missing, or is a date, which the broker never sends."""

M = TypeVar("M", bound=BaseModel)


class BrokerClientError(Exception):
    """A call that did not end as asked; its text is a sentence for a log line."""


class BrokerUnavailable(BrokerClientError):
    """The broker is not there, or what is there is not the broker."""


class PartlyAppended(BrokerUnavailable):
    """The Kafka cluster behind the broker took some records: `places` has theirs, and None for the others."""

    def __init__(self, message: str, places: Sequence[RecordPlace | None]) -> None:
        super().__init__(message)
        self.places = places


class Overloaded(BrokerClientError):
    """The broker cannot take the request now, and may be asked again after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(BrokerClientError):
    """The broker refuses this request: HTTP `status`, Kafka's `code` (empty if none came), and `detail`."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({' '.join(filter(None, (str(status), code)))})")
        self.status, self.code, self.detail = status, code, detail


class NotRegistered(Refused):
    """The broker does not know this topic or consumer."""


class NotOnCluster(Refused):
    """The broker is a gateway to a Kafka cluster, which has no such thing as this request asks for."""


class HeldElsewhere(Refused):
    """Another gateway, whose name is `gateway`, holds a lock of this request."""

    def __init__(self, status: int, code: str, detail: str, gateway: str) -> None:
        super().__init__(status, code, detail)
        self.gateway = gateway


class _SomePlaces(BaseModel):
    records: list[RecordPlace | None]


class BrokerClient:
    """Calls one broker over one kept-open connection. Not for several threads at once."""

    def __init__(
        self,
        url: str,
        *,
        connect_timeout_s: float = 2.0,
        read_timeout_s: float = READ_TIMEOUT_S,
        session: requests.Session | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._timeouts_s = connect_timeout_s, read_timeout_s
        self._session = requests.Session() if session is None else session
        self._session.trust_env = False  # the broker is near: no proxy of the environment, no .netrc
        self._session.headers["User-Agent"] = f"mini-kafka-client/{__version__}"
        self._gateway: str | None = None

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def hurry(self, seconds: float) -> None:
        """Give each call from now on no more than so many seconds to connect, and to be answered."""
        self._timeouts_s = seconds, seconds

    def register_topic(self, topic: str) -> TopicRegistered:
        """Create a topic, or find it."""
        return self._post("/topics/register", TopicRegistration(topic=topic), TopicRegistered)

    def register_producer(self, topic: str, producer_id: str | None = None) -> ProducerRegistered:
        """Announce a producer; the answer holds the id that the broker made up if none is given."""
        body = ProducerRegistration(topic=topic, producer_id=producer_id)
        return self._post("/producers/register", body, ProducerRegistered)

    def register_consumer(self, topic: str, consumer_id: str | None = None) -> ConsumerRegistered:
        """Announce a consumer; one that the broker knows goes on where it was."""
        body = ConsumerRegistration(topic=topic, consumer_id=consumer_id)
        return self._post("/consumers/register", body, ConsumerRegistered)

    def publish(self, topic: str, value: str, key: str | None = None) -> Published:
        """Append one message; the answer holds its offset.

        Raises:
            NotRegistered: the broker does not know the topic.
        """
        return self._post("/produce", PublishRequest(topic=topic, value=value, key=key), Published)

    def consume(self, consumer_id: str, wait_ms: int = 0) -> Message | None:
        """Fetch a consumer's next message, waiting up to `wait_ms` milliseconds for one; None if none came.

        Raises:
            NotRegistered: the broker does not know the consumer.
        """
        body = ConsumeRequest(consumer_id=consumer_id, wait_ms=wait_ms)
        response = self._request("POST", "/consume", body, wait_s=wait_ms / 1000)
        return None if response.status_code == requests.codes.no_content else self._read(response, Message)

    def produce(
        self, topic: str, records: Sequence[TextRecord], *, producer_id: str, sequence: int | None
    ) -> list[RecordPlace]:
        """Append records, all of them or, without a number, perhaps some; the answer holds the place of each.

        A request that is repeated with its number appends nothing and gets the same answer.

        Args:
            topic: created if it is missing, where the broker does that.
            records: what to append.
            producer_id: a name that nobody else uses, and no earlier run did.
            sequence: the request's number in this topic; the first is 0. None where the broker takes none, as a
                gateway to a Kafka cluster: a repeat then appends again.

        Raises:
            NotRegistered: the topic is missing, and the broker does not create it by itself.
            NotOnCluster: it takes no numbers.
            PartlyAppended: some were appended; it says which, and the others may be sent again.
        """
        headers = {} if sequence is None else {"Producer-Id": producer_id, "Producer-Seq": str(sequence)}
        body = ProduceRequest(records=list(records))
        response = self._request("POST", f"/v1/topics/{topic}/records", body, headers=headers)
        return self._read(response, Produced).records

    def acquire(
        self, group: str, topic: str, member: str, *, max_records: int, wait_ms: int, lock_ms: int
    ) -> list[AcquiredRecord]:
        """Lock records of a topic for a member of a group, waiting up to `wait_ms` milliseconds for the first.

        Raises:
            NotRegistered: the topic is missing, and the broker does not create it by itself.
        """
        body = AcquireRequest(topics=[topic], max_records=max_records, wait_ms=wait_ms, lock_ms=lock_ms, member=member)
        response = self._request("POST", f"/v1/groups/{group}/acquire", body, wait_s=wait_ms / 1000)
        self._gateway = response.headers.get(GATEWAY)
        return self._read(response, AcquiredRecords).records

    def acknowledge(self, group: str, request: AcknowledgeRequest) -> Acknowledged:
        """Say what became of locked records. A repeat changes nothing: it finds the locks expired.

        The request names the gateway that gave the last locks, and once more the one that holds them if it comes to
        another one. Where that cannot be reached either, all locks are told as expired: the records come back.
        """
        for _ in range(2):
            try:
                response = self._request("POST", f"/v1/groups/{group}/acknowledge", request, headers=self._to_gateway())
            except HeldElsewhere as elsewhere:
                self._gateway = elsewhere.gateway
                continue
            return self._read(response, Acknowledged)
        released = [one if isinstance(one, str) else one.lock for one in request.release]
        expired = [*request.accept, *released, *request.reject, *request.renew]
        return Acknowledged(accepted=0, released=0, rejected=0, renewed=0, expired=expired)

    def release_member(self, group: str, member: str) -> int:
        """Give back all that a member has locked, and count the records."""
        response = self._request("DELETE", f"/v1/groups/{group}/members/{member}", headers=self._to_gateway())
        return self._read(response, MemberReleased).released

    def broker(self) -> Broker:
        """Read what the broker is: the life of its log, its engine, its limits."""
        return self._read(self._request("GET", "/v1"), Broker)

    def topic(self, topic: str) -> TopicDetails:
        """Read a topic's id, its configs, and the bounds of its partitions.

        Raises:
            NotRegistered: the broker does not know the topic.
        """
        return self._read(self._request("GET", f"/v1/topics/{topic}"), TopicDetails)

    def have_topic(self, topic: str, wish: TopicWish) -> TopicDetails:
        """Create a topic that is as wished, or find one.

        Raises:
            Refused: it is there and is not as wished, or cannot be.
        """
        return self._read(self._request("PUT", f"/v1/topics/{topic}", wish), TopicDetails)

    def groups(self) -> list[GroupSummary]:
        """List the groups."""
        return self._read(self._request("GET", "/v1/groups"), GroupList).groups

    def group(self, group: str) -> GroupDetails:
        """Read a group's members, and where it stands in each partition.

        Raises:
            NotRegistered: the broker does not know the group.
        """
        return self._read(self._request("GET", f"/v1/groups/{quote(group, safe='')}"), GroupDetails)

    def move_offsets(self, group: str, wishes: OffsetWishes) -> list[OffsetMove]:
        """Commit offsets for a group, all or none.

        Raises:
            Refused: 409, it has members at work.
        """
        response = self._request("PUT", f"/v1/groups/{quote(group, safe='')}/offsets", wishes)
        return self._read(response, OffsetMoves).offsets

    def stats(self) -> Stats:
        """Read what the broker holds, and where every consumer stands."""
        return self._read(self._request("GET", "/stats"), Stats)

    def health(self) -> None:
        """Return if the broker is well, and raise if it is not."""
        self._request("GET", "/health")

    def _to_gateway(self) -> dict[str, str]:
        return {GATEWAY: self._gateway} if self._gateway else {}

    def _post(self, path: str, body: BaseModel, answer: type[M]) -> M:
        return self._read(self._request("POST", path, body), answer)

    def _request(
        self,
        method: str,
        path: str,
        body: BaseModel | bytes | None = None,
        *,
        wait_s: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        connect_s, read_s = self._timeouts_s
        content = body.model_dump_json(exclude_none=True).encode() if isinstance(body, BaseModel) else body
        try:
            response = self._session.request(
                method,
                self.url + path,
                data=content,
                headers={**({"Content-Type": "application/json"} if content else {}), **(headers or {})},
                timeout=(connect_s, wait_s + read_s),
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:  # requests lets some of these out
            raise BrokerUnavailable(f"the broker at {self.url} does not answer: {_reason(error)}") from error
        if response.status_code in (requests.codes.ok, requests.codes.created, requests.codes.no_content):
            return response
        raise self._error(response)

    def _read(self, response: requests.Response, model: type[M]) -> M:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            asked = f"{response.request.method} {response.request.path_url}"
            raise BrokerUnavailable(
                f"{self.url} gave an answer to {asked} that is not the broker's: is this its address?"
            ) from error

    def _error(self, response: requests.Response) -> BrokerClientError:
        status = response.status_code
        code, detail = _problem(response)
        if status in (requests.codes.too_many_requests, requests.codes.service_unavailable):
            return Overloaded(
                f"the broker at {self.url} cannot take more now: {detail} ({status})", _retry_after_s(response)
            )
        if status == requests.codes.not_found:
            return NotRegistered(status, code, detail)
        if status == requests.codes.misdirected_request and GATEWAY in response.headers:
            return HeldElsewhere(status, code, detail, response.headers[GATEWAY])
        if status == requests.codes.not_implemented and code == NOT_ON_CLUSTER:
            return NotOnCluster(status, code, detail)
        if 400 <= status < 500 or status == requests.codes.not_implemented or code == CLUSTER_REFUSED:
            return Refused(status, code, detail)
        sentence = f"the broker at {self.url} answered {status}: {detail}"
        if code == PARTLY_APPENDED and (places := _places(response)):
            return PartlyAppended(sentence, places)
        return BrokerUnavailable(sentence)


def _problem(response: requests.Response) -> tuple[str, str]:
    """Read the code and the detail of an error body, whoever wrote it."""
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = None
    if isinstance(body, dict):
        return str(body.get("code") or ""), str(body.get("detail") or response.reason)
    return "", response.text.strip()[:200] or str(response.reason)


def _places(response: requests.Response) -> list[RecordPlace | None]:
    """Read where records lie that were appended in part; nothing where the broker does not say."""
    try:
        return _SomePlaces.model_validate_json(response.content).records
    except ValidationError:
        return []


def _retry_after_s(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else DEFAULT_RETRY_AFTER_S


def _reason(error: Exception) -> str:
    """Say in a few words why there was no answer: the operating system's words, if it had any."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return reason_of(cause)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection was closed before the answer came"
    return str(error)
