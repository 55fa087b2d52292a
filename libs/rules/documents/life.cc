#include "libs/rules/documents/life.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"

namespace weft::rules {
namespace {

absl::Status StateWrong(const std::string& what, VersionState state, absl::string_view need) {
  return FailedPrecondition("STATE_WRONG",
                            absl::StrCat(what, " is ", NameOf(state), "; ", need),
                            {{"document", what}, {"state", NameOf(state)}});
}

std::set<std::string> TextsOf(const Tree* tree) {
  std::set<std::string> out;
  if (tree == nullptr) return out;
  if (tree->is_scalar() && !tree->text.empty()) out.insert(tree->text);
  for (const Tree& item : tree->items) out.insert(item.text);
  return out;
}

// part * 100 > percent * whole, exactly; false where a product has too many digits.
bool Exceeds(const Decimal& part, const Decimal& percent, const Decimal& whole) {
  Decimal left;
  Decimal right;
  if (MultiplyInto(part, Decimal(100), left) != DecimalError::kOk ||
      MultiplyInto(percent, whole, right) != DecimalError::kOk) {
    return true;
  }
  return left > right;
}

}  // namespace

const char* NameOf(VersionState state) {
  switch (state) {
    case VersionState::kDraft: return "DRAFT";
    case VersionState::kChecked: return "CHECKED";
    case VersionState::kApproved: return "APPROVED";
    case VersionState::kScheduled: return "SCHEDULED";
    case VersionState::kActive: return "ACTIVE";
    case VersionState::kSuperseded: return "SUPERSEDED";
    case VersionState::kRolledBack: return "ROLLED_BACK";
    case VersionState::kWithdrawn: return "WITHDRAWN";
  }
  return "?";
}

VersionState StateOf(const VersionLife& life) {
  if (life.active) return VersionState::kActive;
  if (life.due) return VersionState::kScheduled;
  if (life.mark == VersionState::kRolledBack || life.mark == VersionState::kWithdrawn) {
    return life.mark;
  }
  return life.published ? VersionState::kSuperseded : life.mark;
}

bool Gates::any() const {
  return simulated_cases_min.has_value() || changed_percent_max.has_value() ||
         net_change_percent_max.has_value() || newly_failing_max.has_value();
}

PublishingPolicy PublishingPolicy::From(const Tree* document) {
  PublishingPolicy policy;
  if (document == nullptr) return policy;
  if (const Tree* approval = document->Find("approval"); approval != nullptr) {
    for (const auto& [kind, wanted] : approval->fields) {
      if (wanted.text == "true") policy.approval.insert(kind);
    }
  }
  if (const Tree* permissions = document->Find("permissions"); permissions != nullptr) {
    for (const Tree& one : permissions->items) {
      const auto named = [&](const char* part) {
        const std::string text = one.TextOr(part);
        return text == "*" ? std::string() : text;
      };
      policy.permissions.push_back({.kind = named("kind"),
                                    .organisation = named("organisation"),
                                    .actions = TextsOf(one.Find("actions")),
                                    .roles = TextsOf(one.Find("roles"))});
    }
  }
  if (const Tree* gates = document->Find("gates"); gates != nullptr) {
    const auto read = [&](const char* name, std::optional<Decimal>& out) {
      const Tree* field = gates->Find(name);
      Decimal value;
      if (field != nullptr && Decimal::ParseInto(field->text, value) == DecimalError::kOk) {
        out = value;
      }
    };
    read("simulated_cases_min", policy.gates.simulated_cases_min);
    read("changed_percent_max", policy.gates.changed_percent_max);
    read("net_change_percent_max", policy.gates.net_change_percent_max);
    read("newly_failing_max", policy.gates.newly_failing_max);
  }
  return policy;
}

bool Permission::Names(absl::string_view action, const DocumentKey& key) const {
  return (kind.empty() || kind == key.kind) &&
         (organisation.empty() || organisation == key.scope.organisation) &&
         (actions.empty() || actions.count(std::string(action)) > 0);
}

absl::Status MayDo(const PublishingPolicy& policy, absl::string_view action,
                   const DocumentKey& key, const std::set<std::string>& roles) {
  std::set<std::string> allowed;
  bool named = false;
  for (const Permission& permission : policy.permissions) {
    if (!permission.Names(action, key)) continue;
    named = true;
    allowed.insert(permission.roles.begin(), permission.roles.end());
  }
  if (!named) {
    allowed = {"pricing-manager", "operator"};
    if (action == "approve") allowed.insert("sales-manager");
  }
  if (key.kind == "Policy" && key.id == kPublishingPolicy) allowed.insert("operator");
  if (std::any_of(roles.begin(), roles.end(),
                  [&](const std::string& role) { return allowed.count(role) > 0; })) {
    return absl::OkStatus();
  }
  const std::string who = allowed.empty() ? "nobody" : absl::StrJoin(allowed, ", ");
  return PermissionDenied("KIND_NOT_ALLOWED",
                          absl::StrCat("to ", action, " ", key.ToText(), " is for ", who),
                          {{"document", key.ToText()},
                           {"kind", key.kind},
                           {"action", std::string(action)},
                           {"roles", who}});
}

absl::Status MayApprove(const std::string& what, VersionState state, absl::string_view author,
                        absl::string_view approver) {
  if (state != VersionState::kChecked) {
    return StateWrong(what, state, "a checked version can be approved");
  }
  if (!author.empty() && author == approver) {
    return PermissionDenied("APPROVER_IS_AUTHOR",
                            absl::StrCat(author, " wrote ", what, "; somebody else approves it"),
                            {{"document", what}});
  }
  return absl::OkStatus();
}

absl::Status MayPublish(const std::string& what, const std::string& kind, VersionState state,
                        bool approved, const PublishingPolicy& policy) {
  if (state == VersionState::kWithdrawn || state == VersionState::kRolledBack) {
    return StateWrong(what, state, "check it again first");
  }
  if (state == VersionState::kDraft) return StateWrong(what, state, "check it first");
  if (!approved && policy.approval.count(kind) > 0) {
    return FailedPrecondition("NOT_APPROVED",
                              absl::StrCat(what, " needs an approval before it is published"),
                              {{"document", what}, {"kind", kind}});
  }
  return absl::OkStatus();
}

absl::Status MayWithdraw(const std::string& what, VersionState state) {
  if (state == VersionState::kDraft || state == VersionState::kChecked ||
      state == VersionState::kApproved) {
    return absl::OkStatus();
  }
  return StateWrong(what, state,
                    "only what is not published can be withdrawn; roll back, or publish without it");
}

std::vector<Finding> PassGates(const Gates& gates, const SimulationFigures& figures) {
  std::vector<Finding> findings;
  const auto add = [&](const char* gate, const Decimal& limit, std::string is) {
    findings.push_back({.code = gate,
                        .document = absl::StrCat("Policy/", kPublishingPolicy),
                        .path = absl::StrCat("gates.", gate),
                        .message = absl::StrCat(is, "; the gate is ", limit.ToString()),
                        .hint = "simulate, look at the report, change the documents or the gate"});
  };
  const Decimal cases(figures.cases);
  if (gates.simulated_cases_min && cases < *gates.simulated_cases_min) {
    add("simulated_cases_min", *gates.simulated_cases_min,
        absl::StrCat(figures.cases, " cases were simulated"));
  }
  if (gates.changed_percent_max &&
      Exceeds(Decimal(figures.changed), *gates.changed_percent_max, cases)) {
    add("changed_percent_max", *gates.changed_percent_max,
        absl::StrCat(figures.changed, " of ", figures.cases, " cases change"));
  }
  if (gates.newly_failing_max &&
      Decimal(figures.newly_failing) > *gates.newly_failing_max) {
    add("newly_failing_max", *gates.newly_failing_max,
        absl::StrCat(figures.newly_failing, " cases fail that had a result"));
  }
  if (gates.net_change_percent_max) {
    for (const auto& [before, after] : figures.totals) {
      Decimal change;
      if (SubtractInto(after, before, change) != DecimalError::kOk ||
          Exceeds(change.Abs(), *gates.net_change_percent_max, before.Abs())) {
        add("net_change_percent_max", *gates.net_change_percent_max,
            absl::StrCat("the total goes from ", before.ToString(), " to ", after.ToString()));
      }
    }
  }
  return findings;
}

}  // namespace weft::rules
