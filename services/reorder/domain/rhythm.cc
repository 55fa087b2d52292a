#include "services/reorder/domain/rhythm.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace weft::reorder {
namespace {

int64_t DayOf(absl::Time time) {
  return absl::ToCivilDay(time, absl::UTCTimeZone()) - absl::CivilDay(1970, 1, 1);
}
absl::Time StartOf(int64_t day) {
  return absl::FromCivil(absl::CivilDay(1970, 1, 1) + day, absl::UTCTimeZone());
}

// Of an even number the mean of the two in the middle, halves up.
int64_t Median(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle] + 1) / 2;
}

}  // namespace

Rhythm FindRhythm(const std::vector<Purchase>& purchases) {
  std::map<int64_t, Decimal> by_day;
  for (const Purchase& purchase : purchases) {
    Decimal& sum = by_day[DayOf(purchase.time)];
    WEFT_CHECK(AddInto(sum, purchase.quantity, sum) == DecimalError::kOk);
  }
  std::vector<int64_t> days;
  std::vector<Decimal> quantities;
  for (const auto& [day, quantity] : by_day) {
    if (quantity.sign() <= 0) continue;
    days.push_back(day);
    quantities.push_back(quantity);
  }
  Rhythm rhythm;
  if (days.empty()) return rhythm;
  rhythm.purchases = static_cast<int>(days.size());
  std::sort(quantities.begin(), quantities.end());
  rhythm.typical = quantities[(quantities.size() - 1) / 2];
  for (const Purchase& purchase : purchases) {
    const int64_t day = DayOf(purchase.time);
    if (purchase.quantity.sign() <= 0) continue;
    if (day == days.front()) rhythm.first = std::min(rhythm.first, purchase.time);
    if (day == days.back()) rhythm.last = std::max(rhythm.last, purchase.time);
  }
  if (days.size() < 2) return rhythm;
  std::vector<int64_t> intervals;
  for (size_t i = 1; i < days.size(); ++i) intervals.push_back(days[i] - days[i - 1]);
  rhythm.interval_days = Median(intervals);
  std::vector<int64_t> distances;
  for (const int64_t interval : intervals) {
    distances.push_back(std::abs(interval - rhythm.interval_days));
  }
  rhythm.deviation_days = Median(distances);
  return rhythm;
}

std::optional<Due> FindDue(const Rhythm& rhythm, const SuggestionPolicy& policy,
                           absl::Time now) {
  if (rhythm.purchases < std::max(policy.min_purchases, 2)) return std::nullopt;
  const int64_t today = DayOf(now);
  const int64_t last = DayOf(rhythm.last);
  const int64_t due = last + rhythm.interval_days;
  if (today < due - policy.lead_days) return std::nullopt;
  if (today > last + policy.lapse_intervals * rhythm.interval_days) return std::nullopt;
  const int64_t regular =
      std::max<int64_t>(0, 100 - 100 * rhythm.deviation_days / rhythm.interval_days);
  return Due{.time = StartOf(due),
             .days_overdue = today - due,
             .confidence_percent =
                 static_cast<int>(regular * (rhythm.purchases - 1) / rhythm.purchases)};
}

Decimal OrderQuantity(const Decimal& typical, const std::optional<Decimal>& minimum,
                      const std::optional<Decimal>& step) {
  Decimal quantity = typical;
  if (minimum.has_value() && quantity < *minimum) quantity = *minimum;
  if (step.has_value() && step->sign() > 0) {
    Decimal stepped;
    if (RoundToStepInto(quantity, *step, RoundingMode::kUp, stepped) == DecimalError::kOk) {
      quantity = stepped;
    }
  }
  return quantity.Normalized();
}

std::string Explain(const Rhythm& rhythm, const Due& due, const std::string& unit,
                    const Decimal& quantity) {
  std::string text = absl::StrCat(
      "bought ", rhythm.purchases, " times, every ", rhythm.interval_days,
      rhythm.interval_days == 1 ? " day" : " days", " (median), usually ",
      rhythm.typical.Normalized().ToString(), " ", unit, "; last on ", DayText(rhythm.last),
      "; due ", DayText(due.time));
  if (quantity != rhythm.typical) {
    absl::StrAppend(&text, "; sold in quantities that make it ",
                    quantity.Normalized().ToString(), " ", unit);
  }
  return text;
}

std::string DayText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone());
}

}  // namespace weft::reorder
