// The small parts: keys, tokens, times, headers, the clock, the queue.
#include <catch2/catch.hpp>

#include <random>

#include "libs/base/error.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/event.h"
#include "libs/engine/input_queue.h"
#include "libs/engine/layout.h"
#include "libs/engine/row_cache.h"
#include "libs/engine/shard_clock.h"
#include "libs/engine/table.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

TEST_CASE("keys sort as their parts do and read back", "[parts]") {
  const auto key = [](const std::string& text, int64_t number) {
    return Key().Add(text).Add(number).Take();
  };
  const std::vector<std::pair<std::string, int64_t>> sorted = {
      {"", 5},  {"", 6}, {std::string("\0", 1), 0}, {std::string("\0a", 2), 0}, {"a", INT64_MIN},
      {"a", -1}, {"a", 0}, {"a", INT64_MAX}, {std::string("a\0", 2), 0}, {"aa", -5}, {"b", -9},
      {"\xff", 0}};
  for (size_t i = 0; i < sorted.size(); ++i) {
    const std::string bytes = key(sorted[i].first, sorted[i].second);
    if (i > 0) CHECK(key(sorted[i - 1].first, sorted[i - 1].second) < bytes);
    KeyReader reader(bytes);
    std::string text;
    int64_t number = 0;
    REQUIRE(reader.Next(text));
    REQUIRE(reader.Next(number));
    CHECK(reader.done());
    CHECK(text == sorted[i].first);
    CHECK(number == sorted[i].second);
  }
  std::string text;
  CHECK_FALSE(KeyReader("abc").Next(text));
  CHECK_FALSE(KeyReader(absl::string_view("a\0\x05", 3)).Next(text));
  int64_t number;
  CHECK_FALSE(KeyReader("1234567").Next(number));
}

TEST_CASE("tokens read back, and anything else is refused", "[parts]") {
  const Token token{"pricing", 63, "weft.facts.v1", INT64_MAX};
  CHECK(Token::FromText(token.ToText()).value() == token);
  CHECK(Token().ToText().empty());
  CHECK(Token::FromText("").value() == Token());
  for (const char* text : {"x", "!!", "AAAA", "AQ", "AQdwcmljaW5n"}) {
    CAPTURE(text);
    CHECK(ReasonOf(Token::FromText(text).status()) == "TOKEN_INVALID");
  }
  std::mt19937 random(7);
  std::string text = token.ToText();
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = text;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    (void)Token::FromText(damaged);  // Any answer, no crash.
  }
}

TEST_CASE("event times read back to the microsecond", "[parts]") {
  for (const int64_t micros : {int64_t{0}, int64_t{1}, int64_t{1'767'225'599'999'999},
                               int64_t{951'782'400'000'000}, int64_t{4'102'444'800'123'456}}) {
    const absl::Time t = absl::FromUnixMicros(micros);
    absl::Time back;
    REQUIRE(ParseEventTime(FormatEventTime(t), back));
    CHECK(back == t);
  }
  absl::Time t;
  CHECK(ParseEventTime("2026-01-31T12:00:00+01:00", t));
  CHECK(t == absl::FromUnixSeconds(1769857200));
  for (const char* text : {"", "yesterday", "2026-13-31T12:00:00.000000Z",
                           "2026-01-31T25:00:00.000000Z", "2026-0a-31T12:00:00.000000Z"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseEventTime(text, t));
  }
}

TEST_CASE("an event's headers read back", "[parts]") {
  EventHeaders headers;
  headers.room = "pricing";
  headers.number = 42;
  headers.type = "weft.facts.v1.ItemChanged";
  const std::string time = FormatEventTime(absl::FromUnixSeconds(1'767'225'600));
  headers.time_text = time;
  headers.subject = "items/1";
  headers.tenant = "t1";
  headers.traceparent = "00-1-2-01";
  eventlog::Record record;
  record.offset = 9;
  record.headers = MakeEventHeaders(headers);
  record.value = "payload";

  auto event = TakeEvent("weft.facts.v1", 3, record);

  REQUIRE(event.ok());
  CHECK(event->source == "pricing");
  CHECK(event->number == 42);
  CHECK(event->type == "weft.facts.v1.ItemChanged");
  CHECK(event->subject == "items/1");
  CHECK(event->tenant == "t1");
  CHECK(event->traceparent == "00-1-2-01");
  CHECK(event->payload == "payload");
  CHECK(event->time == absl::FromUnixSeconds(1'767'225'600));
  MoveBack(*event, record);
  CHECK(*record.value == "payload");
}

TEST_CASE("a header that is missing or malformed makes an event unreadable", "[parts]") {
  const auto [name, value] = GENERATE(table<std::string, std::string>({
      {"ce_id", ""}, {"ce_id", "x"}, {"ce_id", "0"}, {"ce_id", "-1"}, {"ce_id", "1e3"},
      {"ce_id", "99999999999999999999"}, {"ce_type", ""}, {"ce_source", ""},
      {"ce_source", "/other/room"}, {"ce_source", "/weft/"}, {"ce_time", ""},
      {"ce_time", "noon"}, {"weft_tenant", ""}}));
  CAPTURE(name, value);
  EventHeaders headers;
  headers.room = "pricing";
  headers.number = 42;
  headers.type = "t";
  headers.time_text = "2026-01-31T12:00:00.000000Z";
  headers.tenant = "t1";
  eventlog::Record record;
  record.headers = MakeEventHeaders(headers);
  for (auto& h : record.headers) {
    if (h.name == name) h.value = value;
  }
  CHECK(ReasonOf(TakeEvent("t", 0, record).status()) == "EVENT_UNREADABLE");
}

TEST_CASE("rows of the engine read back", "[parts]") {
  layout::OutboxRow row;
  row.sequence = 7;
  row.bytes_before = 1234;
  row.partition = 63;
  row.topic = "t.v1";
  row.number = 99;
  row.record.key = std::string("t1\0k", 4);
  row.record.headers = {{"a", "b"}, {"", ""}};
  const bool tombstone = GENERATE(false, true);
  if (!tombstone) row.record.value = "";

  const auto back = layout::ParseOutbox(layout::SequenceKey(7), layout::EncodeOutbox(row));

  REQUIRE(back.has_value());
  CHECK(back->sequence == 7);
  CHECK(back->bytes_before == 1234);
  CHECK(back->partition == 63);
  CHECK(back->topic == "t.v1");
  CHECK(back->number == 99);
  CHECK(back->record.key == row.record.key);
  CHECK(back->record.headers == row.record.headers);
  CHECK(back->record.value.has_value() == !tombstone);
  const std::string bytes = layout::EncodeOutbox(row);
  for (size_t n = 0; n + 1 < bytes.size(); ++n) {
    (void)layout::ParseOutbox(layout::SequenceKey(7), absl::string_view(bytes).substr(0, n));
  }
}

// --- Time ----------------------------------------------------------------------------

struct TestClock {
  absl::Time wall = absl::FromUnixSeconds(1'000'000);
  absl::Duration boot = absl::Hours(1);
  ShardClock clock{absl::InfinitePast(), wall, boot};
  absl::Time Pass(absl::Duration d) {
    wall += d;
    boot += d;
    return clock.Advance(wall, boot);
  }
};

TEST_CASE("shard time advances with the clocks", "[parts][G14]") {
  TestClock t;
  CHECK(t.Pass(absl::Seconds(10)) == absl::FromUnixSeconds(1'000'010));
  CHECK(t.clock.backward_steps() == 0);
  CHECK(t.clock.forward_steps() == 0);
}

TEST_CASE("shard time stands still while the wall clock is behind", "[parts][G14]") {
  TestClock t;
  t.wall -= absl::Hours(2);
  CHECK(t.Pass(absl::Hours(1)) == absl::FromUnixSeconds(1'000'000));
  CHECK(t.clock.backward_steps() == 1);
  CHECK(t.Pass(absl::Hours(1) + absl::Seconds(5)) == absl::FromUnixSeconds(1'000'005));
  CHECK(t.clock.backward_steps() == 1);
}

TEST_CASE("a small forward step is followed at once", "[parts][G14]") {
  TestClock t;
  t.wall += absl::Seconds(59);
  CHECK(t.Pass(absl::Seconds(1)) == absl::FromUnixSeconds(1'000'060));
  CHECK(t.clock.forward_steps() == 0);
}

TEST_CASE("a large forward step is followed after five minutes only", "[parts][G14]") {
  TestClock t;
  t.wall += absl::Hours(3);
  CHECK(t.Pass(absl::Seconds(1)) == absl::FromUnixSeconds(1'000'001));
  CHECK(t.Pass(absl::Minutes(4)) == absl::FromUnixSeconds(1'000'241));
  CHECK(t.clock.forward_steps() == 1);
  CHECK(t.Pass(absl::Minutes(1)) == absl::FromUnixSeconds(1'000'301) + absl::Hours(3));
}

TEST_CASE("a large forward step that goes away is never followed", "[parts][G14]") {
  TestClock t;
  t.wall += absl::Hours(3);
  t.Pass(absl::Minutes(4));
  t.wall -= absl::Hours(3);
  CHECK(t.Pass(absl::Minutes(4)) == absl::FromUnixSeconds(1'000'480));
  CHECK(t.clock.forward_steps() == 1);
}

TEST_CASE("on opening shard time is the later of stored and wall", "[parts][G14]") {
  const absl::Time wall = absl::FromUnixSeconds(1'000'000);
  CHECK(ShardClock(wall + absl::Hours(1), wall, {}).now() == wall + absl::Hours(1));
  CHECK(ShardClock(wall - absl::Hours(1), wall, {}).now() == wall);
}

TEST_CASE("shard time never goes back, whatever the clocks do", "[parts][G14]") {
  const auto seed = static_cast<unsigned>(Catch::rngSeed());
  CAPTURE(seed);
  std::mt19937 random(seed);
  TestClock t;
  absl::Time last = t.clock.now();
  for (int i = 0; i < 10'000; ++i) {
    if (random() % 10 == 0) {
      t.wall += absl::Milliseconds(static_cast<int64_t>(random() % 20'000'000)) -
                absl::Milliseconds(10'000'000);
    }
    const absl::Time now = t.Pass(absl::Milliseconds(random() % 10'000));
    REQUIRE(now >= last);
    last = now;
  }
}

// --- The queue -------------------------------------------------------------------------

absl::Status Push(InputQueue& queue, const std::string& tenant, bool exempt = false) {
  CommandInput input;
  input.command.principal.tenant = tenant;
  return queue.PushCommand(input, exempt);
}

TEST_CASE("a full queue refuses at once, but never an undo", "[parts][G16]") {
  InputQueue queue(QueueOptions{.commands_max = 4});
  for (const char* tenant : {"a", "b", "c", "d"}) REQUIRE(Push(queue, tenant).ok());

  const absl::Status refused = Push(queue, "e");
  CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
  CHECK(ReasonOf(refused) == "SHARD_BUSY");
  CHECK(Push(queue, "e", /*exempt=*/true).ok());

  queue.Take(absl::ZeroDuration(), 2);
  CHECK(Push(queue, "e").ok());
}

TEST_CASE("no tenant holds more than half of the queue", "[parts][G16]") {
  InputQueue queue(QueueOptions{.commands_max = 6});
  for (int i = 0; i < 3; ++i) REQUIRE(Push(queue, "greedy").ok());

  CHECK(ReasonOf(Push(queue, "greedy")) == "SHARD_BUSY");
  for (int i = 0; i < 3; ++i) CHECK(Push(queue, "modest").ok());
  queue.Take(absl::ZeroDuration(), 1);
  CHECK(Push(queue, "greedy").ok());
}

TEST_CASE("commands are refused while the log is behind, undos are not", "[parts][G20]") {
  InputQueue queue(QueueOptions{});
  queue.SetLogBehind(true);
  CHECK(ReasonOf(Push(queue, "a")) == "LOG_BEHIND");
  CHECK(Push(queue, "a", /*exempt=*/true).ok());
  queue.SetLogBehind(false);
  CHECK(Push(queue, "a").ok());
}

TEST_CASE("a closed queue gives what it holds and takes no inputs", "[parts]") {
  InputQueue queue(QueueOptions{});
  REQUIRE(Push(queue, "a").ok());
  int jobs = 0;
  queue.Post([&] { ++jobs; });
  queue.Close();
  CHECK(ReasonOf(Push(queue, "a")) == "SHARD_STOPPED");
  CHECK_FALSE(queue.PushRecords({}));
  queue.Post([&] { ++jobs; });

  auto work = queue.Take(absl::ZeroDuration(), 10);
  CHECK(work.inputs.size() == 1);
  CHECK(work.jobs.size() == 2);
  CHECK_FALSE(work.closed);
  work = queue.Take(absl::ZeroDuration(), 10);
  CHECK(work.jobs.empty());
  CHECK(work.closed);
  queue.Abandon();
  queue.Post([&] { ++jobs; });
  CHECK(queue.Take(absl::ZeroDuration(), 10).jobs.empty());
}

TEST_CASE("the row cache stays near its budget and keeps what is used", "[parts]") {
  RowCache cache(100'000);
  cache.Insert("hot", "1");
  int lost = 0;
  for (int i = 0; i < 10'000; ++i) {
    cache.Insert("row-" + std::to_string(i), std::string(100, 'x'));
    if (i % 50 == 0 && cache.Find("hot") == nullptr) ++lost;
  }
  CHECK(lost == 0);
  CHECK(cache.Find("row-0") == nullptr);
  CHECK(cache.Find("row-9999") != nullptr);
  cache.Insert("gone", std::nullopt);
  REQUIRE(cache.Find("gone") != nullptr);
  CHECK_FALSE(cache.Find("gone")->has_value());
}

}  // namespace
TEST_CASE("times come back from their bytes, the infinite ones too", "[engine]") {
  for (const absl::Time time : {absl::InfinitePast(), absl::UnixEpoch(), absl::FromUnixMicros(-1),
                                absl::InfiniteFuture()}) {
    std::string bytes;
    AppendTime(bytes, time);
    absl::Time read;
    REQUIRE(WireReader(bytes).Time(read));
    CHECK(read == time);
  }
}

}  // namespace weft::engine
