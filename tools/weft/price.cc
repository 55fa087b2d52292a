// `weft price`: what an account pays, and why.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::cli {
namespace {

namespace v1 = pricing::v1;

template <typename Request>
absl::Status Fill(Session& session, const PriceOptions& options, Request& request) {
  request.set_account(options.account);
  request.set_channel(options.channel);
  request.set_currency_code(options.currency);
  request.set_user(session.common().user);
  request.set_after(options.after);
  if (!options.as_of.empty() &&
      !google::protobuf::util::TimeUtil::FromString(options.as_of, request.mutable_as_of())) {
    return InvalidArgument("TIME_MALFORMED",
                           absl::StrCat("--as-of '", options.as_of,
                                        "' is no time such as 2026-03-01T07:00:00Z"));
  }
  return absl::OkStatus();
}

void FillLine(const PriceOptions& options, v1::PriceRequestLine& line) {
  line.set_sku(options.sku);
  line.mutable_quantity()->set_value(options.quantity);
  line.mutable_quantity()->set_unit(options.unit);
}

// The price, or the reason why there is none.
void ShowLine(const v1::PriceLine& line, std::ostream& out) {
  Table table({{"sku"},
               {"quantity", Table::Align::kRight},
               {"unit price", Table::Align::kRight},
               {"net", Table::Align::kRight},
               {"note"}});
  const bool priced = line.has_net();
  table.Add({line.sku(), Show(line.quantity()), Show(line.unit_price()), Show(line.net()),
             priced ? line.next_tier().message()
                    : absl::StrCat(line.reason().reason(), ": ", line.reason().message())});
  table.Print(out);
  if (!line.decision_id().empty()) out << "decision  " << line.decision_id() << "\n";
}

void ShowExplanation(const v1::PriceExplanation& explanation, std::ostream& out) {
  ShowLine(explanation.line(), out);
  out << "\n";
  Table steps({{"step"},
               {"amount", Table::Align::kRight},
               {"result", Table::Align::kRight},
               {"rule"},
               {"version"}});
  for (const v1::PriceStep& step : explanation.steps()) {
    steps.Add({step.label(), step.amount(), step.result(), step.rule(), step.version()});
  }
  steps.Print(out);
  if (explanation.candidates_size() == 0) return;
  out << "\n";
  Table candidates({{"candidate"},
                    {"owner"},
                    {"rule"},
                    {"unit price", Table::Align::kRight},
                    {"from", Table::Align::kRight},
                    {"outcome"}});
  for (const v1::PriceCandidate& c : explanation.candidates()) {
    candidates.Add({ShowEnum(v1::CandidateSource_Name(c.source()), "CANDIDATE_SOURCE_"),
                    OrDash(c.owner()), OrDash(c.rule()), Show(c.unit_price()),
                    OrDash(c.tier_minimum_quantity()),
                    c.won() ? "won"
                            : absl::StrCat("lost: ", c.lost().message().empty()
                                                         ? c.lost().reason()
                                                         : c.lost().message())});
  }
  candidates.Print(out);
}

// The answer came, but it is no.
int ExitOfLine(const v1::PriceLine& line) { return line.has_net() ? kOk : kConflict; }

}  // namespace

int Price(Session& session, const PriceOptions& options) {
  if (options.explain) {
    v1::ExplainPriceRequest request;
    if (const auto s = Fill(session, options, request); !s.ok()) return session.Fail(s, "price");
    FillLine(options, *request.mutable_line());
    v1::PriceExplanation explanation;
    const auto status = session.Post("/v1/prices:explain", request, explanation);
    if (!status.ok()) return session.Fail(status, "price");
    if (session.json()) {
      session.PrintJson(explanation);
    } else {
      ShowExplanation(explanation, session.terminal().out);
    }
    return ExitOfLine(explanation.line());
  }
  v1::CalculatePricesRequest request;
  if (const auto s = Fill(session, options, request); !s.ok()) return session.Fail(s, "price");
  FillLine(options, *request.add_lines());
  v1::CalculatePricesResponse response;
  const auto status = session.Post("/v1/prices:calculate", request, response);
  if (!status.ok()) return session.Fail(status, "price");
  if (session.json()) {
    session.PrintJson(response);
  } else {
    for (const v1::PriceLine& line : response.lines()) ShowLine(line, session.terminal().out);
  }
  return response.lines_size() == 0 ? kOk : ExitOfLine(response.lines(0));
}

}  // namespace weft::cli
