// `weft audit-invoices`: what was charged against what had been agreed, on this machine.
#include <filesystem>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/pricing/comparison_convert.h"
#include "tools/weft/commands.h"
#include "tools/weft/importing/local_prices.h"
#include "tools/weft/importing/report.h"
#include "tools/weft/table.h"

namespace weft::cli {
namespace {

using pricing::ComparedLine;
using pricing::Comparison;
using pricing::Judgement;
using pricing::Likeness;
using pricing::MoneyAtRisk;

struct OffLine {
  ComparedLine line;
  Judgement judgement;
  absl::Time time;
};

Decimal Half(const Decimal& sum) {
  Decimal half;
  return DivRound(sum, Decimal(2), sum.scale() + 1, RoundingMode::kHalfUp, half) ==
                 DecimalError::kOk
             ? half.Normalized()
             : sum;
}

// Of what was agreed less what was charged: the part above 0, the part below.
std::string Money(const Decimal& amount, Currency currency) {
  Decimal rounded;
  return RoundInto(amount, currency.minor_digits(), RoundingMode::kHalfUp, rounded) ==
                 DecimalError::kOk
             ? absl::StrCat(rounded.ToString(), " ", currency.code())
             : absl::StrCat(amount.ToString(), " ", currency.code());
}
std::string TooLittle(const MoneyAtRisk& money, Currency currency) {
  Decimal sum;
  return AddInto(money.gross, money.net, sum) == DecimalError::kOk ? Money(Half(sum), currency)
                                                                   : "";
}
std::string TooMuch(const MoneyAtRisk& money, Currency currency) {
  Decimal sum;
  return SubtractInto(money.gross, money.net, sum) == DecimalError::kOk
             ? Money(Half(sum), currency)
             : "";
}

void ShowGroups(const char* title, const Comparison::Groups& groups, int limit,
                std::ostream& out) {
  std::vector<const Comparison::Groups::value_type*> sorted;
  for (const auto& group : groups) sorted.push_back(&group);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return a->second.money.gross > b->second.money.gross;
  });
  if (sorted.size() > static_cast<size_t>(limit)) sorted.resize(static_cast<size_t>(limit));
  if (sorted.empty()) return;
  Table table({{title},
               {"lines", Table::Align::kRight},
               {"charged too little", Table::Align::kRight},
               {"too much", Table::Align::kRight}});
  for (const auto* group : sorted) {
    table.Add({OrDash(group->first.first), absl::StrCat(group->second.lines),
               TooLittle(group->second.money, group->first.second),
               TooMuch(group->second.money, group->first.second)});
  }
  out << "\n";
  table.Print(out);
}

void WriteCsv(const std::vector<OffLine>& lines, std::ostream& out) {
  out << "invoice,date,account,sku,quantity,unit,currency,charged,agreed,difference,rule\n";
  for (const OffLine& off : lines) {
    const ComparedLine& l = off.line;
    out << CsvCell(l.label) << ","
        << absl::FormatTime("%Y-%m-%d", off.time, absl::UTCTimeZone()) << ","
        << CsvCell(l.account) << "," << CsvCell(l.sku) << "," << l.quantity.ToString() << ","
        << CsvCell(l.unit) << "," << l.currency.code() << ","
        << (off.judgement.their_net.has_value() ? off.judgement.their_net->ToString()
            : l.theirs.net.has_value()          ? l.theirs.net->ToString()
                                                : "")
        << ","
        << (l.has_price ? l.our_net.ToString() : "") << ","
        << (off.judgement.difference.has_value() ? off.judgement.difference->ToString() : "")
        << "," << CsvCell(l.rule) << "\n";
  }
}

void ShowAudit(const Comparison& audit, const std::vector<OffLine>& off, int limit,
               std::ostream& out) {
  out << audit.lines << " lines: " << audit.equal + audit.within << " as agreed ("
      << pricing::Percent(audit.equal + audit.within, audit.lines) << " %), "
      << audit.beyond - audit.only_theirs << " charged off the agreed price, "
      << audit.only_theirs << " without an agreed price\n";
  for (const auto& [currency, money] : audit.money) {
    out << "charged too little: " << TooLittle(money, currency)
        << "   too much: " << TooMuch(money, currency) << "   in all: "
        << Money(-money.net, currency) << "\n";
  }
  ShowGroups("agreed by", audit.rules, limit, out);
  ShowGroups("account", audit.accounts, limit, out);
  ShowGroups("item", audit.items, limit, out);
  Table worst({{"invoice"},
               {"account"},
               {"sku"},
               {"quantity", Table::Align::kRight},
               {"charged", Table::Align::kRight},
               {"agreed", Table::Align::kRight},
               {"by"}});
  int shown = 0;
  for (const Comparison::Worst& w : audit.worst) {
    if (!w.judgement.difference.has_value() || ++shown > limit) break;
    worst.Add({OrDash(w.line.label), w.line.account, w.line.sku,
               absl::StrCat(w.line.quantity.ToString(), " ", w.line.unit),
               w.judgement.their_net->ToString(), w.line.our_net.ToString(), w.line.rule});
  }
  if (!worst.empty()) {
    out << "\n";
    worst.Print(out);
    if (off.size() > static_cast<size_t>(shown)) out << "-o csv lists every line\n";
  }
}

// A credit is asked for as what it takes back.
bool IsCredit(const std::string& quantity) { return !quantity.empty() && quantity[0] == '-'; }

}  // namespace

int AuditInvoices(Session& session, const AuditOptions& options) {
  Terminal& terminal = session.terminal();
  ReadOptions reading;
  if (!absl::LoadTimeZone(options.time_zone, &reading.zone)) {
    return session.Fail(InvalidArgument("TIME_ZONE_UNKNOWN",
                                        absl::StrCat("'", options.time_zone,
                                                     "' is no time zone such as Europe/Berlin")),
                        "audit-invoices");
  }
  Decimal tolerance;
  if (Decimal::ParseInto(options.tolerance, tolerance) != DecimalError::kOk) {
    return session.Fail(InvalidArgument("TOLERANCE_INVALID",
                                        absl::StrCat("'", options.tolerance, "' is no amount")),
                        "audit-invoices");
  }
  std::string folder = options.folder;
  if (folder.empty()) folder = std::filesystem::path(options.file).parent_path().string();
  if (folder.empty()) folder = ".";
  Shop shop;
  std::vector<Finding> findings;
  std::vector<InvoiceRow> invoices;
  if (const auto s = ReadFolder(folder, reading, shop, findings); !s.ok()) {
    return session.Fail(s, "audit-invoices");
  }
  if (const auto s = ReadInvoices(options.file, reading, false, invoices, findings); !s.ok()) {
    return session.Fail(s, "audit-invoices");
  }
  const Load load = Check(std::move(shop), findings);
  const LocalPrices prices(load, findings);

  Comparison audit(tolerance);
  std::vector<OffLine> off;
  for (const InvoiceRow& row : invoices) {
    const bool credit = IsCredit(row.quantity);
    const std::string quantity = credit ? row.quantity.substr(1) : row.quantity;
    const LocalPrices::Answer agreed = prices.Price({.account = row.account,
                                                     .sku = row.sku,
                                                     .quantity = quantity,
                                                     .unit = row.unit,
                                                     .currency = row.currency,
                                                     .time = row.time});
    ComparedLine line;
    line.label = row.invoice.empty() ? absl::StrCat("line ", row.at.line) : row.invoice;
    line.account = row.account;
    line.sku = row.sku;
    line.unit = agreed.unit.empty() ? row.unit : agreed.unit;
    line.rule = agreed.rule;
    line.currency = agreed.currency;
    Decimal value;
    if (Decimal::ParseInto(row.quantity, value) == DecimalError::kOk) line.quantity = value;
    if (Decimal::ParseInto(row.unit_price, value) == DecimalError::kOk) line.theirs.unit = value;
    if (Decimal::ParseInto(row.net, value) == DecimalError::kOk) line.theirs.net = value;
    line.has_price = agreed.priced;
    line.our_unit = agreed.unit_price;
    line.our_net = credit ? -agreed.net : agreed.net;
    const Judgement judgement = pricing::Judge(line, tolerance);
    if (judgement.likeness == Likeness::kBeyond) off.push_back({line, judgement, row.time});
    audit.Add(line);
  }

  if (session.common().output == Output::kCsv) {
    WriteCsv(off, terminal.out);
  } else if (session.json()) {
    session.PrintJson(pricing::ToProto(audit, static_cast<size_t>(options.limit)));
  } else {
    ShowAudit(audit, off, options.limit, terminal.out);
  }
  if (!findings.empty()) {
    terminal.err << "\nin the tables:\n";
    ShowFindings(findings, terminal.err);
  }
  return audit.beyond == 0 && CountErrors(findings) == 0 ? kOk : kConflict;
}

}  // namespace weft::cli
