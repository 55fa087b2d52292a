#include "services/approval/domain/price_check.h"

#include "absl/strings/str_cat.h"

namespace weft::approval {
namespace {

std::optional<Ending> Changed(size_t index, const PricedLine& line, const Money& expected,
                              const Money& actual) {
  return Ending{.state = OrderState::kRejected,
                .reason = "PRICE_CHANGED",
                .message = absl::StrCat("line ", index + 1, " costs ", actual.ToString(),
                                        " now, not ", expected.ToString()),
                .metadata = {{"line", absl::StrCat(index + 1)},
                             {"sku", line.sku},
                             {"expected", expected.ToString()},
                             {"actual", actual.ToString()}}};
}

}  // namespace

std::optional<Ending> CheckPrices(const std::vector<PricedLine>& lines,
                                  const std::vector<Expected>& expected) {
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].reason.empty()) continue;
    return Ending{
        .state = OrderState::kRejected,
        .reason = lines[i].reason,
        .message = absl::StrCat("line ", i + 1, " has no price: ", lines[i].message),
        .metadata = {{"line", absl::StrCat(i + 1)}, {"sku", lines[i].sku}}};
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const Expected& shown = expected[i];
    if (shown.unit_price.has_value() && *shown.unit_price != lines[i].unit_price) {
      return Changed(i, lines[i], *shown.unit_price, lines[i].unit_price);
    }
    if (shown.net.has_value() && *shown.net != lines[i].net) {
      return Changed(i, lines[i], *shown.net, lines[i].net);
    }
  }
  return std::nullopt;
}

}  // namespace weft::approval
