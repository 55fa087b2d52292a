// Settlements: what is earned less what was paid.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/convert.h"
#include "services/pricing/fact_read.h"
#include "services/pricing/rebates/count.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/rebates/rows.h"
#include "services/pricing/state.h"

namespace weft::pricing::rebates {
namespace {

// Most settlements that one call makes.
constexpr int kMaxSettlements = 500;

// The settlements of `beneficiary` that are due; false when there are more than fit.
absl::StatusOr<bool> SettleOne(const v1::RebateAgreementRow& row, const std::string& beneficiary,
                               Eligibility& eligibility, engine::Turn& turn,
                               v1::SettleRebatesResponse& response) {
  const facts::v1::RebateAgreementChanged& agreement = row.agreement();
  const RebateTerms terms = ToTerms(agreement);
  const int64_t now_us = absl::ToUnixMicros(turn.now());
  WEFT_ASSIGN_OR_RETURN(const auto periods,
                        Count(turn, agreement, beneficiary, Period(), false, eligibility));
  for (const auto& [key, counted] : periods) {
    if (now_us < counted.period.settle_from_us) continue;
    WEFT_ASSIGN_OR_RETURN(const Rebate rebate, ComputeRebate(terms, counted.turnover));
    WEFT_ASSIGN_OR_RETURN(
        const std::vector<v1::RebateSettlement> before,
        SettlementsOfPeriod(turn, agreement.agreement(), beneficiary, key));
    Decimal settled;
    for (const v1::RebateSettlement& one : before) {
      if (one.amount().currency_code() != agreement.currency_code()) {
        return FailedPrecondition(
            "REBATE_CURRENCY_CHANGED",
            absl::StrCat("agreement '", agreement.agreement(), "' was settled in ",
                         one.amount().currency_code(), " before; end it and make a new one"),
            {{"agreement", agreement.agreement()}});
      }
      WEFT_RETURN_IF_ERROR(ToStatus(
          AddInto(settled, read::DecimalOr0(one.amount().amount()), settled), "what was settled"));
    }
    Decimal due;
    WEFT_RETURN_IF_ERROR(ToStatus(SubtractInto(rebate.amount, settled, due), "what is due"));
    if (due.sign() == 0) continue;
    if (response.settlements_size() >= kMaxSettlements) return false;
    const auto number = static_cast<int64_t>(before.size()) + 1;
    v1::RebateSettlement& made = *response.add_settlements();
    made.set_settlement(
        turn.NewId(absl::StrCat(agreement.agreement(), "\x1f", beneficiary, "\x1f", key)));
    made.set_agreement(agreement.agreement());
    made.set_account(beneficiary);
    if (counted.period.period.from_us != kSinceEver) {
      SetTime(counted.period.period.from_us, *made.mutable_from());
    }
    SetTime(counted.period.period.to_us, *made.mutable_to());
    ShowMoney(counted.turnover, terms.currency, *made.mutable_turnover());
    ShowMoney(rebate.amount, terms.currency, *made.mutable_earned());
    ShowMoney(due, terms.currency, *made.mutable_amount());
    SetTime(now_us, *made.mutable_settle_time());
    made.set_user(turn.principal().user);
    made.set_agreement_version(PositionText(static_cast<Stamp>(row.version())));
    v1::RebateSettlementRow kept;
    *kept.mutable_settlement() = made;
    turn.Put(kSettlements, SettlementKey(agreement.agreement(), beneficiary, key, number), kept);
    turn.Emit(engine::kTimeline, absl::StrCat("rebate-settlements/", made.settlement()), made);
  }
  return true;
}

}  // namespace

absl::StatusOr<v1::SettleRebatesResponse> Settle(const v1::SettleRebatesRequest& request,
                                                 engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::RebateAgreementRow> row,
                        turn.Find(kAgreements, request.agreement()));
  if (!row.has_value()) return AgreementNotFound(request.agreement());
  WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> beneficiaries,
                        Beneficiaries(turn, row->agreement(), request.account()));
  v1::SettleRebatesResponse response;
  Eligibility eligibility(turn, row->agreement().target());
  for (const std::string& beneficiary : beneficiaries) {
    WEFT_RETURN_IF_ERROR(ActingAccount(turn.principal(), beneficiary).status());
    WEFT_ASSIGN_OR_RETURN(const bool all,
                          SettleOne(*row, beneficiary, eligibility, turn, response));
    if (!all) {
      response.set_more(true);
      break;
    }
  }
  return response;
}

}  // namespace weft::pricing::rebates
