// Timestamps and durations as text (LANGUAGE: time).
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "libs/rules/expr/value.h"

namespace weft::rules::expr {
namespace {

constexpr int64_t kNanos = 1'000'000'000;

// Reads exactly `count` digits at `at`.
bool Digits(absl::string_view text, size_t& at, int count, int& out) {
  out = 0;
  for (int i = 0; i < count; ++i, ++at) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9') return false;
    out = out * 10 + (text[at] - '0');
  }
  return true;
}

bool Is(absl::string_view text, size_t& at, char c) {
  if (at >= text.size() || text[at] != c) return false;
  ++at;
  return true;
}

std::string Fraction(int64_t nanos) {
  if (nanos == 0) return "";
  std::string digits = absl::StrFormat("%09d", nanos);
  while (digits.back() == '0') digits.pop_back();
  return "." + digits;
}

}  // namespace

std::string TimestampText(int64_t seconds, int32_t nanos) {
  const absl::CivilSecond civil = absl::CivilSecond(1970, 1, 1) + seconds;
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d%sZ", static_cast<int>(civil.year()),
                         civil.month(), civil.day(), civil.hour(), civil.minute(),
                         civil.second(), Fraction(nanos));
}

bool ParseTimestamp(absl::string_view text, int64_t& seconds, int32_t& nanos, Code& code) {
  code = Code::kInvalidArgument;
  size_t at = 0;
  int year, month, day, hour, minute, second;
  if (!Digits(text, at, 4, year) || !Is(text, at, '-') || !Digits(text, at, 2, month) ||
      !Is(text, at, '-') || !Digits(text, at, 2, day) || !Is(text, at, 'T') ||
      !Digits(text, at, 2, hour) || !Is(text, at, ':') || !Digits(text, at, 2, minute) ||
      !Is(text, at, ':') || !Digits(text, at, 2, second)) {
    return false;
  }
  nanos = 0;
  if (Is(text, at, '.')) {
    int digits = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      if (++digits > 9) return false;
      nanos = nanos * 10 + (text[at++] - '0');
    }
    if (digits == 0) return false;
    for (; digits < 9; ++digits) nanos *= 10;
  }
  int64_t offset = 0;
  if (!Is(text, at, 'Z')) {
    const int sign = Is(text, at, '+') ? 1 : Is(text, at, '-') ? -1 : 0;
    int hours, minutes;
    if (sign == 0 || !Digits(text, at, 2, hours) || !Is(text, at, ':') ||
        !Digits(text, at, 2, minutes) || hours > 23 || minutes > 59) {
      return false;
    }
    offset = sign * (hours * 3600 + minutes * 60);
  }
  if (at != text.size() || hour > 23 || minute > 59 || second > 59) return false;
  const absl::CivilDay date(year, month, day);
  if (month < 1 || month > 12 || day < 1 || date.month() != month || date.day() != day) {
    return false;
  }
  seconds = absl::CivilSecond(year, month, day, hour, minute, second) -
            absl::CivilSecond(1970, 1, 1) - offset;
  if (year == 0 || seconds < kSecondsMin || seconds > kSecondsMax) {
    code = Code::kOutOfRange;
    return false;
  }
  return true;
}

std::string DurationText(int64_t nanoseconds) {
  const bool negative = nanoseconds < 0;
  const uint64_t magnitude =
      negative ? 0 - static_cast<uint64_t>(nanoseconds) : static_cast<uint64_t>(nanoseconds);
  return absl::StrCat(negative ? "-" : "", magnitude / kNanos,
                      Fraction(static_cast<int64_t>(magnitude % kNanos)), "s");
}

bool ParseDuration(absl::string_view text, int64_t& nanoseconds, Code& code) {
  code = Code::kInvalidArgument;
  size_t at = 0;
  const bool negative = at < text.size() && text[at] == '-';
  if (negative || (at < text.size() && text[at] == '+')) ++at;
  if (text.substr(at) == "0") {
    nanoseconds = 0;
    return true;
  }
  if (at == text.size()) return false;
  struct Unit {
    const char* name;
    int64_t nanos;
  };
  // Longer names first.
  static constexpr Unit kUnits[] = {{"ms", 1'000'000}, {"us", 1'000},   {"\xC2\xB5s", 1'000},
                                    {"\xCE\xBCs", 1'000}, {"ns", 1},    {"h", 3600 * kNanos},
                                    {"m", 60 * kNanos},   {"s", kNanos}};
  __int128 total = 0;
  constexpr __int128 kMax = static_cast<__int128>(1) << 63;
  while (at < text.size()) {
    __int128 whole = 0;
    std::string fraction;
    int digits = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
      whole = whole * 10 + (text[at] - '0');
      if (whole > kMax) {
        code = Code::kOutOfRange;
        return false;
      }
    }
    if (Is(text, at, '.')) {
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
        if (fraction.size() < 18) fraction.push_back(text[at]);
      }
    }
    if (digits == 0) return false;
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      const absl::string_view name = candidate.name;
      if (text.substr(at, name.size()) == name) {
        unit = &candidate;
        at += name.size();
        break;
      }
    }
    if (unit == nullptr) return false;
    // Whole units and fraction apart: what is below a nanosecond is cut off.
    __int128 scaled = 0;
    __int128 scale = 1;
    for (const char c : fraction) {
      scaled = scaled * 10 + (c - '0');
      scale *= 10;
    }
    total += whole * unit->nanos + scaled * unit->nanos / scale;
    if (total > kMax) {
      code = Code::kOutOfRange;
      return false;
    }
  }
  if (negative) total = -total;
  if (total >= kMax || total < -kMax) {
    code = Code::kOutOfRange;
    return false;
  }
  nanoseconds = static_cast<int64_t>(total);
  return true;
}

}  // namespace weft::rules::expr
