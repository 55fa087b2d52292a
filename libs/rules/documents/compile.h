// A complete set of documents, compiled: what a node decides with. The same code
// checks candidates before they are published and compiles what is active.
//
//   DocumentSet set = Resolve(tenant_documents, platform_documents, scope);
//   std::shared_ptr<const CompiledSet> compiled = CompileSet(set, kinds);
//   if (compiled->sound()) compiled->As<Waterfall>()->Price(…);
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/rules/document/schema.h"
#include "libs/rules/documents/document.h"
#include "libs/rules/rule_set/rule_set.h"
#include "libs/rules/table/decision_table.h"

namespace weft::rules {

struct SetDocument {
  DocumentKey key;
  int64_t version = 0;     // 0 = a candidate that has none yet.
  std::string hash;
  bool platform = false;
  std::shared_ptr<const Tree> tree;
  std::shared_ptr<const std::string> source;  // The text the tree was read from.
};

// In the order of kind and id. After Resolve() each (kind, id) stands once, but for
// approval flows that say `inherit: add`: what they add to follows them.
struct DocumentSet {
  int64_t activation = 0;           // The tenant's; 0 = none, all is the platform's.
  int64_t platform_activation = 0;
  absl::Time effective_from = absl::InfinitePast();  // The later of the two.
  std::vector<SetDocument> documents;

  const SetDocument* Find(absl::string_view kind, absl::string_view id) const;
  // Tells sets of other content apart.
  std::string Signature() const;
};

// What holds for `scope`: for each kind and id the most specific document of the
// tenant, else of the platform. Of flows also those further up, the most specific
// first, as long as each says `inherit: add`.
DocumentSet Resolve(const std::vector<SetDocument>& documents, const DocumentScope& scope);

// Every scope that is worth a Resolve() of its own.
std::vector<DocumentScope> ScopesOf(const std::vector<SetDocument>& documents);

// The built-in kinds of a set, by id.
struct Rules {
  std::map<std::string, std::shared_ptr<const FactSchema>> schemas;
  std::map<std::string, std::shared_ptr<const DecisionTable>> tables;
  std::map<std::string, std::shared_ptr<const RuleSet>> rule_sets;
};

// What a room adds to the built-in kinds (DecisionTable, RuleSet, FactSchema,
// TestSuite, Policy).
struct Kinds {
  // Kinds of the room: the form of one document.
  std::map<std::string, std::function<void(const SetDocument&, std::vector<Finding>&)>> kinds;
  // Makes what the room decides with from a resolved set; nullptr with findings
  // when it cannot. Runs at check, at publish and on every reader.
  std::function<std::shared_ptr<const void>(const DocumentSet&, const Rules&,
                                            std::vector<Finding>&)>
      make;
  bool Knows(absl::string_view kind) const;
};

struct CompiledSet {
  DocumentSet set;
  Rules rules;
  std::shared_ptr<const void> made;  // By Kinds::make.
  std::vector<Finding> findings;
  int tests_run = 0;
  int tests_failed = 0;

  bool sound() const { return !HasErrors(findings); }
  // The room's own object; nullptr when it made none.
  template <typename T>
  const T* As() const {
    return static_cast<const T*>(made.get());
  }
};

struct CompileOptions {
  bool analyse = false;  // Overlaps, gaps; as at check.
  bool tests = false;    // Runs the test suites, at `now` where they name no moment.
  absl::Time now = absl::UnixEpoch();
};

// `resolved` holds each (kind, id) once.
std::shared_ptr<const CompiledSet> CompileSet(DocumentSet resolved, const Kinds& kinds,
                                              const CompileOptions& options = {});

// Runs one suite; adds a finding per failed case.
void RunSuite(const SetDocument& suite, const Rules& rules, absl::Time now,
              std::vector<Finding>& findings, int& run, int& failed);

}  // namespace weft::rules
