// `weft price compare`: a file of another system's answers, in batches, as one report.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "services/pricing/comparison_convert.h"
#include "tools/weft/commands.h"
#include "tools/weft/importing/report.h"
#include "tools/weft/progress.h"
#include "tools/weft/table.h"

namespace weft::cli {
namespace {

namespace v1 = pricing::v1;

constexpr int kAttempts = 5;

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

void AddLine(const InvoiceRow& row, v1::ComparePricesRequest& request) {
  v1::CompareLine& line = *request.add_lines();
  line.set_account(row.account);
  line.set_sku(row.sku);
  line.mutable_quantity()->set_value(row.quantity);
  line.mutable_quantity()->set_unit(row.unit);
  line.set_unit_price(row.unit_price);
  line.set_net(row.net);
  line.set_again_unit_price(row.again_unit_price);
  line.set_again_net(row.again_net);
  line.set_label(row.invoice.empty() ? absl::StrCat(row.at.line) : row.invoice);
  if (row.time != absl::InfinitePast()) *line.mutable_as_of() = ToProto(row.time);
}

template <typename Groups>
void ShowGroups(const char* title, const Groups& groups, std::ostream& out) {
  if (groups.empty()) return;
  Table table({{title},
               {"lines", Table::Align::kRight},
               {"gross risk", Table::Align::kRight},
               {"net", Table::Align::kRight},
               {"currency"}});
  for (const v1::CompareGroup& group : groups) {
    table.Add({OrDash(group.key()), absl::StrCat(group.lines()), group.money().gross_risk(),
               group.money().net(), OrDash(group.money().currency_code())});
  }
  out << "\n";
  table.Print(out);
}

void ShowComparison(const v1::PriceComparison& report, int limit, std::ostream& out) {
  out << "lines " << report.lines() << ": equal " << report.equal() << " ("
      << report.exact_percent() << " %), within tolerance " << report.within_tolerance() << " ("
      << report.tolerance_percent() << " % with it), beyond " << report.beyond() << "\n";
  if (report.only_theirs() + report.only_ours() > 0) {
    out << "of these without a price here " << report.only_theirs() << ", there "
        << report.only_ours() << "\n";
  }
  out << "noise " << report.noise() << ": differing after it " << report.different_adjusted()
      << " (" << report.different_adjusted_percent() << " %)\n";
  for (const v1::CompareMoney& money : report.money()) {
    out << "gross risk " << money.gross_risk() << " " << money.currency_code() << ", net "
        << money.net() << " " << money.currency_code() << "\n";
  }
  ShowGroups("rule", report.rules(), out);
  ShowGroups("account", report.accounts(), out);
  ShowGroups("item", report.items(), out);
  if (report.worst_size() > 0) {
    Table worst({{"line"},
                 {"account"},
                 {"sku"},
                 {"quantity", Table::Align::kRight},
                 {"theirs", Table::Align::kRight},
                 {"ours", Table::Align::kRight},
                 {"rule"}});
    for (int i = 0; i < report.worst_size() && i < limit; ++i) {
      const v1::CompareDifference& d = report.worst(i);
      worst.Add({d.label(), OrDash(d.account()), d.sku(), Show(d.quantity()), OrDash(d.theirs()),
                 OrDash(d.ours()), d.rule()});
    }
    out << "\n";
    worst.Print(out);
  }
  if (report.has_verdict()) {
    out << "\n" << (report.verdict().passed() ? "the gate is passed" : "the gate is not passed");
    for (const auto& reason : report.verdict().reasons()) {
      out << "\n  " << reason.reason() << ": " << reason.message();
    }
    out << "\n";
  }
}

}  // namespace

int PriceCompare(Session& session, const PriceCompareOptions& options) {
  Terminal& terminal = session.terminal();
  ReadOptions reading;
  if (!absl::LoadTimeZone(options.time_zone, &reading.zone)) {
    return session.Fail(InvalidArgument("TIME_ZONE_UNKNOWN",
                                        absl::StrCat("'", options.time_zone,
                                                     "' is no time zone such as Europe/Berlin")),
                        "price");
  }
  v1::ComparePricesRequest base;
  base.set_channel(options.channel);
  base.set_currency_code(options.currency);
  base.set_tolerance(options.tolerance);
  // All lines are asked for one moment, whenever their batch is sent.
  *base.mutable_as_of() = ToProto(absl::Now());
  if (!options.as_of.empty() &&
      !google::protobuf::util::TimeUtil::FromString(options.as_of, base.mutable_as_of())) {
    return session.Fail(InvalidArgument("TIME_MALFORMED",
                                        absl::StrCat("--as-of '", options.as_of,
                                                     "' is no time such as "
                                                     "2026-03-01T07:00:00Z")),
                        "price");
  }
  v1::CompareGate limits;
  limits.set_different_percent_max(options.different_max);
  limits.set_gross_risk_max(options.risk_max);
  pricing::Gate gate;
  if (const auto s = pricing::ReadGate(limits, gate); !s.ok()) return session.Fail(s, "price");
  std::vector<Finding> findings;
  std::vector<InvoiceRow> rows;
  if (const auto s = ReadInvoices(options.file, reading, true, rows, findings); !s.ok()) {
    return session.Fail(s, "price");
  }

  pricing::Comparison sum;
  sum.AddNoise(options.noise);
  const auto total = static_cast<int64_t>(rows.size());
  Progress progress(terminal, session.common().progress, "comparing", "lines", total);
  for (size_t at = 0; at < rows.size();) {
    v1::ComparePricesRequest request = base;
    while (at < rows.size() && request.lines_size() < options.batch) AddLine(rows[at++], request);
    v1::PriceComparison part;
    absl::Status status;
    for (int attempt = 1; attempt <= kAttempts; ++attempt) {
      status = session.Post("/v1/prices:compare", request, part);
      if (status.code() != absl::StatusCode::kUnavailable) break;
      terminal.sleep(absl::Milliseconds(100) * attempt);
    }
    if (status.ok() && terminal.interrupted && terminal.interrupted()) {
      status = Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
    }
    if (!status.ok()) {
      progress.Finish();
      return session.Fail(status, "price");
    }
    sum.Merge(pricing::FromProto(part));
    progress.Update(static_cast<int64_t>(at), 0);
  }
  progress.Finish();

  v1::PriceComparison report = pricing::ToProto(sum, static_cast<size_t>(options.limit));
  const bool gated = gate.different_percent_max.has_value() || gate.gross_risk_max.has_value();
  if (gated) pricing::SetVerdict(sum, gate, report);
  if (session.json()) {
    session.PrintJson(report);
  } else {
    ShowComparison(report, options.limit, terminal.out);
  }
  if (!findings.empty()) {
    terminal.err << "\nrows that were not compared:\n";
    ShowFindings(findings, terminal.err);
  }
  if (gated) return report.verdict().passed() && CountErrors(findings) == 0 ? kOk : kConflict;
  return report.beyond() == 0 && CountErrors(findings) == 0 ? kOk : kConflict;
}

}  // namespace weft::cli
