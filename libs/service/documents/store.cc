#include "libs/service/documents/store.h"

#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"

namespace weft::documents {
namespace {

// Of a page token, for the query.
constexpr size_t kQueryOctets = 6;

}  // namespace

using engine::RowReader;
using rules::DocumentKey;

std::string DraftKey(const DocumentKey& key) { return RowKey(key).Take(); }
std::string VersionKey(const DocumentKey& key, int64_t version) {
  return RowKey(key).Add(version).Take();
}

absl::Status DocumentNotFound(const std::string& what) {
  return NotFound("DOCUMENT_NOT_FOUND", absl::StrCat("there is no document ", what),
                  {{"document", what}});
}

absl::Status TextGone(const v1::Document& version) {
  const std::string what =
      absl::StrCat(KeyOf(version.ref()).ToText(), " version ", version.ref().version());
  return FailedPrecondition("HISTORY_GONE",
                            absl::StrCat("the text of ", what,
                                         " is no longer kept: nothing ever published it, and many "
                                         "newer versions are there"),
                            {{"document", KeyOf(version.ref()).ToText()},
                             {"version", absl::StrCat(version.ref().version())}});
}

absl::Status PageTokenInvalid() {
  return InvalidArgument("PAGE_TOKEN_INVALID",
                         "page_token is none of this list; begin again without it");
}

std::string PageToken(absl::string_view query, absl::string_view key) {
  const Sha256Digest digest = Sha256(query);
  return absl::WebSafeBase64Escape(
      absl::StrCat(absl::string_view(reinterpret_cast<const char*>(digest.data()), kQueryOctets),
                   key));
}

absl::StatusOr<std::string> ReadPageToken(absl::string_view query, const std::string& token) {
  std::string key;
  if (token.empty()) return key;
  const Sha256Digest digest = Sha256(query);
  if (!absl::WebSafeBase64Unescape(token, &key) ||
      !absl::StartsWith(key, absl::string_view(reinterpret_cast<const char*>(digest.data()),
                                               kQueryOctets))) {
    return PageTokenInvalid();
  }
  return key.substr(kQueryOctets);
}

absl::StatusOr<rules::Activations> ReadActivations(const RowReader& rows) {
  rules::Activations all;
  WEFT_RETURN_IF_ERROR(
      rows.Scan(kActivations, "", [&](absl::string_view, const v1::Activation& activation) {
        all[activation.number()] = ActivationOf(activation);
        return true;
      }));
  return all;
}

absl::StatusOr<int64_t> LastActivation(const RowReader& rows) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HeadRow> head, rows.Find(kHead, ""));
  return head.has_value() ? head->activation() : 0;
}

absl::StatusOr<std::optional<v1::DraftRow>> FindDraft(const RowReader& rows,
                                                      const DocumentKey& key) {
  return rows.Find(kDrafts, DraftKey(key));
}

absl::StatusOr<std::optional<v1::VersionRow>> FindVersion(const RowReader& rows,
                                                          const DocumentKey& key,
                                                          int64_t version) {
  if (version == 0) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::CountRow> count,
                          rows.Find(kCounts, DraftKey(key)));
    if (!count.has_value()) return std::optional<v1::VersionRow>();
    version = count->version();
  }
  return rows.Find(kVersions, VersionKey(key, version));
}

absl::StatusOr<DocumentKey> ResolveKey(const RowReader& rows, const v1::DocumentRef& ref) {
  const DocumentKey key = KeyOf(ref);
  if (!key.scope.all() && !key.kind.empty()) return key;
  // All that have the id; the one that holds for all goes before the others.
  std::set<DocumentKey> found;
  const auto look = [&](absl::string_view stored, absl::string_view) {
    engine::KeyReader reader(stored);
    DocumentKey at;
    if (reader.Next(at.kind) && reader.Next(at.id) && reader.Next(at.scope.organisation) &&
        reader.Next(at.scope.branch) && reader.Next(at.scope.channel) && at.id == key.id &&
        (key.kind.empty() || at.kind == key.kind) && (key.scope.all() || at.scope == key.scope)) {
      found.insert(std::move(at));
    }
    return true;
  };
  const std::string prefix = key.kind.empty() ? "" : engine::Key().Add(key.kind).Take();
  WEFT_RETURN_IF_ERROR(rows.ScanRows(kDrafts.id, prefix, "", look));
  WEFT_RETURN_IF_ERROR(rows.ScanRows(kCounts.id, prefix, "", look));
  std::set<std::string> kinds;
  for (const DocumentKey& at : found) kinds.insert(at.kind);
  if (found.empty()) {
    return DocumentNotFound(key.kind.empty() ? key.id : key.ToText());
  }
  if (kinds.size() > 1 || (found.size() > 1 && !found.begin()->scope.all())) {
    return InvalidArgument("KIND_REQUIRED",
                           absl::StrCat("several documents have the id ", key.id,
                                        "; name the kind and the scope"),
                           {{"id", key.id}});
  }
  return *found.begin();
}

Standing::Standing(const rules::Activations& all, absl::Time now)
    : current_(rules::ActiveAt(all, now)) {
  for (const auto& [unused, activation] : all) {
    if (activation.effective_from <= now ||
        rules::ActiveAt(all, activation.effective_from) != &activation) {
      continue;
    }
    for (const auto& [key, version] : activation.documents) due_.insert({key, version.version});
  }
}

rules::VersionState Standing::Of(const v1::VersionRow& row) const {
  const v1::DocumentRef& ref = row.document().ref();
  const DocumentKey key = KeyOf(ref);
  rules::VersionLife life;
  life.mark = StateOf(row.document().state());
  life.published = row.published();
  life.due = due_.count({key, ref.version()}) > 0;
  if (current_ != nullptr) {
    const auto found = current_->documents.find(key);
    life.active = found != current_->documents.end() && found->second.version == ref.version();
  }
  return rules::StateOf(life);
}

absl::StatusOr<std::vector<rules::SetDocument>> ReadSet(const RowReader& rows,
                                                        const rules::ActiveSet& documents,
                                                        bool platform) {
  std::vector<rules::SetDocument> out;
  for (const auto& [key, version] : documents) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                          rows.Find(kVersions, VersionKey(key, version.version)));
    auto tree = std::make_shared<rules::Tree>();
    rules::Fault fault;
    if (!row.has_value() || !rules::ReadTree(row->document().source(), *tree, fault)) continue;
    out.push_back({key, version.version, version.hash, platform, std::move(tree),
                   std::make_shared<const std::string>(row->document().source())});
  }
  return out;
}

absl::StatusOr<rules::PublishingPolicy> ReadPolicy(const RowReader& rows,
                                                   const rules::Activation* current) {
  const DocumentKey key{"Policy", rules::kPublishingPolicy, {}};
  if (current == nullptr || current->documents.count(key) == 0) return rules::PublishingPolicy();
  WEFT_ASSIGN_OR_RETURN(const std::vector<rules::SetDocument> policy,
                        ReadSet(rows, {{key, current->documents.at(key)}}, false));
  return rules::PublishingPolicy::From(policy.empty() ? nullptr : policy[0].tree.get());
}

std::string SimulationKey(const rules::ActiveSet& changed, int64_t base) {
  std::string text = absl::StrCat(base, "\n");
  for (const auto& [key, version] : changed) {
    absl::StrAppend(&text, key.ToText(), " ", version.hash, "\n");
  }
  return Hex(Sha256(text));
}

}  // namespace weft::documents
