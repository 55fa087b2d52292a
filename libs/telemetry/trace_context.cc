#include "libs/telemetry/trace_context.h"

#include <random>

namespace weft::telemetry {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

bool IsLowerHex(absl::string_view text) {
  for (char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

uint8_t Nibble(char c) {
  return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

std::mt19937_64& Random() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return random;
}

std::string RandomId(int octets) {
  for (;;) {
    std::string id = RandomHex(octets);
    if (!IsZero(id)) return id;
  }
}

}  // namespace

std::string RandomHex(int octets) {
  std::string text;
  text.reserve(static_cast<size_t>(octets) * 2);
  uint64_t bits = 0;
  for (int i = 0; i < octets; ++i) {
    if (i % 8 == 0) bits = Random()();
    text.push_back(kDigits[(bits >> 4) & 15]);
    text.push_back(kDigits[bits & 15]);
    bits >>= 8;
  }
  return text;
}

std::string TraceContext::ToText() const {
  std::string text;
  text.reserve(55);
  text += "00-";
  text += trace_id;
  text += '-';
  text += span_id;
  text += '-';
  text.push_back(kDigits[flags >> 4]);
  text.push_back(kDigits[flags & 15]);
  return text;
}

std::optional<TraceContext> TraceContext::FromText(absl::string_view text) {
  // A later version may append fields; version ff is invalid.
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const absl::string_view version = text.substr(0, 2);
  const absl::string_view trace = text.substr(3, 32);
  const absl::string_view span = text.substr(36, 16);
  const absl::string_view flags = text.substr(53, 2);
  if (!IsLowerHex(version) || version == "ff" || !IsLowerHex(trace) || IsZero(trace) ||
      !IsLowerHex(span) || IsZero(span) || !IsLowerHex(flags)) {
    return std::nullopt;
  }
  if (text.size() > 55 && (version == "00" || text[55] != '-')) return std::nullopt;
  return TraceContext{.trace_id = std::string(trace),
                      .span_id = std::string(span),
                      .flags = static_cast<uint8_t>(Nibble(flags[0]) << 4 | Nibble(flags[1]))};
}

TraceContext TraceContext::New() {
  return {.trace_id = RandomId(16), .span_id = RandomId(8)};
}

TraceContext TraceContext::Child() const {
  return {.trace_id = trace_id, .span_id = RandomId(8), .flags = flags};
}

std::string ChildTraceparent(absl::string_view traceparent) {
  const std::optional<TraceContext> parent = TraceContext::FromText(traceparent);
  return (parent.has_value() ? parent->Child() : TraceContext::New()).ToText();
}

}  // namespace weft::telemetry
