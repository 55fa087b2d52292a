#include "libs/eventlog/event_log.h"

#include <catch2/catch.hpp>
#include <functional>

namespace weft::eventlog {
namespace {

Record Example() {
  Record record;
  record.offset = 5;
  record.append_time = absl::FromUnixMicros(1'700'000'000'000'001);
  record.key = "key";
  record.headers = {{"a", "1"}, {"b", "2"}};
  record.value = "value";
  return record;
}

TEST_CASE("a digest tells every part of a record, but its place", "[eventlog]") {
  const std::string digest = RecordDigest(Example());
  CHECK(digest.size() == 64);
  CHECK(RecordDigest(Example()) == digest);
  Record moved = Example();
  moved.offset = 6;
  CHECK(RecordDigest(moved) == digest);

  const std::vector<std::function<void(Record&)>> changes = {
      [](Record& r) { r.append_time += absl::Microseconds(1); },
      [](Record& r) { r.key = "kez"; },
      [](Record& r) { r.headers[0].value = "2"; },
      [](Record& r) { r.headers[0].name = "b"; },
      [](Record& r) { r.headers.pop_back(); },
      [](Record& r) { std::swap(r.headers[0], r.headers[1]); },
      [](Record& r) { r.value = ""; },
      [](Record& r) { r.value = std::nullopt; },
      // Octets that move from one part to the next.
      [](Record& r) { r.headers = {{"a1", ""}, {"b", "2"}}; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    Record changed = Example();
    changes[i](changed);
    CHECK(RecordDigest(changed) != digest);
  }
}

}  // namespace
}  // namespace weft::eventlog
