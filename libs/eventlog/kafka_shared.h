// What the clients of one KafkaLog share.
#pragma once

#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_counters.h"
#include "libs/eventlog/kafka_topics.h"
#include "libs/eventlog/kafka_watch.h"

namespace weft::eventlog::internal {

struct KafkaShared {
  const KafkaLogOptions& options;
  KafkaTopics& topics;
  KafkaIdentity& identity;
  KafkaWatch& watch;
  KafkaCounters& counters;
};

}  // namespace weft::eventlog::internal
