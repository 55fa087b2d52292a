// ComparePrices: every line is priced as a shop would ask for it, lines of one account
// and moment together; what made a price is asked for the lines that differ only.
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/asking.h"
#include "services/pricing/comparison_convert.h"
#include "services/pricing/convert.h"
#include "services/pricing/service.h"

namespace weft::pricing {
namespace {

absl::Status ReadAmount(const std::string& text, const char* field, int line,
                        std::optional<Decimal>& out) {
  if (text.empty()) return absl::OkStatus();
  Decimal value;
  if (Decimal::ParseInto(text, value) != DecimalError::kOk) {
    return InvalidArgument("FIELD_INVALID",
                           absl::StrCat("lines[", line, "].", field, ": '", text.substr(0, 60),
                                        "' is no decimal number"),
                           {{"field", absl::StrCat("lines[", line, "].", field)}});
  }
  out = value;
  return absl::OkStatus();
}

// "prices/LIST/85123A/EA/1" names one entry; its book is what people look for.
std::string RuleOf(const v1::PriceExplanation& explanation) {
  for (const v1::PriceCandidate& candidate : explanation.candidates()) {
    if (!candidate.won()) continue;
    return absl::StartsWith(candidate.rule(), "prices/") ? absl::StrCat("books/", candidate.owner())
                                                         : candidate.rule();
  }
  return "";
}

}  // namespace

absl::Status Service::ComparePrices(const Principal& principal,
                                    const v1::ComparePricesRequest& request,
                                    v1::PriceComparison& response) {
  if (request.lines().empty()) {
    return InvalidArgument("LINES_REQUIRED", "compare at least one line", {{"field", "lines"}});
  }
  if (request.lines_size() > settings_.max_lines) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat(request.lines_size(), " lines; a call takes at most ",
                                        settings_.max_lines, ", split the request"),
                           {{"field", "lines"}});
  }
  if (request.noise_lines() < 0) {
    return InvalidArgument("FIELD_INVALID", "noiseLines is below 0", {{"field", "noiseLines"}});
  }
  std::optional<Decimal> tolerance = Decimal::FromUnscaled(1, 2);
  WEFT_RETURN_IF_ERROR(ReadAmount(request.tolerance(), "tolerance", 0, tolerance));
  Gate gate;
  WEFT_RETURN_IF_ERROR(ReadGate(request.gate(), gate));

  google::protobuf::Timestamp now;
  SetTime(absl::ToUnixMicros(clock_.Wall()), now);
  const auto moment_of = [&](const v1::CompareLine& line) {
    return line.has_as_of() ? line.as_of() : request.has_as_of() ? request.as_of() : now;
  };
  std::map<std::pair<std::string, std::pair<int64_t, int32_t>>, std::vector<int>> questions;
  std::vector<ComparedLine> compared(static_cast<size_t>(request.lines_size()));
  for (int i = 0; i < request.lines_size(); ++i) {
    const v1::CompareLine& line = request.lines(i);
    ComparedLine& out = compared[static_cast<size_t>(i)];
    WEFT_RETURN_IF_ERROR(ReadAmount(line.unit_price(), "unitPrice", i, out.theirs.unit));
    WEFT_RETURN_IF_ERROR(ReadAmount(line.net(), "net", i, out.theirs.net));
    WEFT_RETURN_IF_ERROR(ReadAmount(line.again_unit_price(), "againUnitPrice", i, out.again.unit));
    WEFT_RETURN_IF_ERROR(ReadAmount(line.again_net(), "againNet", i, out.again.net));
    out.label = line.label().empty() ? absl::StrCat(i + 1) : line.label();
    out.account = line.account();
    out.sku = line.sku().empty() ? line.customer_sku() : line.sku();
    const google::protobuf::Timestamp at = moment_of(line);
    questions[{line.account(), {at.seconds(), at.nanos()}}].push_back(i);
  }

  Comparison comparison(*tolerance);
  comparison.AddNoise(request.noise_lines());
  for (const auto& [key, lines] : questions) {
    v1::CalculatePricesRequest question;
    question.set_account(key.first);
    question.set_channel(request.channel());
    question.set_currency_code(request.currency_code());
    *question.mutable_as_of() = moment_of(request.lines(lines.front()));
    for (const int i : lines) {
      v1::PriceRequestLine& asked = *question.add_lines();
      asked.set_sku(request.lines(i).sku());
      asked.set_customer_sku(request.lines(i).customer_sku());
      *asked.mutable_quantity() = request.lines(i).quantity();
    }
    std::string bytes;
    v1::CalculatePricesResponse prices;
    const absl::Status status = Calculate(principal, question, bytes);
    if (status.ok() && !prices.ParseFromString(bytes)) return Internal("the answer does not parse");
    // An account that is not known here is a finding, not the end of the comparison;
    // a moment or a currency that cannot be is.
    if (!status.ok() && !absl::IsNotFound(status)) return status;

    for (int n = 0; n < static_cast<int>(lines.size()); ++n) {
      ComparedLine& line = compared[static_cast<size_t>(lines[static_cast<size_t>(n)])];
      line.currency = Currency::Find(status.ok() ? prices.currency_code()
                                                 : request.currency_code());
      std::optional<Decimal> amount;
      const common::v1::Quantity& quantity = question.lines(n).quantity();
      WEFT_RETURN_IF_ERROR(ReadAmount(quantity.value(), "quantity.value",
                                      lines[static_cast<size_t>(n)], amount));
      line.quantity = amount.value_or(Decimal());
      line.unit = quantity.unit();
      if (!status.ok()) {
        line.rule = ReasonOf(status);
        comparison.Add(line);
        continue;
      }
      const v1::PriceLine& ours = prices.lines(n);
      line.sku = ours.sku().empty() ? line.sku : ours.sku();
      line.unit = ours.quantity().unit();
      line.has_price = ours.has_net();
      line.rule = ours.reason().reason();
      line.decision_id = ours.decision_id();
      if (line.has_price) {
        std::optional<Decimal> unit, net;
        WEFT_RETURN_IF_ERROR(ReadAmount(ours.unit_price().amount(), "unitPrice", n, unit));
        WEFT_RETURN_IF_ERROR(ReadAmount(ours.net().amount(), "net", n, net));
        line.our_unit = unit.value_or(Decimal());
        line.our_net = net.value_or(Decimal());
        if (Judge(line, *tolerance).likeness == Likeness::kBeyond) {
          v1::ExplainPriceRequest why;
          why.set_account(question.account());
          why.set_channel(question.channel());
          why.set_currency_code(question.currency_code());
          *why.mutable_as_of() = question.as_of();
          *why.mutable_line() = question.lines(n);
          v1::PriceExplanation explanation;
          if (Explain(principal, why, explanation).ok()) line.rule = RuleOf(explanation);
        }
      }
      comparison.Add(line);
    }
  }
  response = ToProto(comparison, static_cast<size_t>(request.lines_size()));
  if (request.has_gate()) SetVerdict(comparison, gate, response);
  return absl::OkStatus();
}

}  // namespace weft::pricing
