// Documents that count together, compiled by scope when they are first asked for.
// Safe from any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/sync.h"
#include "libs/rules/documents/compile.h"

namespace weft::documents {

class Sets {
 public:
  // `kinds` outlives it.
  Sets(std::vector<rules::SetDocument> documents, const rules::Kinds& kinds)
      : documents_(std::move(documents)), kinds_(kinds) {}

  // nullptr where it does not compile.
  const rules::CompiledSet* For(const rules::DocumentScope& scope);
  // Compiles what holds for all and runs its suites.
  // Errors: FAILED_PRECONDITION / CHECK_FAILED, with the place.
  absl::Status Check() const;
  // Of what holds for all: tells sets of other content apart.
  std::string Signature() const { return rules::Resolve(documents_, {}).Signature(); }

 private:
  const std::vector<rules::SetDocument> documents_;
  const rules::Kinds& kinds_;
  Mutex mutex_;
  std::map<rules::DocumentScope, std::shared_ptr<const rules::CompiledSet>> by_scope_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<const rules::CompiledSet>> by_signature_
      ABSL_GUARDED_BY(mutex_);
};

// The first error among them, with its place. FAILED_PRECONDITION / CHECK_FAILED.
absl::Status CheckFailed(const std::vector<rules::Finding>& findings);

}  // namespace weft::documents
