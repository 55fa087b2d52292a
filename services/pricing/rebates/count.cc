#include "services/pricing/rebates/count.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/convert.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/fact_read.h"
#include "services/pricing/rebates/rows.h"

namespace weft::pricing::rebates {
namespace {

// The account and those below it, at most kMaxParents deep, each once.
absl::StatusOr<std::vector<std::string>> WithThoseBelow(const engine::RowReader& rows,
                                                        const std::string& account) {
  std::vector<std::string> all = {account};
  absl::flat_hash_set<std::string> seen = {account};
  size_t first = 0;
  for (int depth = 0; depth < kMaxParents && first < all.size(); ++depth) {
    const size_t end = all.size();
    for (size_t i = first; i < end; ++i) {
      WEFT_RETURN_IF_ERROR(
          rows.Scan(kMembers, MembersOf('p', all[i]),
                    [&](absl::string_view key, const v1::RebateMemberRow&) {
                      engine::KeyReader reader(key);
                      std::string side, parent, child;
                      if (reader.Next(side) && reader.Next(parent) && reader.Next(child) &&
                          seen.insert(child).second) {
                        all.push_back(child);
                      }
                      return true;
                    }));
    }
    first = end;
  }
  return all;
}

void AddOnce(const char* reason, v1::RebateInvoice& invoice) {
  for (const std::string& told : invoice.reasons()) {
    if (told == reason) return;
  }
  invoice.add_reasons(reason);
}

}  // namespace

void ShowMoney(const Decimal& amount, Currency currency, common::v1::Money& out) {
  Decimal shown = amount;
  if (amount.scale() < currency.minor_digits() &&
      RoundInto(amount, currency.minor_digits(), RoundingMode::kDown, shown) !=
          DecimalError::kOk) {
    shown = amount;
  }
  SetMoney(shown, currency, out);
}

RebateTerms ToTerms(const facts::v1::RebateAgreementChanged& agreement) {
  using Fact = facts::v1::RebateAgreementChanged;
  RebateTerms terms;
  terms.mode = agreement.mode() == Fact::MODE_INCREMENTAL ? RebateTerms::Mode::kIncremental
                                                          : RebateTerms::Mode::kRetroactive;
  switch (agreement.period()) {
    case Fact::PERIOD_YEAR: terms.kind = RebateTerms::PeriodKind::kYear; break;
    case Fact::PERIOD_QUARTER: terms.kind = RebateTerms::PeriodKind::kQuarter; break;
    case Fact::PERIOD_MONTH: terms.kind = RebateTerms::PeriodKind::kMonth; break;
    default: terms.kind = RebateTerms::PeriodKind::kWhole; break;
  }
  terms.currency = Currency::Find(agreement.currency_code());
  if (!agreement.time_zone().empty()) absl::LoadTimeZone(agreement.time_zone(), &terms.zone);
  terms.validity = read::ToPeriod(agreement.validity());
  terms.settle_after_days = agreement.settle_after_days();
  for (const facts::v1::RebateTier& tier : agreement.tiers()) {
    terms.tiers.push_back(
        {read::DecimalOr0(tier.from_turnover()), read::DecimalOr0(tier.percent())});
  }
  return terms;
}

absl::StatusOr<std::vector<std::string>> Beneficiaries(
    const engine::RowReader& rows, const facts::v1::RebateAgreementChanged& agreement,
    const std::string& only) {
  std::vector<std::string> all;
  if (!agreement.account().empty()) {
    all.push_back(agreement.account());
  } else {
    WEFT_RETURN_IF_ERROR(rows.Scan(kMembers, MembersOf('g', agreement.group()),
                                   [&](absl::string_view key, const v1::RebateMemberRow&) {
                                     engine::KeyReader reader(key);
                                     std::string side, group, account;
                                     if (reader.Next(side) && reader.Next(group) &&
                                         reader.Next(account)) {
                                       all.push_back(account);
                                     }
                                     return true;
                                   }));
  }
  if (only.empty()) return all;
  if (std::find(all.begin(), all.end(), only) == all.end()) {
    return NotFound("ACCOUNT_NOT_FOUND",
                    absl::StrCat("account '", only.substr(0, 60), "' has no part in agreement '",
                                 agreement.agreement(), "'"),
                    {{"account", only.substr(0, 60)}});
  }
  return std::vector<std::string>{only};
}

Eligibility::Eligibility(const engine::RowReader& rows, const facts::v1::ItemTarget& target)
    : rows_(rows),
      everything_(target.everything()),
      named_(target.skus().begin(), target.skus().end()),
      excepted_(target.except_skus().begin(), target.except_skus().end()),
      named_categories_(target.categories().begin(), target.categories().end()),
      excepted_categories_(target.except_categories().begin(),
                           target.except_categories().end()) {}

absl::StatusOr<const char*> Eligibility::Of(const std::string& sku) {
  const auto it = known_.find(sku);
  if (it != known_.end()) return it->second;
  WEFT_ASSIGN_OR_RETURN(const char* reason, Decide(sku));
  return known_[sku] = reason;
}

absl::StatusOr<const char*> Eligibility::Decide(const std::string& sku) const {
  if (excepted_.contains(sku)) return "EXCEPTED";
  bool about = everything_ || named_.contains(sku);
  if (named_categories_.empty() && excepted_categories_.empty()) {
    return about ? "" : "NOT_IN_TARGET";
  }
  std::vector<std::string> categories;
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateItemRow> item, rows_.Find(kItems, sku));
  if (item.has_value()) {
    categories.assign(item->categories().begin(), item->categories().end());
  }
  size_t first = 0;
  for (int depth = 0; depth < kMaxCategoryDepth && first < categories.size(); ++depth) {
    const size_t end = categories.size();
    for (size_t i = first; i < end; ++i) {
      if (excepted_categories_.contains(categories[i])) return "EXCEPTED";
      about = about || named_categories_.contains(categories[i]);
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateCategoryRow> category,
                            rows_.Find(kCategories, categories[i]));
      if (!category.has_value()) continue;
      if (std::find(categories.begin(), categories.end(), category->parent()) ==
          categories.end()) {
        categories.push_back(category->parent());
      }
    }
    first = end;
  }
  return about ? "" : "NOT_IN_TARGET";
}

absl::StatusOr<std::map<int64_t, Counted>> Count(
    const engine::RowReader& rows, const facts::v1::RebateAgreementChanged& agreement,
    const std::string& beneficiary, const Period& within, bool show, Eligibility& eligibility) {
  const RebateTerms terms = ToTerms(agreement);
  const Period window = Intersection(within, terms.validity);
  std::map<int64_t, Counted> periods;
  std::vector<std::string> buyers = {beneficiary};
  if (agreement.group().empty()) {
    WEFT_ASSIGN_OR_RETURN(buyers, WithThoseBelow(rows, beneficiary));
  }
  absl::Status status;
  RebatePeriod period;
  Counted* counted = nullptr;
  const auto count = [&](const std::string& buyer, int64_t counts_us, const std::string& number,
                         const v1::RebateInvoiceRow& row) -> absl::Status {
    if (counted == nullptr || !period.period.Contains(counts_us)) {
      if (!FindRebatePeriod(terms, counts_us, period)) return absl::OkStatus();
      counted = &periods[period.key_us];
      counted->period = period;
    }
    ++counted->invoices;
    v1::RebateInvoice told;
    Decimal eligible, excluded;
    for (const v1::RebateInvoiceRow::Line& line : row.lines()) {
      const Decimal net = read::DecimalOr0(line.net());
      const char* reason = "OTHER_CURRENCY";
      if (row.currency_code() == agreement.currency_code()) {
        WEFT_ASSIGN_OR_RETURN(reason, eligibility.Of(line.sku()));
      }
      Decimal& sum = *reason == '\0' ? eligible : excluded;
      WEFT_RETURN_IF_ERROR(ToStatus(AddInto(sum, net, sum), "the sum of an invoice"));
      if (*reason == '\0') {
        Decimal& side = net.sign() < 0 ? counted->credited : counted->invoiced;
        WEFT_RETURN_IF_ERROR(ToStatus(AddInto(side, net, side), "the turnover"));
        WEFT_RETURN_IF_ERROR(
            ToStatus(AddInto(counted->turnover, net, counted->turnover), "the turnover"));
      } else if (show) {
        AddOnce(reason, told);
      }
    }
    if (!show) return absl::OkStatus();
    told.set_invoice(number);
    told.set_account(buyer);
    SetTime(row.time_us(), *told.mutable_time());
    told.set_credit_of(row.credit_of());
    ShowMoney(eligible, terms.currency, *told.mutable_eligible());
    ShowMoney(excluded, Currency::Find(row.currency_code()), *told.mutable_excluded());
    counted->shown.push_back(std::move(told));
    return absl::OkStatus();
  };
  for (const std::string& buyer : buyers) {
    counted = nullptr;
    const std::string start =
        window.from_us == kSinceEver
            ? std::string()
            : InvoicesOf(buyer) + engine::Key().Add(window.from_us).Take();
    WEFT_RETURN_IF_ERROR(rows.Scan(
        kInvoices, InvoicesOf(buyer),
        [&](absl::string_view key, const v1::RebateInvoiceRow& row) {
          engine::KeyReader reader(key);
          std::string account, number;
          int64_t counts_us = 0;
          if (!reader.Next(account) || !reader.Next(counts_us) || !reader.Next(number)) {
            return true;
          }
          if (counts_us >= window.to_us) return false;
          status = count(buyer, counts_us, number, row);
          return status.ok();
        },
        start));
    WEFT_RETURN_IF_ERROR(status);
  }
  for (auto& [key, one] : periods) {
    std::stable_sort(one.shown.begin(), one.shown.end(),
                     [](const v1::RebateInvoice& a, const v1::RebateInvoice& b) {
                       const int64_t at = MicrosOf(a.time());
                       const int64_t bt = MicrosOf(b.time());
                       return at != bt ? at < bt : a.invoice() < b.invoice();
                     });
    if (one.shown.size() > kMaxShown) one.shown.resize(kMaxShown);
  }
  return periods;
}

absl::StatusOr<std::vector<v1::RebateSettlement>> SettlementsOfPeriod(
    const engine::RowReader& rows, const std::string& agreement, const std::string& account,
    int64_t period) {
  std::vector<v1::RebateSettlement> found;
  WEFT_RETURN_IF_ERROR(rows.Scan(kSettlements, SettlementsOf(agreement, account, period),
                                 [&](absl::string_view, const v1::RebateSettlementRow& row) {
                                   found.push_back(row.settlement());
                                   return true;
                                 }));
  return found;
}

}  // namespace weft::pricing::rebates
