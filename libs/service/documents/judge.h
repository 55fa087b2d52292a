// Judges what a change of documents would lead to: compiles the whole set as every
// reader will, and runs its test suites. Needs no shard; takes as long as it takes.
#pragma once

#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/engine/turn.h"
#include "libs/rules/documents/activation.h"
#include "libs/rules/documents/compile.h"
#include "weft/documents/v1/state.pb.h"

namespace weft::documents {

struct Judgement {
  bool passed = true;
  std::vector<rules::Finding> findings;  // Errors of all, the rest of the candidates only.
  int tests_run = 0;
  int tests_failed = 0;
  void Add(const std::vector<rules::Finding>& more, const std::set<std::string>& about);
  void Write(v1::JudgedCommand& judged) const;
};

// A draft, a version or a text that is to stand in the set.
struct Candidate {
  v1::DocumentRef ref;   // Version 0: a draft or a text.
  std::string etag;      // Of a draft.
  std::string source;
  rules::Document read;  // Where it could be read.
  std::vector<rules::Finding> findings;
  bool sound = false;
};

// The named drafts and versions. Errors: NOT_FOUND / DOCUMENT_NOT_FOUND,
// INVALID_ARGUMENT / KIND_REQUIRED.
absl::StatusOr<std::vector<Candidate>> ReadCandidates(const std::vector<v1::DocumentRef>& refs,
                                                      const engine::RowReader& rows);
std::vector<Candidate> ReadTexts(const google::protobuf::RepeatedPtrField<std::string>& sources);

// The documents that count at `at`: the tenant's with `candidates` in their place,
// then the platform's. `platform` = nullptr: the tenant is the platform.
absl::StatusOr<std::vector<rules::SetDocument>> SetWith(const std::vector<Candidate>& candidates,
                                                        const engine::RowReader& rows,
                                                        const engine::RowReader* platform,
                                                        absl::Time at);
absl::StatusOr<std::vector<rules::SetDocument>> SetOf(const rules::ActiveSet& documents,
                                                      const engine::RowReader& rows,
                                                      const engine::RowReader* platform,
                                                      absl::Time at);

// Compiles the set for every scope that it tells apart, and holds its fact schemas
// against those of `before`, what is active now.
void Judge(const std::vector<rules::SetDocument>& documents,
           const std::vector<rules::SetDocument>& before, const std::set<std::string>& about,
           const rules::Kinds& kinds, const rules::CompileOptions& options, Judgement& judgement);

}  // namespace weft::documents
