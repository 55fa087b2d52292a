#include "services/erp-connector/domain/time_text.h"

#include "absl/time/civil_time.h"

namespace weft::erp {
namespace {

// Reads `count` digits at `text`'s start and takes them off.
bool Take(absl::string_view& text, size_t count, int& value) {
  if (text.size() < count) return false;
  value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool Take(absl::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<absl::Time> ParseMoment(absl::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!Take(text, 4, year) || !Take(text, '-') || !Take(text, 2, month) || !Take(text, '-') ||
      !Take(text, 2, day) || !Take(text, 'T') || !Take(text, 2, hour) || !Take(text, ':') ||
      !Take(text, 2, minute)) {
    return std::nullopt;
  }
  absl::Duration fraction;
  if (Take(text, ':')) {
    if (!Take(text, 2, second)) return std::nullopt;
    if (Take(text, '.')) {
      absl::Duration unit = absl::Milliseconds(100);
      size_t digits = 0;
      int digit = 0;
      while (digits < 9 && Take(text, 1, digit)) {
        fraction += unit * digit;
        unit /= 10;
        ++digits;
      }
      if (digits == 0) return std::nullopt;
    }
  }
  absl::Duration offset;
  if (!Take(text, 'Z')) {
    const bool east = Take(text, '+');
    if (!east && !Take(text, '-')) return std::nullopt;
    int hours = 0;
    int minutes = 0;
    if (!Take(text, 2, hours) || !Take(text, ':') || !Take(text, 2, minutes) || hours > 23 ||
        minutes > 59) {
      return std::nullopt;
    }
    offset = absl::Hours(hours) + absl::Minutes(minutes);
    if (!east) offset = -offset;
  }
  if (!text.empty() || year < 1 || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const absl::CivilDay civil(year, month, day);
  if (civil.month() != month || civil.day() != day) return std::nullopt;
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                         absl::UTCTimeZone()) +
         fraction - offset;
}

}  // namespace weft::erp
