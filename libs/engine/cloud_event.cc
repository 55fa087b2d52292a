#include "libs/engine/cloud_event.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "libs/base/error.h"

namespace weft::engine {
namespace {

constexpr absl::string_view kSourcePrefix = "/weft/";

// Digits [at, at + n) as a number; -1 when they are not digits.
int Digits(absl::string_view text, size_t at, size_t n) {
  int value = 0;
  for (size_t i = at; i < at + n; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::vector<eventlog::Header> MakeEventHeaders(const EventHeaders& h) {
  std::vector<eventlog::Header> headers;
  headers.reserve(8);
  headers.push_back({"ce_specversion", "1.0"});
  headers.push_back({"ce_id", absl::StrCat(h.number)});
  headers.push_back({"ce_type", std::string(h.type)});
  headers.push_back({"ce_source", absl::StrCat(kSourcePrefix, h.room)});
  headers.push_back({"ce_time", std::string(h.time_text)});
  headers.push_back({"ce_subject", std::string(h.subject)});
  if (!h.traceparent.empty()) headers.push_back({"traceparent", std::string(h.traceparent)});
  headers.push_back({"weft_tenant", std::string(h.tenant)});
  if (h.generation > 0) headers.push_back({"weft_generation", absl::StrCat(h.generation)});
  return headers;
}

absl::StatusOr<Event> TakeEvent(const std::string& topic, int32_t partition,
                                eventlog::Record& record) {
  Event event;
  const auto unreadable = [&](absl::string_view what) {
    return InvalidArgument("EVENT_UNREADABLE",
                           absl::StrCat("a record of ", topic, " is not an event of ours: ",
                                        what, " is missing or malformed"));
  };
  bool has_time = false;
  for (auto& h : record.headers) {
    if (h.name == "ce_id") {
      if (!absl::SimpleAtoi(h.value, &event.number)) return unreadable("ce_id");
    } else if (h.name == "ce_type") {
      event.type = h.value;
    } else if (h.name == "ce_source") {
      absl::string_view source = h.value;
      if (!absl::StartsWith(source, kSourcePrefix)) return unreadable("ce_source");
      event.source = std::string(source.substr(kSourcePrefix.size()));
    } else if (h.name == "ce_time") {
      if (!ParseEventTime(h.value, event.time)) return unreadable("ce_time");
      has_time = true;
    } else if (h.name == "ce_subject") {
      event.subject = h.value;
    } else if (h.name == "traceparent") {
      event.traceparent = h.value;
    } else if (h.name == "weft_tenant") {
      event.tenant = h.value;
    }
  }
  const bool opening = event.type == kSourceOpened;
  if (opening && GenerationIn(record) < 1) return unreadable("weft_generation");
  if (event.number < (opening ? 0 : 1)) return unreadable("ce_id");
  if (event.type.empty()) return unreadable("ce_type");
  if (event.source.empty() || event.source.find('\0') != std::string::npos) {
    return unreadable("ce_source");
  }
  if (!has_time) return unreadable("ce_time");
  if (event.tenant.empty() || event.tenant.find('\0') != std::string::npos) {
    return unreadable("weft_tenant");
  }
  event.topic = topic;
  event.partition = static_cast<uint32_t>(partition);
  event.offset = record.offset;
  event.append_time = record.append_time;
  event.tombstone = !record.value.has_value();
  if (record.value.has_value()) event.payload = std::move(*record.value);
  return event;
}

int64_t GenerationIn(const eventlog::Record& record) {
  int64_t generation = 0;
  return absl::SimpleAtoi(record.HeaderOr("weft_generation"), &generation) ? generation : 0;
}

void MoveBack(Event& event, eventlog::Record& record) {
  if (record.value.has_value()) record.value = std::move(event.payload);
}

std::string FormatEventTime(absl::Time t) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", t, absl::UTCTimeZone());
}

bool ParseEventTime(absl::string_view text, absl::Time& t) {
  // Our own shape at once: 2026-01-31T12:00:00.123456Z.
  if (text.size() == 27 && text[26] == 'Z' && text[10] == 'T' && text[19] == '.') {
    const int year = Digits(text, 0, 4);
    const int month = Digits(text, 5, 2);
    const int day = Digits(text, 8, 2);
    const int hour = Digits(text, 11, 2);
    const int minute = Digits(text, 14, 2);
    const int second = Digits(text, 17, 2);
    const int micros = Digits(text, 20, 6);
    if (year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 &&
        hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60 && micros >= 0) {
      const int64_t days = absl::CivilDay(year, month, day) - absl::CivilDay(1970, 1, 1);
      t = absl::FromUnixMicros(
          ((days * 24 + hour) * 3600 + minute * 60 + second) * 1'000'000 + micros);
      return true;
    }
  }
  std::string error;
  return absl::ParseTime(absl::RFC3339_full, text, &t, &error);
}

}  // namespace weft::engine
