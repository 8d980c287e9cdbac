"""The only list of the APIs that are answered, and of their versions: those of Apache Kafka 4.3.1.

ApiVersions is read from it, and so are the sessions' checks. `SKIPPED.md` says what is not in it, and why.
"""

from collections.abc import Mapping

from mini_kafka.kafka_wire.call import Api
from mini_kafka.kafka_wire.handlers import (
    api_00_produce,
    api_01_fetch,
    api_02_list_offsets,
    api_18_api_versions,
    api_60_describe_cluster,
)

# key, name, lowest and highest version, first flexible version, handler
_LISTED: tuple[Api, ...] = (
    Api(0, "Produce", 0, 13, 9, api_00_produce.handle),
    Api(1, "Fetch", 4, 18, 12, api_01_fetch.handle),
    Api(2, "ListOffsets", 1, 11, 6, api_02_list_offsets.handle),
    Api(18, "ApiVersions", 0, 4, 3, lambda call: api_18_api_versions.handle(call, _LISTED)),
    Api(60, "DescribeCluster", 0, 2, 0, api_60_describe_cluster.handle),
)

APIS: Mapping[int, Api] = {api.key: api for api in _LISTED}
