"""The only list of the APIs that are answered, and of their versions: those of Apache Kafka 4.3.1.

ApiVersions is read from it, and so are the sessions' checks. `SKIPPED.md` says what is not in it, and why.
"""

from collections.abc import Mapping

from mini_kafka.kafka_wire.call import Api
from mini_kafka.kafka_wire.handlers import (
    api_00_produce,
    api_01_fetch,
    api_02_list_offsets,
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
    api_19_create_topics,
    api_20_delete_topics,
    api_21_delete_records,
    api_22_init_producer_id,
    api_23_offset_for_leader_epoch,
    api_32_describe_configs,
    api_33_alter_configs,
    api_35_describe_log_dirs,
    api_37_create_partitions,
    api_42_delete_groups,
    api_43_elect_leaders,
    api_44_incremental_alter_configs,
    api_46_list_partition_reassignments,
    api_47_offset_delete,
    api_55_describe_quorum,
    api_60_describe_cluster,
    api_61_describe_producers,
    api_69_consumer_group_describe,
    api_74_list_config_resources,
    api_75_describe_topic_partitions,
)

# key, name, lowest and highest version, first flexible version, handler
_LISTED: tuple[Api, ...] = (
    Api(0, "Produce", 0, 13, 9, api_00_produce.handle),
    Api(1, "Fetch", 4, 18, 12, api_01_fetch.handle),
    Api(2, "ListOffsets", 1, 11, 6, api_02_list_offsets.handle),
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
    Api(19, "CreateTopics", 2, 7, 5, api_19_create_topics.handle),
    Api(20, "DeleteTopics", 1, 6, 4, api_20_delete_topics.handle),
    Api(21, "DeleteRecords", 0, 2, 2, api_21_delete_records.handle),
    Api(22, "InitProducerId", 0, 5, 2, api_22_init_producer_id.handle),
    Api(23, "OffsetForLeaderEpoch", 2, 4, 4, api_23_offset_for_leader_epoch.handle),
    Api(32, "DescribeConfigs", 1, 4, 4, api_32_describe_configs.handle),
    Api(33, "AlterConfigs", 0, 2, 2, api_33_alter_configs.handle),
    Api(35, "DescribeLogDirs", 1, 5, 2, api_35_describe_log_dirs.handle),
    Api(37, "CreatePartitions", 0, 3, 2, api_37_create_partitions.handle),
    Api(42, "DeleteGroups", 0, 2, 2, api_42_delete_groups.handle),
    Api(43, "ElectLeaders", 0, 2, 2, api_43_elect_leaders.handle),
    Api(44, "IncrementalAlterConfigs", 0, 1, 1, api_44_incremental_alter_configs.handle),
    Api(46, "ListPartitionReassignments", 0, 0, 0, api_46_list_partition_reassignments.handle),
    Api(47, "OffsetDelete", 0, 0, 99, api_47_offset_delete.handle),
    Api(55, "DescribeQuorum", 0, 2, 0, api_55_describe_quorum.handle),
    Api(60, "DescribeCluster", 0, 2, 0, api_60_describe_cluster.handle),
    Api(61, "DescribeProducers", 0, 0, 0, api_61_describe_producers.handle),
    Api(69, "ConsumerGroupDescribe", 0, 1, 0, api_69_consumer_group_describe.handle),
    Api(74, "ListConfigResources", 0, 1, 0, api_74_list_config_resources.handle),
    Api(75, "DescribeTopicPartitions", 0, 0, 0, api_75_describe_topic_partitions.handle),
)

APIS: Mapping[int, Api] = {api.key: api for api in _LISTED}
