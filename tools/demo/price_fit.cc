#include "tools/demo/price_fit.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/time/civil_time.h"

namespace weft::demo {
namespace {

// Sales that a further tier, and a further period, must explain at least.
constexpr int64_t kTierCost = 3;
constexpr int64_t kPeriodCost = 6;
// Sales a period has at least, and places that are tried for a cut.
constexpr size_t kPeriodSalesMin = 8;
constexpr size_t kCutsTried = 24;
constexpr int64_t kNever = std::numeric_limits<int64_t>::min() / 4;

struct Fit {
  int64_t explained = 0;  // Sales, less what the tiers cost.
  std::vector<Tier> tiers;
};

using Range = std::pair<size_t, size_t>;

Fit FitRange(const std::vector<Sale>& sales, Range range) {
  // Sales by quantity and price, and the prices that occur more than by chance.
  std::map<int64_t, std::map<int64_t, int64_t>> by_quantity;
  std::map<int64_t, int64_t> by_price;
  for (size_t i = range.first; i < range.second; ++i) {
    ++by_quantity[sales[i].quantity][sales[i].price_milli];
    ++by_price[sales[i].price_milli];
  }
  const auto seldom = std::max<int64_t>(2, static_cast<int64_t>(range.second - range.first) / 200);
  std::vector<int64_t> prices;  // Highest first.
  for (auto price = by_price.rbegin(); price != by_price.rend(); ++price) {
    if (price->second >= seldom) prices.push_back(price->first);
  }
  if (prices.empty()) {
    const auto most = std::max_element(
        by_price.begin(), by_price.end(),
        [](const auto& a, const auto& b) { return a.second < b.second; });
    prices.push_back(most->first);
  }

  // best[j]: most sales explained so far when price j holds at this quantity; a
  // step may only go to a lower price. came[i][j]: the price at the quantity before.
  const size_t count = prices.size();
  std::vector<int64_t> best(count, 0);
  std::vector<std::vector<uint32_t>> came;
  came.reserve(by_quantity.size());
  bool first = true;
  for (const auto& [quantity, sold] : by_quantity) {
    std::vector<int64_t> next(count);
    std::vector<uint32_t>& from = came.emplace_back(count);
    int64_t highest = kNever;  // Best among the higher prices.
    uint32_t highest_at = 0;
    for (size_t j = 0; j < count; ++j) {
      const auto found = sold.find(prices[j]);
      const int64_t here = found == sold.end() ? 0 : found->second;
      const int64_t step = first ? kNever : highest - kTierCost;
      from[j] = step > best[j] ? highest_at : static_cast<uint32_t>(j);
      next[j] = std::max(best[j], step) + here;
      if (best[j] > highest) {
        highest = best[j];
        highest_at = static_cast<uint32_t>(j);
      }
    }
    best = std::move(next);
    first = false;
  }
  size_t price = static_cast<size_t>(std::max_element(best.begin(), best.end()) - best.begin());
  Fit fit;
  fit.explained = best[price];
  size_t i = by_quantity.size();
  for (auto quantity = by_quantity.rbegin(); quantity != by_quantity.rend(); ++quantity) {
    --i;
    const size_t before = came[i][price];
    if (i == 0 || before != price) {
      fit.tiers.push_back({.minimum_quantity = i == 0 ? 1 : quantity->first,
                           .price_milli = prices[price]});
    }
    price = before;
  }
  std::reverse(fit.tiers.begin(), fit.tiers.end());
  return fit;
}

absl::CivilDay DayOf(absl::Time time) { return absl::ToCivilDay(time, absl::UTCTimeZone()); }

void FitInto(const std::vector<Sale>& sales, Range range, std::vector<PricePeriod>& periods) {
  Fit whole = FitRange(sales, range);
  std::vector<size_t> cuts;
  for (size_t i = range.first + kPeriodSalesMin; i + kPeriodSalesMin <= range.second; ++i) {
    if (DayOf(sales[i].time) != DayOf(sales[i - 1].time)) cuts.push_back(i);
  }
  const size_t stride = std::max<size_t>(1, cuts.size() / kCutsTried);
  int64_t best = kNever;
  size_t best_cut = 0;
  for (size_t c = 0; c < cuts.size(); c += stride) {
    const int64_t explained = FitRange(sales, {range.first, cuts[c]}).explained +
                              FitRange(sales, {cuts[c], range.second}).explained;
    if (explained > best) {
      best = explained;
      best_cut = cuts[c];
    }
  }
  const auto clearly = static_cast<int64_t>(range.second - range.first) / 50;
  if (best > whole.explained + kPeriodCost + clearly) {
    FitInto(sales, {range.first, best_cut}, periods);
    FitInto(sales, {best_cut, range.second}, periods);
    return;
  }
  PricePeriod period;
  if (!periods.empty()) {
    // A new price holds from the start of the day of its first sale.
    period.from = absl::FromCivil(DayOf(sales[range.first].time), absl::UTCTimeZone());
    periods.back().to = period.from;
  }
  period.tiers = std::move(whole.tiers);
  periods.push_back(std::move(period));
}

}  // namespace

std::vector<Tier> FitTiers(const std::vector<Sale>& sales) {
  return FitRange(sales, {0, sales.size()}).tiers;
}

std::vector<PricePeriod> FitPeriods(std::vector<Sale> sales) {
  std::stable_sort(sales.begin(), sales.end(),
                   [](const Sale& a, const Sale& b) { return a.time < b.time; });
  std::vector<PricePeriod> periods;
  FitInto(sales, {0, sales.size()}, periods);
  return periods;
}

int64_t PriceAt(const std::vector<Tier>& tiers, int64_t quantity) {
  int64_t price = tiers.front().price_milli;
  for (const Tier& tier : tiers) {
    if (quantity >= tier.minimum_quantity) price = tier.price_milli;
  }
  return price;
}

}  // namespace weft::demo
