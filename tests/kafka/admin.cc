// What somebody does to our topics behind our back.
//
//   weft_kafka_admin HOST:PORT remove TOPIC          removes it
//   weft_kafka_admin HOST:PORT empty TOPIC           removes all of its records, as retention would
//   weft_kafka_admin HOST:PORT list                  names of all topics
#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "libs/eventlog/kafka_client.h"

namespace weft::eventlog::internal {
namespace {

constexpr int kPatienceMs = 60'000;

int Fail(const char* what, rd_kafka_resp_err_t code) {
  std::fprintf(stderr, "%s: %s\n", what, rd_kafka_err2str(code));
  return 1;
}

// The event's own error, whatever was asked.
int Await(rd_kafka_queue_t* queue, const char* what) {
  const KafkaEvent event(rd_kafka_queue_poll(queue, 2 * kPatienceMs));
  if (event == nullptr) return Fail(what, RD_KAFKA_RESP_ERR__TIMED_OUT);
  const auto code = rd_kafka_event_error(event.get());
  return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : Fail(what, code);
}

struct TopicShape {
  std::string name;
  int partitions = 0;
};

std::vector<TopicShape> Topics(rd_kafka_t* client) {
  const rd_kafka_metadata_t* metadata = nullptr;
  std::vector<TopicShape> topics;
  if (rd_kafka_metadata(client, 1, nullptr, &metadata, kPatienceMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return topics;
  }
  for (int t = 0; t < metadata->topic_cnt; ++t) {
    topics.push_back({metadata->topics[t].topic, metadata->topics[t].partition_cnt});
  }
  rd_kafka_metadata_destroy(metadata);
  return topics;
}

int Remove(rd_kafka_t* client, const std::string& topic) {
  const KafkaQueue queue(rd_kafka_queue_new(client));
  rd_kafka_DeleteTopic_t* one = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_DeleteTopics(client, &one, 1, nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy(one);
  return Await(queue.get(), "remove");
}

int Empty(rd_kafka_t* client, const std::string& topic) {
  int partitions = 0;
  for (const TopicShape& shape : Topics(client)) {
    if (shape.name == topic) partitions = shape.partitions;
  }
  if (partitions == 0) return Fail("empty", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(partitions));
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), p)->offset = RD_KAFKA_OFFSET_END;
  }
  const KafkaQueue queue(rd_kafka_queue_new(client));
  rd_kafka_DeleteRecords_t* one = rd_kafka_DeleteRecords_new(list.get());
  rd_kafka_DeleteRecords(client, &one, 1, nullptr, queue.get());
  rd_kafka_DeleteRecords_destroy(one);
  return Await(queue.get(), "empty");
}

int Run(const std::vector<std::string>& arguments) {
  KafkaLogOptions options;
  options.bootstrap_servers = arguments[0];
  const KafkaContext context{options, nullptr};
  const auto client = NewKafkaClient(RD_KAFKA_PRODUCER, context, {});
  if (!client.ok()) {
    std::fprintf(stderr, "%s\n", client.status().ToString().c_str());
    return 1;
  }
  if (arguments[1] == "list") {
    for (const TopicShape& shape : Topics(client->get())) std::printf("%s\n", shape.name.c_str());
    return 0;
  }
  if (arguments[1] == "remove") return Remove(client->get(), arguments.at(2));
  return Empty(client->get(), arguments.at(2));
}

}  // namespace
}  // namespace weft::eventlog::internal

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool known = arguments.size() > 1 && (arguments[1] == "list" || arguments[1] == "remove" ||
                                              arguments[1] == "empty");
  if (!known || (arguments[1] != "list" && arguments.size() != 3)) {
    std::fprintf(stderr, "weft_kafka_admin HOST:PORT remove TOPIC | empty TOPIC | list\n");
    return 2;
  }
  return weft::eventlog::internal::Run(arguments);
}
