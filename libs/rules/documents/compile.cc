#include "libs/rules/documents/compile.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "libs/rules/documents/life.h"
#include "libs/rules/rule_set/rule_sets.h"

namespace weft::rules {
namespace {

constexpr size_t kScopesMax = 256;
constexpr char kFlowKind[] = "ApprovalFlow";

// "quote-line@3" → "quote-line".
std::string WithoutVersion(const std::string& reference) {
  return reference.substr(0, reference.find('@'));
}

// Where the rule stands that an analysed table's fault is about: "rules[3]", "rules".
void Place(const Tree& table, Fault& fault) {
  const Tree* at = table.Find("rules");
  if (at == nullptr || fault.line > 0) return;
  absl::string_view path = fault.path;
  size_t rule = 0;
  if (absl::ConsumePrefix(&path, "rules[") && absl::ConsumeSuffix(&path, "]") &&
      absl::SimpleAtoi(path, &rule) && rule < at->items.size()) {
    at = &at->items[rule];
  }
  fault.line = at->line;
  fault.column = at->column;
}

// The schema a document names, or nullptr and a finding.
std::shared_ptr<const FactSchema> SchemaOf(const SetDocument& document, const Rules& rules,
                                           std::vector<Finding>& findings) {
  const Tree* reference = document.tree->Find("schema");
  const std::string id = WithoutVersion(document.tree->TextOr("schema"));
  const auto found = rules.schemas.find(id);
  if (found != rules.schemas.end()) return found->second;
  const Tree& at = reference != nullptr ? *reference : *document.tree;
  findings.push_back({Finding::Severity::kError, id.empty() ? "missing_key" : "unknown_reference",
                      document.key.ToText(), "schema", at.line, at.column,
                      id.empty() ? "the document names no fact schema"
                                 : absl::StrCat("there is no sound fact schema '", id, "'"),
                      "schema: id@version"});
  return nullptr;
}

void CheckPolicy(const SetDocument& document, std::vector<Finding>& findings) {
  static const std::set<std::string> kGates = {"simulated_cases_min", "changed_percent_max",
                                               "net_change_percent_max", "newly_failing_max"};
  const auto bad_permission = [&](const Tree& at, size_t index, std::string message) {
    findings.push_back({Finding::Severity::kError, "bad_permission", document.key.ToText(),
                        absl::StrCat("permissions[", index, "]"), at.line, at.column,
                        std::move(message),
                        "{kind: RuleSet, actions: [publish, rollback], roles: [sales-manager]}"});
  };
  if (const Tree* permissions = document.tree->Find("permissions"); permissions != nullptr) {
    if (!permissions->is_list()) bad_permission(*permissions, 0, "permissions are a list");
    for (size_t i = 0; i < permissions->items.size(); ++i) {
      const Tree& one = permissions->items[i];
      const Tree* roles = one.Find("roles");
      if (roles == nullptr || !roles->is_list() || roles->items.empty()) {
        bad_permission(one, i, "a permission has a list of roles");
      }
      for (const auto& [name, value] : one.fields) {
        if (name != "kind" && name != "organisation" && name != "actions" && name != "roles") {
          bad_permission(value, i, absl::StrCat("'", name, "' is no part of a permission"));
        }
      }
      const Tree* actions = one.Find("actions");
      if (actions == nullptr) continue;
      for (const Tree& action : actions->items) {
        if (std::none_of(std::begin(kDocumentActions), std::end(kDocumentActions),
                         [&](const char* known) { return action.text == known; })) {
          bad_permission(action, i, absl::StrCat("'", action.text, "' is no action: ",
                                                 absl::StrJoin(kDocumentActions, ", ")));
        }
      }
    }
  }
  const Tree* gates = document.tree->Find("gates");
  if (gates == nullptr || !gates->is_map()) return;
  for (const auto& [name, value] : gates->fields) {
    Decimal limit;
    if (kGates.count(name) > 0 && value.is_scalar() &&
        Decimal::ParseInto(value.text, limit) == DecimalError::kOk) {
      continue;
    }
    findings.push_back({Finding::Severity::kError, "bad_gate", document.key.ToText(),
                        absl::StrCat("gates.", name), value.line, value.column,
                        absl::StrCat("'", name, "' is no gate, or its limit no number"),
                        "simulated_cases_min, changed_percent_max, net_change_percent_max, "
                        "newly_failing_max"});
  }
}

void CheckInherit(const SetDocument& document, std::vector<Finding>& findings) {
  const Tree* inherit = document.tree->Find("inherit");
  if (inherit == nullptr || inherit->text == "replace" || inherit->text == "add") return;
  findings.push_back({Finding::Severity::kError, "bad_inherit", document.key.ToText(), "inherit",
                      inherit->line, inherit->column,
                      absl::StrCat("inherit is replace or add, not '", inherit->text, "'"),
                      "replace: it stands alone; add: those found further up hold, too"});
}

}  // namespace

const SetDocument* DocumentSet::Find(absl::string_view kind, absl::string_view id) const {
  for (const SetDocument& document : documents) {
    if (document.key.kind == kind && document.key.id == id) return &document;
  }
  return nullptr;
}

std::string DocumentSet::Signature() const {
  std::string out;
  for (const SetDocument& d : documents) {
    // Two versions of one content compile to the same, but traces name versions.
    absl::StrAppend(&out, d.key.ToText(), " ", d.version, " ", d.platform ? "p " : "", d.hash,
                    "\n");
  }
  return out;
}

DocumentSet Resolve(const std::vector<SetDocument>& documents, const DocumentScope& scope) {
  std::map<std::pair<std::string, std::string>, std::vector<const SetDocument*>> holding;
  const auto better = [](const SetDocument& a, const SetDocument& b) {
    if (a.platform != b.platform) return !a.platform;
    return a.key.scope.rank() > b.key.scope.rank();
  };
  for (const SetDocument& document : documents) {
    if (!document.key.scope.Holds(scope)) continue;
    holding[{document.key.kind, document.key.id}].push_back(&document);
  }
  DocumentSet set;
  for (auto& [unused, documents_of] : holding) {
    std::stable_sort(documents_of.begin(), documents_of.end(),
                     [&](const SetDocument* a, const SetDocument* b) { return better(*a, *b); });
    for (const SetDocument* document : documents_of) {
      set.documents.push_back(*document);
      // Only a flow may say that it comes on top of what is found further up.
      if (document->key.kind != kFlowKind || document->tree->TextOr("inherit") != "add") break;
    }
  }
  return set;
}

std::vector<DocumentScope> ScopesOf(const std::vector<SetDocument>& documents) {
  std::set<std::string> organisations = {""};
  std::set<std::string> branches = {""};
  std::set<std::string> channels = {""};
  for (const SetDocument& document : documents) {
    organisations.insert(document.key.scope.organisation);
    branches.insert(document.key.scope.branch);
    channels.insert(document.key.scope.channel);
  }
  std::vector<DocumentScope> scopes;
  std::set<std::string> seen;
  for (const std::string& organisation : organisations) {
    for (const std::string& branch : branches) {
      for (const std::string& channel : channels) {
        if (scopes.size() >= kScopesMax) return scopes;
        DocumentScope scope{organisation, branch, channel};
        if (seen.insert(Resolve(documents, scope).Signature()).second) scopes.push_back(scope);
      }
    }
  }
  return scopes;
}

bool Kinds::Knows(absl::string_view kind) const {
  return kind == "FactSchema" || kind == "DecisionTable" || kind == "RuleSet" ||
         kind == "TestSuite" || kind == "Policy" || kinds.count(std::string(kind)) > 0;
}

std::shared_ptr<const CompiledSet> CompileSet(DocumentSet resolved, const Kinds& kinds,
                                              const CompileOptions& options) {
  auto out = std::make_shared<CompiledSet>();
  out->set = std::move(resolved);
  std::vector<Finding>& findings = out->findings;
  Rules& rules = out->rules;
  const auto take = [&](const std::vector<Fault>& faults, const SetDocument& document) {
    for (const Fault& fault : faults) findings.push_back(ToFinding(fault, document.key.ToText()));
  };
  for (const SetDocument& document : out->set.documents) {
    if (document.key.kind != "FactSchema") continue;
    std::vector<Fault> faults;
    if (auto schema = FactSchema::Parse(*document.tree, faults); schema != nullptr) {
      rules.schemas[document.key.id] = std::move(schema);
    }
    take(faults, document);
  }
  std::vector<RuleSetSource> sources;
  for (const SetDocument& document : out->set.documents) {
    const std::string& kind = document.key.kind;
    if (kind == "DecisionTable") {
      const auto schema = SchemaOf(document, rules, findings);
      if (schema == nullptr) continue;
      std::vector<Fault> faults;
      auto table = DecisionTable::Parse(*document.tree, schema, faults);
      if (table != nullptr && options.analyse) {
        for (Fault& fault : Analyse(*table)) {
          Place(*document.tree, fault);
          faults.push_back(std::move(fault));
        }
      }
      take(faults, document);
      if (table != nullptr) rules.tables[document.key.id] = std::move(table);
    } else if (kind == "RuleSet") {
      const auto schema = SchemaOf(document, rules, findings);
      if (schema != nullptr) sources.push_back({document.tree.get(), schema});
    } else if (kind == "Policy") {
      CheckPolicy(document, findings);
    } else if (kind == kFlowKind) {
      CheckInherit(document, findings);
    }
    if (const auto own = kinds.kinds.find(kind); own != kinds.kinds.end()) {
      own->second(document, findings);
    } else if (!kinds.Knows(kind)) {
      findings.push_back({Finding::Severity::kError, "unknown_kind", document.key.ToText(), "kind",
                          document.tree->line, document.tree->column,
                          absl::StrCat("this room has no documents of kind ", kind), ""});
    }
  }
  std::vector<Fault> faults;
  rules.rule_sets = ParseRuleSets(
      sources,
      [&](const std::string& id) -> std::shared_ptr<const DecisionTable> {
        const auto found = rules.tables.find(id);
        return found == rules.tables.end() ? nullptr : found->second;
      },
      faults);
  // What refers to a document that is wrong itself is not wrong for that.
  const auto follows = [&](const Fault& fault) {
    if (fault.code != "unknown_reference") return false;
    return std::any_of(out->set.documents.begin(), out->set.documents.end(),
                       [&](const SetDocument& d) {
                         const bool unsound =
                             (d.key.kind == "DecisionTable" && rules.tables.count(d.key.id) == 0) ||
                             (d.key.kind == "RuleSet" && rules.rule_sets.count(d.key.id) == 0);
                         return unsound && HasErrors(findings) &&
                                absl::StrContains(fault.message, absl::StrCat("'", d.key.id, "'"));
                       });
  };
  for (Fault& fault : faults) {
    if (follows(fault)) continue;
    // "pricing.line-price: steps[2].when"
    const size_t colon = fault.path.find(": ");
    std::string document;
    if (colon != std::string::npos) {
      const SetDocument* of = out->set.Find("RuleSet", fault.path.substr(0, colon));
      if (of != nullptr) document = of->key.ToText();
      fault.path = fault.path.substr(colon + 2);
    }
    findings.push_back(ToFinding(fault, document));
  }
  if (out->sound() && kinds.make != nullptr) {
    out->made = kinds.make(out->set, rules, findings);
    if (out->made == nullptr && out->sound()) {
      findings.push_back({.code = "not_usable", .message = "the room cannot use this set"});
    }
  }
  if (options.tests && out->sound()) {
    for (const SetDocument& document : out->set.documents) {
      if (document.key.kind != "TestSuite") continue;
      RunSuite(document, rules, options.now, findings, out->tests_run, out->tests_failed);
    }
  }
  return out;
}

}  // namespace weft::rules
