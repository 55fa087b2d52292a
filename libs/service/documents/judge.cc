#include "libs/service/documents/judge.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/rules/documents/schema_compatibility.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/store.h"

namespace weft::documents {
namespace {

using rules::Finding;
using rules::SetDocument;

bool Same(const Finding& a, const Finding& b) {
  return std::tie(a.code, a.document, a.path, a.line, a.column, a.message) ==
         std::tie(b.code, b.document, b.path, b.line, b.column, b.message);
}

absl::StatusOr<std::vector<SetDocument>> ReadActive(const engine::RowReader& rows, absl::Time at,
                                                    bool platform) {
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
  const rules::Activation* active = rules::ActiveAt(all, at);
  if (active == nullptr) return std::vector<SetDocument>();
  return ReadSet(rows, active->documents, platform);
}

absl::Status AddPlatform(const engine::RowReader* platform, absl::Time at,
                         std::vector<SetDocument>& documents) {
  if (platform == nullptr) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(std::vector<SetDocument> theirs, ReadActive(*platform, at, true));
  for (SetDocument& document : theirs) documents.push_back(std::move(document));
  return absl::OkStatus();
}

void ReadSource(Candidate& candidate) {
  candidate.sound = rules::ReadDocument(candidate.source, candidate.read, candidate.findings);
  const std::string what = candidate.ref.id().empty() ? candidate.read.key.ToText()
                                                      : KeyOf(candidate.ref).ToText();
  for (Finding& finding : candidate.findings) finding.document = what;
}

}  // namespace

void Judgement::Add(const std::vector<Finding>& more, const std::set<std::string>& about) {
  for (const Finding& finding : more) {
    if (!finding.is_error() && about.count(finding.document) == 0) continue;
    if (std::any_of(findings.begin(), findings.end(),
                    [&](const Finding& f) { return Same(f, finding); })) {
      continue;
    }
    findings.push_back(finding);
    passed = passed && !finding.is_error();
  }
}

void Judgement::Write(v1::JudgedCommand& judged) const {
  judged.set_passed(passed);
  judged.set_tests_run(tests_run);
  judged.set_tests_failed(tests_failed);
  for (const Finding& finding : findings) SetFinding(finding, *judged.add_findings());
}

absl::StatusOr<std::vector<Candidate>> ReadCandidates(const std::vector<v1::DocumentRef>& refs,
                                                      const engine::RowReader& rows) {
  std::vector<Candidate> out;
  for (const v1::DocumentRef& ref : refs) {
    WEFT_ASSIGN_OR_RETURN(const rules::DocumentKey key, ResolveKey(rows, ref));
    Candidate candidate;
    std::optional<v1::DraftRow> draft;
    if (ref.version() == 0) {
      WEFT_ASSIGN_OR_RETURN(draft, FindDraft(rows, key));
    }
    v1::Document document;
    if (draft.has_value()) {
      document = *draft->mutable_document();
    } else {
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row,
                            FindVersion(rows, key, ref.version()));
      if (!row.has_value()) return DocumentNotFound(key.ToText());
      if (row->text_gone()) return TextGone(row->document());
      document = *row->mutable_document();
    }
    candidate.ref = document.ref();
    candidate.etag = document.etag();
    candidate.source = document.source();
    ReadSource(candidate);
    out.push_back(std::move(candidate));
  }
  return out;
}

std::vector<Candidate> ReadTexts(const google::protobuf::RepeatedPtrField<std::string>& sources) {
  std::vector<Candidate> out;
  for (const std::string& source : sources) {
    Candidate candidate;
    candidate.source = source;
    ReadSource(candidate);
    SetRef(candidate.read.key, 0, candidate.ref);
    out.push_back(std::move(candidate));
  }
  return out;
}

absl::StatusOr<std::vector<SetDocument>> SetWith(const std::vector<Candidate>& candidates,
                                                 const engine::RowReader& rows,
                                                 const engine::RowReader* platform,
                                                 absl::Time at) {
  std::vector<SetDocument> documents;
  for (const Candidate& candidate : candidates) {
    if (!candidate.sound) continue;
    documents.push_back({candidate.read.key, candidate.ref.version(), candidate.read.hash,
                         platform == nullptr, candidate.read.tree,
                         std::make_shared<const std::string>(candidate.source)});
  }
  WEFT_ASSIGN_OR_RETURN(std::vector<SetDocument> active,
                        ReadActive(rows, at, platform == nullptr));
  for (SetDocument& document : active) {
    if (std::none_of(candidates.begin(), candidates.end(), [&](const Candidate& c) {
          return KeyOf(c.ref) == document.key;
        })) {
      documents.push_back(std::move(document));
    }
  }
  WEFT_RETURN_IF_ERROR(AddPlatform(platform, at, documents));
  return documents;
}

absl::StatusOr<std::vector<SetDocument>> SetOf(const rules::ActiveSet& active,
                                               const engine::RowReader& rows,
                                               const engine::RowReader* platform, absl::Time at) {
  WEFT_ASSIGN_OR_RETURN(std::vector<SetDocument> documents,
                        ReadSet(rows, active, platform == nullptr));
  WEFT_RETURN_IF_ERROR(AddPlatform(platform, at, documents));
  return documents;
}

void Judge(const std::vector<SetDocument>& documents, const std::vector<SetDocument>& before,
           const std::set<std::string>& about, const rules::Kinds& kinds, const rules::CompileOptions& options,
           Judgement& judgement) {
  bool first = true;
  for (const rules::DocumentScope& scope : rules::ScopesOf(documents)) {
    const auto set = rules::CompileSet(rules::Resolve(documents, scope), kinds, options);
    judgement.Add(set->findings, about);
    judgement.Add(rules::SchemaBreaks(rules::Resolve(before, scope), *set), about);
    if (first) {
      judgement.tests_run = set->tests_run;
      judgement.tests_failed = set->tests_failed;
    } else if (set->tests_failed > judgement.tests_failed) {
      judgement.tests_failed = set->tests_failed;
    }
    first = false;
  }
}

}  // namespace weft::documents
