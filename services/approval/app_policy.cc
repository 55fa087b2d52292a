// Policies: set by a person, kept by revision, on the audit trail.
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"

namespace weft::approval::app {
namespace {

absl::Status Invalid(const char* field, absl::string_view why) {
  return InvalidArgument("FIELD_INVALID", absl::StrCat(field, " ", why), {{"field", field}});
}

absl::Status CheckDuration(const char* field, bool present,
                           const google::protobuf::Duration& duration, int64_t max_days) {
  if (!present) return absl::OkStatus();
  if (duration.seconds() < 60 || duration.seconds() > max_days * 86400) {
    return Invalid(field, absl::StrCat("must be 1 minute to ", max_days, " days"));
  }
  return absl::OkStatus();
}

absl::Status Check(const v1::Policy& policy) {
  if (policy.approval_limits_size() > 20) {
    return Invalid("policy.approvalLimits", "has more than 20 entries");
  }
  std::set<std::string> currencies;
  for (const common::v1::Money& limit : policy.approval_limits()) {
    const absl::StatusOr<Money> parsed = FromProto(limit);
    if (!parsed.ok() || parsed->amount.sign() < 0) {
      return Invalid("policy.approvalLimits", "must be amounts of money, 0 or above");
    }
    if (!currencies.insert(parsed->currency.code()).second) {
      return Invalid("policy.approvalLimits", "names a currency twice");
    }
  }
  WEFT_RETURN_IF_ERROR(CheckText("policy.approverRole", policy.approver_role(), 40));
  if (!v1::ApproverRule_IsValid(policy.approvers())) {
    return Invalid("policy.approvers", "is not known");
  }
  if (!v1::HoldRule_IsValid(policy.hold())) return Invalid("policy.hold", "is not known");
  WEFT_RETURN_IF_ERROR(CheckDuration("policy.approvalTime", policy.has_approval_time(),
                                     policy.approval_time(), 90));
  WEFT_RETURN_IF_ERROR(
      CheckDuration("policy.quoteTime", policy.has_quote_time(), policy.quote_time(), 366));
  return CheckDuration("policy.erpAnswerTime", policy.has_erp_answer_time(),
                       policy.erp_answer_time(), 30);
}

}  // namespace

absl::StatusOr<v1::Policy> SetPolicy(const Settings& /*settings*/,
                                     const v1::SetPolicyRequest& request, engine::Turn& turn) {
  const std::string id = IdOf(request.name(), "policies");
  if (id != "default" && !(absl::StartsWith(id, "account-") && id.size() > 8)) {
    return Invalid("name", "must be policies/default or policies/account-{account}");
  }
  WEFT_RETURN_IF_ERROR(Check(request.policy()));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::Policy> known, turn.Find(kPolicies, id));
  WEFT_RETURN_IF_ERROR(
      CheckEtag(request.policy().etag(), known.has_value() ? known->etag() : ""));
  v1::Policy policy = request.policy();
  policy.DiscardUnknownFields();
  policy.set_name(absl::StrCat("policies/", id));
  policy.set_revision(known.has_value() ? known->revision() + 1 : 1);
  policy.set_etag(EtagOf(policy.revision()));
  *policy.mutable_update_time() = ToProto(turn.now());
  turn.Put(kPolicies, id, policy);
  v1::Policy said = policy;
  said.clear_update_time();
  WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "policy.set",
                                    .subject = policy.name(),
                                    .subject_revision = policy.revision(),
                                    .detail = said.ShortDebugString()}));
  return policy;
}

}  // namespace weft::approval::app
