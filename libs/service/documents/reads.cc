// Reads of DocumentService, from rows.
#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/rules/documents/diff.h"
#include "libs/service/documents/service.h"
#include "libs/service/documents/store.h"

namespace weft::documents {
namespace {

using engine::RowReader;
using rules::DocumentKey;

constexpr int kListDefault = 100;
constexpr int kListMax = 1000;
constexpr char kActivationsQuery[] = "activations";
constexpr int kActivationsDefault = 20;
constexpr int kActivationsMax = 200;

absl::StatusOr<int> PageSize(int asked, int otherwise, int most) {
  if (asked < 0) {
    return InvalidArgument("PAGE_SIZE_INVALID", absl::StrCat("page_size ", asked, " is negative"));
  }
  return asked == 0 ? otherwise : std::min(asked, most);
}

template <typename Request>
v1::DocumentRef RefOf(const Request& request, int64_t version) {
  v1::DocumentRef ref;
  ref.set_kind(request.kind());
  ref.set_id(request.id());
  ref.set_organisation(request.organisation());
  ref.set_branch(request.branch());
  ref.set_channel(request.channel());
  ref.set_version(version);
  return ref;
}

v1::Document Shown(const v1::VersionRow& row, const Standing& standing) {
  v1::Document document = row.document();
  document.set_state(StateOf(standing.Of(row)));
  return document;
}

// What the platform has active under the key.
absl::StatusOr<std::optional<v1::Document>> OfPlatform(const RowReader* platform,
                                                       const v1::DocumentRef& ref,
                                                       absl::Time now) {
  if (platform == nullptr) return std::optional<v1::Document>();
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(*platform));
  const Standing standing(all, now);
  if (standing.current() == nullptr) return std::optional<v1::Document>();
  for (const auto& [key, version] : standing.current()->documents) {
    if (key.id != ref.id() || (!ref.kind().empty() && key.kind != ref.kind())) continue;
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                          FindVersion(*platform, key, version.version));
    if (!row.has_value()) continue;
    v1::Document document = Shown(*row, standing);
    document.set_platform(true);
    return std::optional<v1::Document>(std::move(document));
  }
  return std::optional<v1::Document>();
}

// The draft where no version is named, else the version; the platform's where the
// tenant has none.
absl::StatusOr<v1::Document> FindDocument(const v1::DocumentRef& ref, const RowReader& rows,
                                          const RowReader* platform, absl::Time now) {
  const absl::StatusOr<DocumentKey> key = ResolveKey(rows, ref);
  if (key.ok()) {
    if (ref.version() == 0) {
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::DraftRow> draft, FindDraft(rows, *key));
      if (draft.has_value()) return *std::move(*draft).mutable_document();
    }
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                          FindVersion(rows, *key, ref.version()));
    if (row.has_value()) {
      if (row->text_gone()) return TextGone(row->document());
      WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
      return Shown(*row, Standing(all, now));
    }
  } else if (!absl::IsNotFound(key.status())) {
    return key.status();
  }
  if (ref.version() == 0) {
    WEFT_ASSIGN_OR_RETURN(std::optional<v1::Document> theirs, OfPlatform(platform, ref, now));
    if (theirs.has_value()) return *std::move(theirs);
  }
  const std::string what = absl::StrCat(
      KeyOf(ref).ToText(), ref.version() == 0 ? "" : absl::StrCat(" version ", ref.version()));
  return DocumentNotFound(absl::StartsWith(what, "/") ? what.substr(1) : what);
}

void Trim(v1::Document& document) {
  document.clear_source();
  document.clear_findings();
}

}  // namespace

absl::StatusOr<v1::Document> GetDocument(const v1::GetDocumentRequest& request,
                                         const RowReader& rows, const RowReader* platform,
                                         absl::Time now) {
  return FindDocument(RefOf(request, request.version()), rows, platform, now);
}

absl::StatusOr<v1::ListDocumentsResponse> ListDocuments(const v1::ListDocumentsRequest& request,
                                                        const RowReader& rows,
                                                        const RowReader* platform,
                                                        absl::Time now) {
  WEFT_ASSIGN_OR_RETURN(const int size, PageSize(request.page_size(), kListDefault, kListMax));
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
  const Standing standing(all, now);
  // By key: drafts before versions, versions newest first; one version a document
  // unless an id is asked for.
  std::map<std::string, v1::Document> found;
  const auto wanted = [&](const v1::DocumentRef& ref) {
    return (request.kind().empty() || ref.kind() == request.kind()) &&
           (request.id().empty() || ref.id() == request.id());
  };
  const auto add = [&](v1::Document document) {
    Trim(document);
    const DocumentKey key = KeyOf(document.ref());
    const int64_t order = document.ref().version() == 0 ? 0 : INT64_MAX - document.ref().version();
    found[RowKey(key).Add(order).Take()] = std::move(document);
  };
  WEFT_RETURN_IF_ERROR(rows.Scan(kDrafts, "", [&](absl::string_view, const v1::DraftRow& row) {
    if (wanted(row.document().ref())) add(row.document());
    return true;
  }));
  std::map<DocumentKey, v1::Document> newest;
  std::set<DocumentKey> active;
  WEFT_RETURN_IF_ERROR(
      rows.Scan(kVersions, "", [&](absl::string_view, const v1::VersionRow& row) {
        if (!wanted(row.document().ref())) return true;
        v1::Document document = Shown(row, standing);
        Trim(document);
        const bool counts = document.state() == v1::DOCUMENT_STATE_ACTIVE;
        const DocumentKey key = KeyOf(document.ref());
        if (counts) active.insert(key);
        // What is active, and what is newer.
        if (!request.id().empty() || counts) add(document);
        newest[key] = std::move(document);
        return true;
      }));
  for (auto& [key, document] : newest) add(std::move(document));
  if (platform != nullptr) {
    WEFT_ASSIGN_OR_RETURN(const rules::Activations theirs, ReadActivations(*platform));
    const Standing standing_there(theirs, now);
    if (standing_there.current() != nullptr) {
      for (const auto& [key, version] : standing_there.current()->documents) {
        if (active.count(key) > 0) continue;
        WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                              FindVersion(*platform, key, version.version));
        if (!row.has_value() || !wanted(row->document().ref())) continue;
        v1::Document document = Shown(*row, standing_there);
        Trim(document);
        document.set_platform(true);
        found[RowKey(key).Add(int64_t{INT64_MAX}).Take()] = std::move(document);
      }
    }
  }
  const std::string query = absl::StrCat("documents\n", request.kind(), "\n", request.id());
  WEFT_ASSIGN_OR_RETURN(const std::string after, ReadPageToken(query, request.page_token()));
  v1::ListDocumentsResponse response;
  for (auto it = found.upper_bound(after); it != found.end(); ++it) {
    if (response.documents_size() == size) {
      response.set_next_page_token(PageToken(query, std::prev(it)->first));
      break;
    }
    *response.add_documents() = std::move(it->second);
  }
  return response;
}

absl::StatusOr<v1::DiffResponse> Diff(const v1::DiffRequest& request, const RowReader& rows,
                                      const RowReader* platform, absl::Time now) {
  WEFT_ASSIGN_OR_RETURN(const v1::Document after,
                        FindDocument(RefOf(request, request.to()), rows, platform, now));
  v1::DiffResponse response;
  response.set_to(after.ref().version());
  v1::DocumentRef ref = after.ref();
  std::string before_source;
  if (request.from() != 0) {
    ref.set_version(request.from());
    WEFT_ASSIGN_OR_RETURN(const v1::Document before, FindDocument(ref, rows, platform, now));
    before_source = before.source();
    response.set_from(request.from());
  } else {
    WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
    const rules::Activation* current = rules::ActiveAt(all, now);
    const DocumentKey key = KeyOf(ref);
    if (current != nullptr && current->documents.count(key) > 0) {
      const int64_t version = current->documents.at(key).version;
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                            FindVersion(rows, key, version));
      if (row.has_value()) before_source = row->document().source();
      response.set_from(version);
    } else {
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::Document> theirs,
                            OfPlatform(platform, ref, now));
      if (theirs.has_value()) before_source = theirs->source();
    }
  }
  rules::Tree was;
  rules::Tree is;
  rules::Fault fault;
  was.kind = is.kind = rules::Tree::Kind::kMap;
  if (!before_source.empty() && !rules::ReadTree(before_source, was, fault)) was = rules::Tree();
  if (!rules::ReadTree(after.source(), is, fault)) {
    return FailedPrecondition("CHECK_FAILED",
                              absl::StrCat("the draft does not parse: ", fault.ToString()));
  }
  for (const rules::Change& change : rules::Diff(was, is)) {
    v1::Change& out = *response.add_changes();
    out.set_path(change.path);
    out.set_before(change.before);
    out.set_after(change.after);
  }
  return response;
}

absl::StatusOr<v1::ListActivationsResponse> ListActivations(
    const v1::ListActivationsRequest& request, const RowReader& rows, absl::Time now) {
  WEFT_ASSIGN_OR_RETURN(const int size,
                        PageSize(request.page_size(), kActivationsDefault, kActivationsMax));
  int64_t before = INT64_MAX;
  if (!request.page_token().empty()) {
    WEFT_ASSIGN_OR_RETURN(const std::string key,
                          ReadPageToken(kActivationsQuery, request.page_token()));
    if (!engine::KeyReader(key).Next(before)) return PageTokenInvalid();
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t last, LastActivation(rows));
  v1::ListActivationsResponse response;
  int64_t number = std::min(last, before - 1);
  for (; number > 0 && response.activations_size() < size; --number) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::Activation> activation,
                          rows.Find(kActivations, engine::Key().Add(number).Take()));
    if (activation.has_value()) *response.add_activations() = *activation;
  }
  if (number > 0) {
    response.set_next_page_token(
        PageToken(kActivationsQuery, engine::Key().Add(number + 1).Take()));
  }
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
  const rules::Activation* current = rules::ActiveAt(all, now);
  response.set_current(current == nullptr ? 0 : current->number);
  return response;
}

}  // namespace weft::documents
