#include "libs/service/documents/trials.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/money/decimal.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/store.h"

namespace weft::documents {
namespace {

using engine::Turn;

constexpr int kListDefault = 100;
constexpr int kListMax = 1000;
constexpr int kAccountsMax = 1000;
constexpr int kGroupsMax = 100;

absl::Status ShadowNotFound() {
  return NotFound("SHADOW_NOT_FOUND", "nothing is tried beside the active documents, nor was");
}

std::string NumberKey(int64_t number) { return engine::Key().Add(number).Take(); }

absl::StatusOr<v1::Shadow> StartShadow(const v1::ShadowRow& request, Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  WEFT_ASSIGN_OR_RETURN(const rules::PublishingPolicy policy,
                        ReadPolicy(turn, rules::ActiveAt(all, turn.now())));
  for (const v1::ActivatedDocument& document : request.shadow().documents()) {
    WEFT_RETURN_IF_ERROR(
        rules::MayDo(policy, "check", KeyOf(document.ref()), turn.principal().roles));
  }
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ShadowRow> last, turn.Find(kShadows, ""));
  const int64_t number = last.has_value() ? last->shadow().number() : 0;
  if (request.shadow().number() != number + 1) {
    return Aborted("JUDGED_ANEW", "another shadow was started meanwhile; repeat");
  }
  v1::ShadowRow row = request;
  v1::Shadow& shadow = *row.mutable_shadow();
  shadow.set_running(true);
  const Principal& principal = turn.principal();
  shadow.set_by(principal.user.empty() ? principal.subject : principal.user);
  *shadow.mutable_start_time() = TimestampOf(turn.now());
  turn.Put(kShadows, "", row);
  return shadow;
}

absl::StatusOr<v1::Shadow> EndShadow(const std::string& room, const v1::EndShadowRequest& request,
                                     Turn& turn) {
  if (!request.room().empty() && request.room() != room) {
    return InvalidArgument("ROOM_UNKNOWN",
                           absl::StrCat("documents of ", request.room(), " are not kept here"),
                           {{"room", request.room()}});
  }
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ShadowRow> row, turn.Find(kShadows, ""));
  if (!row.has_value()) return ShadowNotFound();
  v1::Shadow& shadow = *row->mutable_shadow();
  if (shadow.running()) {
    shadow.set_running(false);
    *shadow.mutable_end_time() = TimestampOf(turn.now());
    if (!request.reason().empty()) shadow.set_reason(request.reason());
    turn.Put(kShadows, "", *row);
  }
  return shadow;
}

absl::StatusOr<v1::Shadow> KeepShadow(const v1::Shadow& request, Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ShadowRow> row, turn.Find(kShadows, ""));
  // What another one has replaced meanwhile is of no use any more.
  if (!row.has_value() || row->shadow().number() != request.number()) return v1::Shadow();
  *row->mutable_shadow()->mutable_report() = request.report();
  row->mutable_shadow()->set_dropped(request.dropped());
  turn.Put(kShadows, "", *row);
  return v1::Shadow();
}

absl::StatusOr<v1::DecisionsRow> KeepDecisions(const v1::KeepDecisions& request, Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DecisionsRow> found,
                        turn.Find(kDecisionCounts, ""));
  v1::DecisionsRow counts;
  counts.set_first(1);
  if (found.has_value()) counts = *found;
  for (v1::DecisionRow row : request.decisions()) {
    counts.set_last(counts.last() + 1);
    row.mutable_decision()->set_number(counts.last());
    turn.Put(kDecisions, NumberKey(counts.last()), row);
  }
  const int64_t most = std::clamp<int64_t>(request.most(), 1, kDecisionsMax);
  // A smaller bound is reached in steps, so that no turn grows with it.
  for (int i = 0; i < 2000 && counts.last() - counts.first() + 1 > most; ++i) {
    turn.Delete(kDecisions, NumberKey(counts.first()));
    counts.set_first(counts.first() + 1);
  }
  turn.Put(kDecisionCounts, "", counts);
  return counts;
}

Decimal AmountOf(const common::v1::Money& money) {
  Decimal amount;
  return Decimal::ParseInto(money.amount(), amount) == DecimalError::kOk ? amount : Decimal();
}

using Moneys = google::protobuf::RepeatedPtrField<common::v1::Money>;

void AddMoney(const Moneys& more, Moneys& sums) {
  for (const common::v1::Money& money : more) {
    const auto found = std::find_if(sums.begin(), sums.end(), [&](const common::v1::Money& sum) {
      return sum.currency_code() == money.currency_code();
    });
    if (found == sums.end()) {
      *sums.Add() = money;
      continue;
    }
    Decimal sum;
    if (AddInto(AmountOf(*found), AmountOf(money), sum) == DecimalError::kOk) {
      found->set_amount(sum.ToString());
    }
  }
}

}  // namespace

void MountTrials(const std::string& room, engine::Program& program) {
  program.Command<v1::ShadowRow, v1::Shadow>(kStartShadow, &StartShadow);
  program.Command<v1::EndShadowRequest, v1::Shadow>(
      absl::StrCat(kService, "EndShadow"),
      std::function<absl::StatusOr<v1::Shadow>(const v1::EndShadowRequest&, Turn&)>(
          [room](const v1::EndShadowRequest& request, Turn& turn) {
            return EndShadow(room, request, turn);
          }));
  program.Command<v1::Shadow, v1::Shadow>(kKeepShadow, &KeepShadow);
  program.Command<v1::KeepDecisions, v1::DecisionsRow>(kKeepDecisions, &KeepDecisions);
}

absl::StatusOr<v1::Shadow> FindShadow(const engine::RowReader& rows) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ShadowRow> row, rows.Find(kShadows, ""));
  if (!row.has_value()) return ShadowNotFound();
  return row->shadow();
}

absl::StatusOr<v1::ListDecisionsResponse> ListDecisions(const v1::ListDecisionsRequest& request,
                                                        const engine::RowReader& rows) {
  if (request.page_size() < 0) {
    return InvalidArgument("PAGE_SIZE_INVALID",
                           absl::StrCat("page_size ", request.page_size(), " is negative"));
  }
  const int size =
      request.page_size() == 0 ? kListDefault : std::min(request.page_size(), kListMax);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DecisionsRow> counts,
                        rows.Find(kDecisionCounts, ""));
  v1::ListDecisionsResponse response;
  if (!counts.has_value()) return response;
  response.set_total(counts->last() - counts->first() + 1);
  int64_t number = counts->last();
  const std::string query = absl::StrCat("decisions\n", request.account(), "\n",
                                         request.from().ShortDebugString(), "\n",
                                         request.to().ShortDebugString());
  if (!request.page_token().empty()) {
    WEFT_ASSIGN_OR_RETURN(const std::string key, ReadPageToken(query, request.page_token()));
    int64_t shown = 0;
    if (!engine::KeyReader(key).Next(shown)) {
      return PageTokenInvalid();
    }
    number = std::min(number, shown - 1);
  }
  for (; number >= counts->first(); --number) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DecisionRow> row,
                          rows.Find(kDecisions, NumberKey(number)));
    if (!row.has_value()) continue;
    const v1::LoggedDecision& decision = row->decision();
    if ((!request.account().empty() && decision.account() != request.account()) ||
        (request.has_from() && TimeOf(decision.time()) < TimeOf(request.from())) ||
        (request.has_to() && TimeOf(decision.time()) >= TimeOf(request.to()))) {
      continue;
    }
    if (response.decisions_size() == size) {
      response.set_next_page_token(PageToken(
          query, NumberKey(response.decisions(response.decisions_size() - 1).number())));
      break;
    }
    *response.add_decisions() = decision;
  }
  return response;
}

void AddReport(const v1::SimulateResponse& more, v1::SimulateResponse& report) {
  report.set_cases(report.cases() + more.cases());
  report.set_equal(report.equal() + more.equal());
  report.set_changed(report.changed() + more.changed());
  report.set_newly_failing(report.newly_failing() + more.newly_failing());
  report.set_newly_passing(report.newly_passing() + more.newly_passing());
  report.set_skipped(report.skipped() + more.skipped());
  AddMoney(more.baseline_total(), *report.mutable_baseline_total());
  AddMoney(more.candidate_total(), *report.mutable_candidate_total());
  AddMoney(more.change(), *report.mutable_change());
  for (const v1::SimulatedBucket& bucket : more.distribution()) {
    auto& ours = *report.mutable_distribution();
    const auto found = std::find_if(ours.begin(), ours.end(), [&](const v1::SimulatedBucket& b) {
      return b.from_percent() == bucket.from_percent() && b.to_percent() == bucket.to_percent();
    });
    if (found == ours.end()) {
      *ours.Add() = bucket;
    } else {
      found->set_cases(found->cases() + bucket.cases());
    }
  }
  for (const v1::SimulatedGroup& group : more.groups()) {
    auto& ours = *report.mutable_groups();
    auto found = std::find_if(ours.begin(), ours.end(), [&](const v1::SimulatedGroup& g) {
      return g.rule_before() == group.rule_before() && g.rule_after() == group.rule_after();
    });
    if (found == ours.end()) {
      if (ours.size() < kGroupsMax) *ours.Add() = group;
      continue;
    }
    found->set_cases(found->cases() + group.cases());
    AddMoney(group.change(), *found->mutable_change());
    if (!group.examples().empty()) *found->mutable_examples() = group.examples();
  }
  for (const v1::SimulatedAccount& account : more.accounts()) {
    auto& ours = *report.mutable_accounts();
    auto found = std::find_if(ours.begin(), ours.end(), [&](const v1::SimulatedAccount& a) {
      return a.account() == account.account();
    });
    if (found == ours.end()) {
      if (ours.size() < kAccountsMax) *ours.Add() = account;
      continue;
    }
    found->set_cases(found->cases() + account.cases());
    AddMoney(account.change(), *found->mutable_change());
  }
  if (!more.costs().empty()) *report.mutable_costs() = more.costs();
}

}  // namespace weft::documents
