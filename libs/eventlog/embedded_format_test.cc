#include "libs/eventlog/embedded_format.h"

#include <catch2/catch.hpp>

#include "libs/base/hash.h"

namespace weft::eventlog::internal {
namespace {

TEST_CASE("the bytes on disk are the ones drawn in the header", "[eventlog]") {
  CHECK(Hex(RecordKey(RecordPrefix(0x01020304, 0x0506), 0x0708)) ==
        "0102030405060000000000000708");
  CHECK(Hex(EncodeBody({"k", {{"n", "v"}}, "x"})) == "01016b01016e017678");
  CHECK(Hex(EncodeBody({"", {}, std::nullopt})) == "000000");
  CHECK(Hex(EncodeMark({1, 2, 3, 4, 5})) ==
        "0000000000000001000000000000000200000000000000030000000000000004"
        "0000000000000005");
  CHECK(Hex(EncodeTopic({7, {.partitions = 64, .compacted = true}})) ==
        "000000070000004001ffffffffffffffffffffffffffffffff0000000000100000");
}

TEST_CASE("keys sort by topic, partition and offset", "[eventlog]") {
  CHECK(RecordKey(RecordPrefix(1, 0), 255) < RecordKey(RecordPrefix(1, 0), 256));
  CHECK(RecordKey(RecordPrefix(1, 0), INT64_MAX) < RecordKey(RecordPrefix(1, 1), 0));
  CHECK(RecordKey(RecordPrefix(1, 65535), 1) < RecordKey(RecordPrefix(2, 0), 0));
}

TEST_CASE("a record cut off anywhere does not decode, nor does it crash", "[eventlog]") {
  std::string bytes;
  PutI64(1, bytes);
  bytes += EncodeBody({"key", {{"name", "value"}, {"other", std::string(300, 'x')}}, std::nullopt});
  Record record;
  REQUIRE(DecodeRecord(bytes, record));
  CHECK_FALSE(record.value.has_value());
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeRecord(absl::string_view(bytes).substr(0, size), record));
  }
}

TEST_CASE("marks, topics and deletions come back as they were written", "[eventlog]") {
  MarkRow mark;
  REQUIRE(DecodeMark(EncodeMark({1, 2, 3, 4, 5}), mark));
  CHECK(mark == MarkRow{1, 2, 3, 4, 5});

  TopicRow topic;
  REQUIRE(DecodeTopic(EncodeTopic({9, {.partitions = 3,
                                       .retention_time = absl::Hours(5),
                                       .retention_bytes = 77,
                                       .compacted = true,
                                       .max_record_bytes = 88}}),
                      topic));
  CHECK(topic.id == 9);
  CHECK(topic.options.partitions == 3);
  CHECK(topic.options.retention_time == absl::Hours(5));
  CHECK(topic.options.retention_bytes == 77);
  CHECK(topic.options.compacted);
  CHECK(topic.options.max_record_bytes == 88);

  int64_t micros = 0;
  int64_t offset = 0;
  std::string prefix;
  REQUIRE(TakeDeletionKey(DeletionKey(12, RecordPrefix(1, 2), 34), micros, prefix, offset));
  CHECK(micros == 12);
  CHECK(prefix == RecordPrefix(1, 2));
  CHECK(offset == 34);
}

}  // namespace
}  // namespace weft::eventlog::internal
