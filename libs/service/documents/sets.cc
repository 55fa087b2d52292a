#include "libs/service/documents/sets.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::documents {

absl::Status CheckFailed(const std::vector<rules::Finding>& findings) {
  for (const rules::Finding& finding : findings) {
    if (!finding.is_error()) continue;
    return FailedPrecondition(
        "CHECK_FAILED", absl::StrCat(finding.document, " ", finding.path, ": ", finding.message),
        {{"document", finding.document},
         {"code", finding.code},
         {"path", finding.path},
         {"line", absl::StrCat(finding.line)},
         {"column", absl::StrCat(finding.column)}});
  }
  return absl::OkStatus();
}

const rules::CompiledSet* Sets::For(const rules::DocumentScope& scope) {
  MutexLock lock(mutex_);
  auto& slot = by_scope_[scope];
  if (slot == nullptr) {
    const rules::DocumentSet resolved = rules::Resolve(documents_, scope);
    auto& same = by_signature_[resolved.Signature()];
    if (same == nullptr) same = rules::CompileSet(resolved, kinds_);
    slot = same;
  }
  return slot->sound() ? slot.get() : nullptr;
}

absl::Status Sets::Check() const {
  return CheckFailed(
      rules::CompileSet(rules::Resolve(documents_, {}), kinds_, {.tests = true})->findings);
}

}  // namespace weft::documents
