// Trying documents out: one case with its trace, and all cases of a room.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/documents/judge.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/service.h"
#include "libs/service/documents/sets.h"
#include "libs/service/documents/simulate_suites.h"
#include "libs/service/documents/store.h"

namespace weft::documents {
namespace {

using rules::expr::Value;

void AddSteps(const std::vector<rules::StepTrace>& trace, const std::string& path,
              v1::EvaluateResponse& response) {
  for (const rules::StepTrace& step : trace) {
    v1::EvaluatedStep& out = *response.add_steps();
    out.set_id(path + step.id);
    out.set_ran(step.ran);
    for (const auto& assigned : step.assigned) {
      out.add_assigned(absl::StrCat(assigned.name, " = ", assigned.text));
    }
    for (const std::string& rule : step.rules) out.add_rules(rule);
    out.set_reason(step.reason);
    AddSteps(step.inner, absl::StrCat(path, step.id, "/"), response);
  }
}

// The cases of the suites that are given, else of those that count with the candidates.
absl::StatusOr<v1::SimulateResponse> SimulateSuiteCases(const v1::SimulateRequest& request,
                                                        Sets& baseline, Sets& candidate,
                                                        absl::Time now) {
  const rules::CompiledSet* before = baseline.For({});
  const rules::CompiledSet* after = candidate.For({});
  if (before == nullptr || after == nullptr) {
    return FailedPrecondition("RULES_STALE", "the documents to compare with do not compile");
  }
  std::vector<rules::SetDocument> suites;
  for (const std::string& text : request.suites()) {
    rules::Document read;
    std::vector<rules::Finding> findings;
    if (!rules::ReadDocument(text, read, findings)) return CheckFailed(findings);
    if (read.key.kind != "TestSuite") {
      return InvalidArgument("SOURCE_WRONG",
                             absl::StrCat(read.key.ToText(), " is no test suite; cases stand in "
                                                             "documents of kind TestSuite"),
                             {{"document", read.key.ToText()}});
    }
    suites.push_back({.key = read.key, .hash = read.hash, .tree = read.tree,
                      .source = std::make_shared<const std::string>(text)});
  }
  if (suites.empty()) {
    for (const rules::SetDocument& document : after->set.documents) {
      if (document.key.kind == "TestSuite") suites.push_back(document);
    }
  }
  if (suites.empty()) {
    return FailedPrecondition("NO_CASES",
                              "no test suite is published or given, so there are no cases");
  }
  const int examples = request.examples() == 0 ? 3 : std::clamp(request.examples(), 0, 20);
  return SimulateSuites(suites, *before, *after, now, request.has_as_of(), examples);
}

}  // namespace

absl::StatusOr<v1::EvaluateResponse> DocumentService::Evaluate(
    const Principal& principal, const v1::EvaluateRequest& request) {
  WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(principal.tenant));
  const absl::Time at =
      request.has_as_of() ? TimeOf(request.as_of()) : Now(*views.own);
  const std::vector<Candidate> candidates = ReadTexts(request.sources());
  for (const Candidate& candidate : candidates) {
    WEFT_RETURN_IF_ERROR(CheckFailed(candidate.findings));
  }
  WEFT_ASSIGN_OR_RETURN(const std::vector<rules::SetDocument> documents,
                        SetWith(candidates, *views.own, views.theirs(), at));
  const auto set = rules::CompileSet(
      rules::Resolve(documents, KeyOf(request.scope()).scope), options_.kinds);
  WEFT_RETURN_IF_ERROR(CheckFailed(set->findings));
  const auto rule_set = set->rules.rule_sets.find(request.id());
  const auto table = set->rules.tables.find(request.id());
  const bool of_table = request.kind() == "DecisionTable" ||
                        (request.kind().empty() && rule_set == set->rules.rule_sets.end());
  if (of_table ? table == set->rules.tables.end() : rule_set == set->rules.rule_sets.end()) {
    return DocumentNotFound(absl::StrCat(request.kind(), request.kind().empty() ? "" : "/",
                                         request.id()));
  }
  rules::Tree json;
  rules::Fault fault;
  const auto facts_invalid = [&] {
    return InvalidArgument("FACTS_INVALID",
                           absl::StrCat("facts ", fault.path, ": ", fault.message),
                           {{"path", fault.path}});
  };
  if (!rules::ReadTree(request.facts(), json, fault)) return facts_invalid();
  const rules::FactSchema& schema =
      of_table ? table->second->schema() : rule_set->second->schema();
  const auto facts = rules::JsonFacts::Make(schema, json, fault);
  if (facts == nullptr) return facts_invalid();
  rules::expr::Arena arena;
  const Value now = Value::Timestamp(absl::ToUnixSeconds(at), 0);
  v1::EvaluateResponse response;
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(*views.own));
  const rules::Activation* current = rules::ActiveAt(all, at);
  response.set_activation(current == nullptr ? 0 : current->number);
  if (of_table) {
    const rules::TableResult result = table->second->Decide(*facts, now, arena, {});
    response.set_cost(static_cast<int64_t>(result.cost));
    v1::EvaluatedStep& step = *response.add_steps();
    step.set_id(request.id());
    step.set_ran(true);
    for (const int rule : result.rules) {
      step.add_rules(table->second->rules()[static_cast<size_t>(rule)].id);
    }
    if (result.value.is_error()) {
      response.set_error(rules::expr::CodeName(result.value.code));
      response.set_error_message(std::string(result.value.view()));
    } else if (result.value.kind == rules::expr::Kind::kMap) {
      for (const rules::TableOutput& output : table->second->outputs()) {
        const Value* value =
            rules::expr::MapFind(*result.value.map, Value::String(output.id));
        if (value != nullptr) {
          (*response.mutable_outputs())[output.id] = rules::expr::ToText(*value, arena);
        }
      }
    } else {
      (*response.mutable_outputs())["result"] = rules::expr::ToText(result.value, arena);
    }
    return response;
  }
  const rules::RuleSetResult result =
      rule_set->second->Run(*facts, now, arena, {.trace = true});
  response.set_cost(static_cast<int64_t>(result.cost));
  AddSteps(result.trace, "", response);
  if (result.error.has_value()) {
    response.set_error(result.error->code);
    response.set_error_message(result.error->ToString());
    return response;
  }
  const auto& outputs = rule_set->second->outputs();
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    (*response.mutable_outputs())[outputs[i].name] =
        outputs[i].sensitive ? "***" : rules::expr::ToText(result.outputs[i], arena);
  }
  const std::string language = principal.language.empty() ? "en" : principal.language;
  for (const rules::Reason& reason : result.reasons) response.add_reasons(reason.In(language));
  return response;
}

absl::StatusOr<v1::SimulateResponse> DocumentService::Simulate(
    const Principal& principal, const v1::SimulateRequest& request) {
  const bool suites = request.source() == v1::SIMULATION_SOURCE_SUITES;
  if (!suites && options_.simulate == nullptr) {
    return absl::UnimplementedError("this room keeps no cases to simulate on");
  }
  if (!suites && request.suites_size() > 0) {
    return InvalidArgument("SOURCE_WRONG", "suites are given, and the cases are to come from "
                                           "elsewhere; ask with source SUITES");
  }
  const absl::Time began = absl::Now();
  WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(principal.tenant));
  const absl::Time now = request.has_as_of() ? TimeOf(request.as_of()) : Now(*views.own);
  std::vector<Candidate> candidates = ReadTexts(request.sources());
  WEFT_ASSIGN_OR_RETURN(std::vector<Candidate> named,
                        ReadCandidates(RefsOf(request), *views.own));
  for (Candidate& candidate : named) candidates.push_back(std::move(candidate));
  if (candidates.empty()) {
    return InvalidArgument("DOCUMENTS_REQUIRED", "name or give what is to be simulated");
  }
  for (const Candidate& candidate : candidates) {
    WEFT_RETURN_IF_ERROR(CheckFailed(candidate.findings));
  }
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(*views.own));
  const rules::Activation* current = rules::ActiveAt(all, now);
  const rules::Activation* base = current;
  if (request.baseline() != 0) {
    const auto found = all.find(request.baseline());
    if (found == all.end()) {
      return NotFound("ACTIVATION_NOT_FOUND",
                      absl::StrCat("there is no activation ", request.baseline()),
                      {{"activation", absl::StrCat(request.baseline())}});
    }
    base = &found->second;
  }
  WEFT_ASSIGN_OR_RETURN(
      std::vector<rules::SetDocument> before,
      SetOf(base == nullptr ? rules::ActiveSet() : base->documents, *views.own, views.theirs(),
            now));
  WEFT_ASSIGN_OR_RETURN(std::vector<rules::SetDocument> after,
                        SetWith(candidates, *views.own, views.theirs(), now));
  Sets baseline(std::move(before), options_.kinds);
  Sets candidate(std::move(after), options_.kinds);
  WEFT_RETURN_IF_ERROR(candidate.Check());
  v1::SimulateResponse response;
  if (suites) {
    WEFT_ASSIGN_OR_RETURN(response, SimulateSuiteCases(request, baseline, candidate, now));
  } else {
    WEFT_ASSIGN_OR_RETURN(
        response,
        options_.simulate(
            request, principal.tenant,
            [&](const rules::DocumentScope& scope) { return baseline.For(scope); },
            [&](const rules::DocumentScope& scope) { return candidate.For(scope); }));
  }
  response.set_source(request.source() == v1::SIMULATION_SOURCE_UNSPECIFIED
                          ? v1::SIMULATION_SOURCE_HISTORY
                          : request.source());
  response.set_baseline(base == nullptr ? 0 : base->number);
  WEFT_ASSIGN_OR_RETURN(const rules::PublishingPolicy policy, ReadPolicy(*views.own, current));
  rules::SimulationFigures figures{response.cases(), response.changed(),
                                   response.newly_failing(), {}};
  for (int i = 0; i < response.baseline_total_size(); ++i) {
    Decimal was;
    Decimal is;
    if (i < response.candidate_total_size() &&
        Decimal::ParseInto(response.baseline_total(i).amount(), was) == DecimalError::kOk &&
        Decimal::ParseInto(response.candidate_total(i).amount(), is) == DecimalError::kOk) {
      figures.totals.emplace_back(was, is);
    }
  }
  for (const rules::Finding& finding : rules::PassGates(policy.gates, figures)) {
    SetFinding(finding, *response.add_gates());
  }
  response.set_seconds(absl::StrCat(absl::ToInt64Milliseconds(absl::Now() - began) / 1000, ".",
                                    absl::ToInt64Milliseconds(absl::Now() - began) % 1000 / 100));
  // The whole history against what counts now: that is what gates ask for.
  const bool counts = base == current && !request.has_from() && !request.has_to() &&
                      request.account().empty() && !request.has_as_of() &&
                      response.source() == v1::SIMULATION_SOURCE_HISTORY;
  if (counts) {
    rules::ActiveSet changed;
    for (const Candidate& one : candidates) {
      // Against equal texts nothing changes, so publishing does not name them.
      const auto active = current == nullptr ? rules::ActiveSet::const_iterator()
                                             : current->documents.find(one.read.key);
      if (current != nullptr && active != current->documents.end() &&
          active->second.hash == one.read.hash) {
        continue;
      }
      changed[one.read.key] = {0, one.read.hash};
    }
    v1::SimulationRow kept;
    *kept.mutable_report() = response;
    kept.mutable_report()->clear_groups();
    kept.mutable_report()->clear_accounts();
    v1::JudgedCommand command;
    command.set_request(engine::BytesOf(kept));
    const std::string key = SimulationKey(changed, current == nullptr ? 0 : current->number);
    command.add_etags(key);
    engine::Command submitted{.method = kKeepSimulation,
                              .request_id = OwnRequestId("simulated"),
                              .principal = principal,
                              .payload = engine::BytesOf(command),
                              .timeout = absl::Seconds(30)};
    shards_.Submit(std::move(submitted), [](const absl::StatusOr<engine::Answer>&) {});
  }
  return response;
}

}  // namespace weft::documents
