// What rebates answer.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/room.h"
#include "services/pricing/asking.h"
#include "services/pricing/convert.h"
#include "services/pricing/fact_read.h"
#include "services/pricing/rebates/count.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/rebates/rows.h"
#include "services/pricing/state.h"

namespace weft::pricing::rebates {
namespace {

constexpr char kList[] = "weft.pricing.v1.RebateService/ListRebates";
constexpr char kStatement[] = "weft.pricing.v1.RebateService/GetRebateStatement";
constexpr char kSettle[] = "weft.pricing.v1.RebateService/SettleRebates";

constexpr int kPageDefault = 100;
constexpr int kPageMax = 500;

// The account, those above it, and its groups, as "a…" and "g…".
absl::StatusOr<std::set<std::string>> OwnersOf(const engine::RowReader& rows,
                                               const std::string& account) {
  std::set<std::string> owners;
  std::string next = account;
  for (int depth = 0; depth <= kMaxParents && !next.empty(); ++depth) {
    if (!owners.insert(absl::StrCat("a", next)).second) break;
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateAccountRow> row,
                          rows.Find(kAccounts, next));
    if (!row.has_value()) break;
    if (depth == 0) {
      for (const std::string& group : row->groups()) owners.insert(absl::StrCat("g", group));
    }
    next = row->parent();
  }
  return owners;
}

absl::StatusOr<v1::ListRebatesResponse> List(const rpc::CallContext& context,
                                             const v1::ListRebatesRequest& request,
                                             const engine::View& view) {
  if (request.page_size() < 0) {
    return InvalidArgument("PAGE_SIZE_INVALID", "page_size must be in 1..500, or 0",
                           {{"field", "page_size"}});
  }
  const int size =
      request.page_size() == 0 ? kPageDefault : std::min(request.page_size(), kPageMax);
  std::set<std::string> owners;
  if (!request.account().empty()) {
    WEFT_ASSIGN_OR_RETURN(const std::string account,
                          ActingAccount(context.principal, request.account()));
    WEFT_ASSIGN_OR_RETURN(owners, OwnersOf(view, account));
  }
  v1::ListRebatesResponse response;
  WEFT_RETURN_IF_ERROR(view.Scan(
      kAgreements, "",
      [&](absl::string_view key, const v1::RebateAgreementRow& row) {
        const facts::v1::RebateAgreementChanged& agreement = row.agreement();
        if (agreement.deleted()) return true;
        const std::string owner = agreement.account().empty()
                                      ? absl::StrCat("g", agreement.group())
                                      : absl::StrCat("a", agreement.account());
        if (!owners.empty() && owners.count(owner) == 0) return true;
        if (owners.empty() && !agreement.account().empty() &&
            !ActingAccount(context.principal, agreement.account()).ok()) {
          return true;
        }
        if (response.agreements_size() == size) {
          response.set_next_page_token(std::string(key));
          return false;
        }
        *response.add_agreements() = agreement;
        return true;
      },
      request.page_token()));
  return response;
}

absl::StatusOr<v1::RebateStatement> Statement(const rpc::CallContext& context,
                                              const v1::GetRebateStatementRequest& request,
                                              const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateAgreementRow> row,
                        view.Find(kAgreements, request.agreement()));
  if (!row.has_value()) return AgreementNotFound(request.agreement());
  const facts::v1::RebateAgreementChanged& agreement = row->agreement();
  const std::string named =
      request.account().empty() ? agreement.account() : request.account();
  if (named.empty()) {
    return InvalidArgument("ACCOUNT_REQUIRED",
                           absl::StrCat("agreement '", agreement.agreement(),
                                        "' is of a group: name the account"),
                           {{"field", "account"}});
  }
  // Whether there is such an account is told only to those who may know.
  WEFT_RETURN_IF_ERROR(ActingAccount(context.principal, named).status());
  WEFT_RETURN_IF_ERROR(Beneficiaries(view, agreement, named).status());
  int64_t at_us = absl::ToUnixMicros(view.now());
  if (request.has_at()) WEFT_RETURN_IF_ERROR(ReadTime(request.at(), "at", at_us));

  const RebateTerms terms = ToTerms(agreement);
  Counted counted;
  if (!FindRebatePeriod(terms, at_us, counted.period)) {
    return FailedPrecondition("NOT_IN_VALIDITY",
                              absl::StrCat("agreement '", agreement.agreement(),
                                           "' is not valid at that moment; name another"),
                              {{"agreement", agreement.agreement()}});
  }
  const RebatePeriod period = counted.period;
  Eligibility eligibility(view, agreement.target());
  WEFT_ASSIGN_OR_RETURN(auto periods,
                        Count(view, agreement, named, period.period, true, eligibility));
  const auto found = periods.find(period.key_us);
  if (found != periods.end()) counted = std::move(found->second);
  WEFT_ASSIGN_OR_RETURN(const Rebate rebate, ComputeRebate(terms, counted.turnover));

  v1::RebateStatement out;
  out.set_agreement(agreement.agreement());
  out.set_account(named);
  if (period.period.from_us != kSinceEver) SetTime(period.period.from_us, *out.mutable_from());
  if (period.period.to_us != kForEver) SetTime(period.period.to_us, *out.mutable_to());
  if (period.settle_from_us != kForEver) {
    SetTime(period.settle_from_us, *out.mutable_settle_from());
  }
  out.set_mode(agreement.mode());
  ShowMoney(counted.invoiced, terms.currency, *out.mutable_invoiced());
  ShowMoney(counted.credited, terms.currency, *out.mutable_credited());
  ShowMoney(counted.turnover, terms.currency, *out.mutable_turnover());
  for (const RebateStep& step : rebate.steps) {
    v1::RebateStep& told = *out.add_steps();
    told.set_from_turnover(step.tier.from.ToString());
    told.set_percent(step.tier.percent.ToString());
    ShowMoney(step.base, terms.currency, *told.mutable_base());
    ShowMoney(step.amount, terms.currency, *told.mutable_amount());
  }
  ShowMoney(rebate.amount, terms.currency, *out.mutable_amount());
  WEFT_ASSIGN_OR_RETURN(
      std::vector<v1::RebateSettlement> settlements,
      SettlementsOfPeriod(view, agreement.agreement(), named, period.key_us));
  Decimal settled, open;
  for (v1::RebateSettlement& one : settlements) {
    WEFT_RETURN_IF_ERROR(ToStatus(
        AddInto(settled, read::DecimalOr0(one.amount().amount()), settled), "what was settled"));
    *out.add_settlements() = std::move(one);
  }
  WEFT_RETURN_IF_ERROR(ToStatus(SubtractInto(rebate.amount, settled, open), "what is open"));
  ShowMoney(settled, terms.currency, *out.mutable_settled());
  ShowMoney(open, terms.currency, *out.mutable_open());
  for (v1::RebateInvoice& invoice : counted.shown) *out.add_invoices() = std::move(invoice);
  out.set_invoice_count(counted.invoices);
  for (const RebateTier& tier : terms.tiers) {
    if (tier.from <= counted.turnover) continue;
    Decimal missing;
    WEFT_RETURN_IF_ERROR(
        ToStatus(SubtractInto(tier.from, counted.turnover, missing), "what is missing"));
    ShowMoney(tier.from, terms.currency, *out.mutable_next_tier()->mutable_from_turnover());
    out.mutable_next_tier()->set_percent(tier.percent.ToString());
    ShowMoney(missing, terms.currency, *out.mutable_next_tier()->mutable_missing());
    break;
  }
  out.set_agreement_version(PositionText(static_cast<Stamp>(row->version())));
  return out;
}

}  // namespace

absl::Status AgreementNotFound(absl::string_view agreement) {
  return NotFound("REBATE_AGREEMENT_NOT_FOUND",
                  absl::StrCat("no rebate agreement '", agreement.substr(0, 60), "'"),
                  {{"agreement", std::string(agreement.substr(0, 60))}});
}

void Mount(engine::Program& program) {
  program.Events(engine::kTimeline, &OnFact);
  program.Events(kErpOrdersTopic, &OnErpOrder);
  program.Command<v1::SettleRebatesRequest, v1::SettleRebatesResponse>(kSettle, &Settle);
}

void Bind(rpc::MethodRegistry& methods, engine::Shards& shards) {
  service::BindRead<v1::ListRebatesRequest, v1::ListRebatesResponse>(methods, shards, kList,
                                                                     &List);
  service::BindRead<v1::GetRebateStatementRequest, v1::RebateStatement>(methods, shards,
                                                                        kStatement, &Statement);
  service::BindCommand<v1::SettleRebatesRequest>(methods, shards, kSettle);
}

}  // namespace weft::pricing::rebates
