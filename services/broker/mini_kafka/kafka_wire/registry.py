"""The only list of the APIs that are answered, and of their versions: those of Apache Kafka 4.3.1.

ApiVersions is read from it, and so are the sessions' checks. `SKIPPED.md` says what is not in it, and why.
"""

from collections.abc import Mapping

from mini_kafka.kafka_wire.call import Api
from mini_kafka.kafka_wire.handlers import (
    api_03_metadata,
    api_08_offset_commit,
    api_09_offset_fetch,
    api_10_find_coordinator,
    api_11_join_group,
    api_12_heartbeat,
    api_13_leave_group,
    api_14_sync_group,
    api_15_describe_groups,
    api_16_list_groups,
    api_18_api_versions,
    api_42_delete_groups,
    api_47_offset_delete,
    api_60_describe_cluster,
    api_69_consumer_group_describe,
)

# key, name, lowest and highest version, first flexible version, handler
_LISTED: tuple[Api, ...] = (
    Api(3, "Metadata", 0, 13, 9, api_03_metadata.handle),
    Api(8, "OffsetCommit", 2, 10, 8, api_08_offset_commit.handle),
    Api(9, "OffsetFetch", 1, 10, 6, api_09_offset_fetch.handle),
    Api(10, "FindCoordinator", 0, 6, 3, api_10_find_coordinator.handle),
    Api(11, "JoinGroup", 0, 9, 6, api_11_join_group.handle),
    Api(12, "Heartbeat", 0, 4, 4, api_12_heartbeat.handle),
    Api(13, "LeaveGroup", 0, 5, 4, api_13_leave_group.handle),
    Api(14, "SyncGroup", 0, 5, 4, api_14_sync_group.handle),
    Api(15, "DescribeGroups", 0, 6, 5, api_15_describe_groups.handle),
    Api(16, "ListGroups", 0, 5, 3, api_16_list_groups.handle),
    Api(18, "ApiVersions", 0, 4, 3, lambda call: api_18_api_versions.handle(call, _LISTED)),
    Api(42, "DeleteGroups", 0, 2, 2, api_42_delete_groups.handle),
    Api(47, "OffsetDelete", 0, 0, 99, api_47_offset_delete.handle),
    Api(60, "DescribeCluster", 0, 2, 0, api_60_describe_cluster.handle),
    Api(69, "ConsumerGroupDescribe", 0, 1, 0, api_69_consumer_group_describe.handle),
)

APIS: Mapping[int, Api] = {api.key: api for api in _LISTED}
