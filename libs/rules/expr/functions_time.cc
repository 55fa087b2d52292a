// Parts of timestamps and durations (LANGUAGE: time).
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/rules/expr/functions.h"

namespace weft::rules::expr {
namespace {

// UTC, an IANA name, or [+-]hh:mm (no sign means plus).
bool FindZone(absl::string_view name, absl::TimeZone& zone) {
  if (name == "UTC") {
    zone = absl::UTCTimeZone();
    return true;
  }
  absl::string_view digits = name;
  int sign = 1;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) {
    sign = digits[0] == '-' ? -1 : 1;
    digits.remove_prefix(1);
  }
  const auto digit = [&](size_t i) { return digits[i] >= '0' && digits[i] <= '9'; };
  if (digits.size() == 5 && digits[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
    const int hours = (digits[0] - '0') * 10 + digits[1] - '0';
    const int minutes = (digits[3] - '0') * 10 + digits[4] - '0';
    if (hours > 23 || minutes > 59) return false;
    zone = absl::FixedTimeZone(sign * (hours * 3600 + minutes * 60));
    return true;
  }
  // Names of the zone database only: no paths, no special names of the library.
  if (name.empty() || name.size() > 64 || name[0] < 'A' || name[0] > 'Z') return false;
  for (const char c : name) {
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
          c == '/' || c == '_' || c == '-' || c == '+')) {
      return false;
    }
  }
  if (name.substr(0, 5) == "Fixed") return false;
  return absl::LoadTimeZone(std::string(name), &zone);  // Cached by Abseil.
}

enum class Part { kYear, kMonth, kDate, kDayOfMonth, kDayOfWeek, kDayOfYear, kHours, kMinutes,
                  kSeconds, kMilliseconds };

template <Part kPart>
Value Get(Context& context, const Value* v, size_t count) {
  if (!context.Charge(1)) return Context::CostExceeded();
  if (v[0].kind == Kind::kDuration && count == 1) {
    constexpr int64_t kSecond = 1'000'000'000;
    switch (kPart) {
      case Part::kHours: return Value::Int(v[0].int_value / (3600 * kSecond));
      case Part::kMinutes: return Value::Int(v[0].int_value / (60 * kSecond));
      case Part::kSeconds: return Value::Int(v[0].int_value / kSecond);
      case Part::kMilliseconds: return Value::Int(v[0].int_value % kSecond / 1'000'000);
      default: return NoOverload();
    }
  }
  if (v[0].kind != Kind::kTimestamp) return NoOverload();
  absl::TimeZone zone = absl::UTCTimeZone();
  if (count == 2) {
    if (v[1].kind != Kind::kString) return NoOverload();
    if (!FindZone(v[1].view(), zone)) {
      return MakeError(context, Code::kInvalidArgument,
                       absl::StrCat("unknown time zone '",
                                    std::string(v[1].view().substr(0, 60)), "'"));
    }
  }
  if constexpr (kPart == Part::kMilliseconds) return Value::Int(v[0].time.nanos / 1'000'000);
  const absl::CivilSecond local =
      absl::ToCivilSecond(absl::FromUnixSeconds(v[0].time.seconds), zone);
  switch (kPart) {
    case Part::kYear: return Value::Int(local.year());
    case Part::kMonth: return Value::Int(local.month() - 1);
    case Part::kDate: return Value::Int(local.day());
    case Part::kDayOfMonth: return Value::Int(local.day() - 1);
    case Part::kDayOfWeek:
      return Value::Int((static_cast<int>(absl::GetWeekday(local)) + 1) % 7);
    case Part::kDayOfYear: return Value::Int(absl::GetYearDay(absl::CivilDay(local)) - 1);
    case Part::kHours: return Value::Int(local.hour());
    case Part::kMinutes: return Value::Int(local.minute());
    case Part::kSeconds: return Value::Int(local.second());
    case Part::kMilliseconds: break;
  }
  return NoOverload();
}

#define OF_TIMESTAMP "timestamp.() int; timestamp.(string) int"
#define OF_BOTH OF_TIMESTAMP "; duration.() int"

constexpr FunctionEntry kEntries[] = {
    {"getFullYear", Get<Part::kYear>, OF_TIMESTAMP},
    {"getMonth", Get<Part::kMonth>, OF_TIMESTAMP},
    {"getDate", Get<Part::kDate>, OF_TIMESTAMP},
    {"getDayOfMonth", Get<Part::kDayOfMonth>, OF_TIMESTAMP},
    {"getDayOfWeek", Get<Part::kDayOfWeek>, OF_TIMESTAMP},
    {"getDayOfYear", Get<Part::kDayOfYear>, OF_TIMESTAMP},
    {"getHours", Get<Part::kHours>, OF_BOTH},
    {"getMinutes", Get<Part::kMinutes>, OF_BOTH},
    {"getSeconds", Get<Part::kSeconds>, OF_BOTH},
    {"getMilliseconds", Get<Part::kMilliseconds>, OF_BOTH},
};

}  // namespace

FunctionEntries TimeFunctions() { return {kEntries, sizeof(kEntries) / sizeof(kEntries[0])}; }

}  // namespace weft::rules::expr
