#include "libs/service/documents/owner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/documents/again.h"
#include "libs/service/documents/store.h"
#include "libs/service/documents/trials.h"

namespace weft::documents {
namespace {

using engine::Turn;
using rules::Activation;
using rules::DocumentKey;
using rules::VersionState;

constexpr char kSpreadTimer[] = "documents.spread";
// Octets that one turn sends to the platform's partitions.
constexpr size_t kSpreadBytes = 256 << 10;
constexpr uint32_t kPartitions = 64;
// Versions of a document whose texts stay although none was published.
constexpr int64_t kTextsKept = 50;

std::string WhoOf(const Turn& turn) {
  const Principal& principal = turn.principal();
  return principal.user.empty() ? principal.subject : principal.user;
}

absl::Status RoomUnknown(const std::string& room) {
  return InvalidArgument("ROOM_UNKNOWN", absl::StrCat("documents of ", room, " are not kept here"),
                         {{"room", room}});
}

// Who is bound to organisations may change what holds for these only; the tenant's
// policy says which roles may do what with the kind.
absl::Status MayChange(const Turn& turn, absl::string_view action, const DocumentKey& key) {
  const Principal& principal = turn.principal();
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  WEFT_ASSIGN_OR_RETURN(const rules::PublishingPolicy policy,
                        ReadPolicy(turn, rules::ActiveAt(all, turn.now())));
  WEFT_RETURN_IF_ERROR(rules::MayDo(policy, action, key, principal.roles));
  const auto& allowed = principal.organisations;
  if (allowed.empty() || allowed.count("*") > 0 || allowed.count(key.scope.organisation) > 0) {
    return absl::OkStatus();
  }
  return PermissionDenied("SCOPE_NOT_ALLOWED",
                          absl::StrCat(key.ToText(), " holds for more than you may change"),
                          {{"document", key.ToText()}});
}

void SetHead(const rules::Document& read, v1::Document& document) {
  document.set_title(read.title);
  document.set_owner(read.owner);
  document.set_hash(read.hash);
}

v1::Document WithoutSource(v1::Document document) {
  document.clear_source();
  return document;
}

// --- Drafts ------------------------------------------------------------------------

absl::StatusOr<v1::Document> SaveDraft(const std::string& room, const v1::SaveDraftRequest& request,
                                       Turn& turn) {
  if (!request.room().empty() && request.room() != room) return RoomUnknown(request.room());
  if (request.source().size() > rules::kDocumentBytesMax) {
    return InvalidArgument("DOCUMENT_TOO_LARGE",
                           absl::StrCat("a document has at most ", rules::kDocumentBytesMax,
                                        " octets, this has ", request.source().size()));
  }
  rules::Document read;
  std::vector<rules::Finding> findings;
  const bool sound = rules::ReadDocument(request.source(), read, findings);
  if (!sound && (read.key.kind.empty() || read.key.id.empty() ||
                 std::any_of(findings.begin(), findings.end(), [](const rules::Finding& f) {
                   return f.code == "bad_id" || f.code == "bad_kind" || f.code == "bad_scope";
                 }))) {
    // Where it belongs must be known to keep it.
    const rules::Finding& finding = findings[0];
    return InvalidArgument("DOCUMENT_UNREADABLE",
                           absl::StrCat("line ", finding.line, ", column ", finding.column, ": ",
                                        finding.message),
                           {{"code", finding.code},
                            {"line", absl::StrCat(finding.line)},
                            {"column", absl::StrCat(finding.column)}});
  }
  if (!read.tenant.empty() && read.tenant != turn.tenant()) {
    return InvalidArgument("SCOPE_FOREIGN",
                           absl::StrCat("the document is for the tenant ", read.tenant,
                                        "; leave scope.tenant out, or name your own"),
                           {{"tenant", read.tenant}});
  }
  WEFT_RETURN_IF_ERROR(MayChange(turn, "save", read.key));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DraftRow> old, FindDraft(turn, read.key));
  const std::string etag = old.has_value() ? old->document().etag() : "";
  if (!request.etag().empty() && request.etag() != etag) {
    return Aborted("ETAG_MISMATCH",
                   absl::StrCat("the draft of ", read.key.ToText(), " was saved by ",
                                old.has_value() ? old->document().author() : "nobody",
                                " meanwhile; read it again"),
                   {{"document", read.key.ToText()}, {"etag", etag}});
  }
  v1::DraftRow row;
  v1::Document& document = *row.mutable_document();
  SetRef(read.key, 0, *document.mutable_ref());
  document.set_state(v1::DOCUMENT_STATE_DRAFT);
  SetHead(read, document);
  document.set_author(WhoOf(turn));
  *document.mutable_update_time() = TimestampOf(turn.now());
  document.set_etag(turn.NewId("etag").substr(0, 16));
  document.set_source(request.source());
  document.set_reason(request.reason());
  for (const rules::Finding& finding : findings) SetFinding(finding, *document.add_findings());
  if (!request.validate_only()) turn.Put(kDrafts, DraftKey(read.key), row);
  document.set_validate_only(request.validate_only());
  return WithoutSource(document);
}

// --- Check -------------------------------------------------------------------------

absl::Status StillJudged(const v1::JudgedCommand& judged, Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const int64_t last, LastActivation(turn));
  bool same = last == judged.base();
  for (int i = 0; same && i < judged.candidates_size(); ++i) {
    const v1::DocumentRef& ref = judged.candidates(i);
    const DocumentKey key = KeyOf(ref);
    if (ref.version() == 0) {
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DraftRow> draft, FindDraft(turn, key));
      same = draft.has_value() && draft->document().etag() == judged.etags(i);
    }
  }
  if (same) return absl::OkStatus();
  return Aborted("JUDGED_ANEW", "what it stands on has changed meanwhile; repeat");
}

// The text of a version that no activation can reach goes once so many newer ones are
// there; that it was there stays.
absl::Status DropText(const DocumentKey& key, int64_t version, Turn& turn) {
  if (version <= 0) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row, FindVersion(turn, key, version));
  if (!row.has_value() || row->published() ||
      row->document().state() == v1::DOCUMENT_STATE_APPROVED) {
    return absl::OkStatus();
  }
  row->mutable_document()->clear_source();
  row->mutable_document()->clear_findings();
  row->set_text_gone(true);
  turn.Put(kVersions, VersionKey(key, version), *row);
  return absl::OkStatus();
}

// A draft that passed becomes a version, or the version it equals.
absl::StatusOr<v1::Document> MakeVersion(const DocumentKey& key, v1::Document document,
                                         const std::string& reason, bool keep, Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> newest, FindVersion(turn, key, 0));
  v1::VersionRow row;
  if (newest.has_value() && newest->document().hash() == document.hash()) {
    row = *std::move(newest);
    const VersionState mark = StateOf(row.document().state());
    if (mark == VersionState::kRolledBack || mark == VersionState::kWithdrawn) {
      row.mutable_document()->set_state(v1::DOCUMENT_STATE_CHECKED);
      row.mutable_document()->clear_approver();
    }
  } else {
    const int64_t number = newest.has_value() ? newest->document().ref().version() + 1 : 1;
    *row.mutable_document() = std::move(document);
    row.mutable_document()->mutable_ref()->set_version(number);
    row.mutable_document()->set_state(v1::DOCUMENT_STATE_CHECKED);
    *row.mutable_document()->mutable_update_time() = TimestampOf(turn.now());
    if (!reason.empty()) row.mutable_document()->set_reason(reason);
    if (keep) {
      v1::CountRow count;
      count.set_version(number);
      turn.Put(kCounts, DraftKey(key), count);
      WEFT_RETURN_IF_ERROR(DropText(key, number - kTextsKept, turn));
    }
  }
  if (keep) {
    turn.Put(kVersions, VersionKey(key, row.document().ref().version()), row);
    turn.Delete(kDrafts, DraftKey(key));
  }
  return WithoutSource(row.document());
}

absl::StatusOr<v1::CheckResponse> Check(const v1::JudgedCommand& judged, Turn& turn) {
  v1::CheckRequest request;
  if (!request.ParseFromString(judged.request())) return Internal("a judged request is damaged");
  if (judged.candidates().empty()) {
    // Something named was not there.
    for (const v1::DocumentRef& ref : RefsOf(request)) {
      WEFT_ASSIGN_OR_RETURN(const DocumentKey key, ResolveKey(turn, ref));
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                            FindVersion(turn, key, ref.version()));
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DraftRow> draft, FindDraft(turn, key));
      if (!row.has_value() && (ref.version() != 0 || !draft.has_value())) {
        return DocumentNotFound(key.ToText());
      }
    }
    return Aborted("JUDGED_ANEW", "what it is about has changed meanwhile; repeat");
  }
  WEFT_RETURN_IF_ERROR(StillJudged(judged, turn));
  v1::CheckResponse response;
  response.set_passed(judged.passed());
  response.set_tests_run(judged.tests_run());
  response.set_tests_failed(judged.tests_failed());
  *response.mutable_findings() = judged.findings();
  for (const v1::DocumentRef& ref : judged.candidates()) {
    const DocumentKey key = KeyOf(ref);
    WEFT_RETURN_IF_ERROR(MayChange(turn, "check", key));
    v1::Document document;
    if (ref.version() == 0) {
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::DraftRow> draft, FindDraft(turn, key));
      if (!draft.has_value()) return DocumentNotFound(key.ToText());
      document = *draft->mutable_document();
    } else {
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row,
                            FindVersion(turn, key, ref.version()));
      if (!row.has_value()) return DocumentNotFound(key.ToText());
      document = *row->mutable_document();
    }
    document.clear_findings();
    for (const v1::Finding& finding : judged.findings()) {
      if (finding.document() == key.ToText()) *document.add_findings() = finding;
    }
    const bool keep = !request.validate_only();
    if (judged.passed()) {
      if (ref.version() == 0) {
        WEFT_ASSIGN_OR_RETURN(document,
                              MakeVersion(key, std::move(document), request.reason(), keep, turn));
      } else {
        WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row,
                              FindVersion(turn, key, ref.version()));
        const VersionState mark = StateOf(row->document().state());
        if (mark == VersionState::kRolledBack || mark == VersionState::kWithdrawn) {
          row->mutable_document()->set_state(v1::DOCUMENT_STATE_CHECKED);
          row->mutable_document()->clear_approver();
          if (keep) turn.Put(kVersions, VersionKey(key, ref.version()), *row);
        }
        document = WithoutSource(row->document());
      }
    } else if (ref.version() == 0 && keep) {
      v1::DraftRow draft;
      *draft.mutable_document() = document;
      turn.Put(kDrafts, DraftKey(key), draft);
    }
    document.set_validate_only(request.validate_only());
    *response.add_documents() = WithoutSource(std::move(document));
  }
  return response;
}

// --- Approve, withdraw -----------------------------------------------------------

template <typename Request>
absl::StatusOr<v1::DocumentRef> OneRef(const std::string& room, const Request& request) {
  if (!request.room().empty() && request.room() != room) return RoomUnknown(request.room());
  v1::DocumentRef ref = request.document();
  if (!request.id().empty()) ref.set_id(request.id());
  if (ref.id().empty()) return InvalidArgument("DOCUMENTS_REQUIRED", "name the document's id");
  return ref;
}

absl::StatusOr<v1::Document> Approve(const std::string& room, const v1::ApproveRequest& request,
                                     Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const v1::DocumentRef ref, OneRef(room, request));
  WEFT_ASSIGN_OR_RETURN(const DocumentKey key, ResolveKey(turn, ref));
  WEFT_RETURN_IF_ERROR(MayChange(turn, "approve", key));
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row, FindVersion(turn, key, ref.version()));
  if (!row.has_value()) return DocumentNotFound(key.ToText());
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  v1::Document& document = *row->mutable_document();
  WEFT_RETURN_IF_ERROR(rules::MayApprove(key.ToText(), Standing(all, turn.now()).Of(*row),
                                         document.author(), WhoOf(turn)));
  document.set_state(v1::DOCUMENT_STATE_APPROVED);
  document.set_approver(WhoOf(turn));
  *document.mutable_update_time() = TimestampOf(turn.now());
  if (!request.reason().empty()) document.set_reason(request.reason());
  if (!request.validate_only()) {
    turn.Put(kVersions, VersionKey(key, document.ref().version()), *row);
  }
  document.set_validate_only(request.validate_only());
  return WithoutSource(document);
}

absl::StatusOr<v1::Document> Withdraw(const std::string& room, const v1::WithdrawRequest& request,
                                      Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const v1::DocumentRef ref, OneRef(room, request));
  WEFT_ASSIGN_OR_RETURN(const DocumentKey key, ResolveKey(turn, ref));
  WEFT_RETURN_IF_ERROR(MayChange(turn, "withdraw", key));
  const auto same_etag = [&](const v1::Document& document) {
    return request.etag().empty() || request.etag() == document.etag()
               ? absl::OkStatus()
               : Aborted("ETAG_MISMATCH", absl::StrCat(key.ToText(), " was changed meanwhile"),
                         {{"document", key.ToText()}, {"etag", document.etag()}});
  };
  if (ref.version() == 0) {
    WEFT_ASSIGN_OR_RETURN(std::optional<v1::DraftRow> draft, FindDraft(turn, key));
    if (draft.has_value()) {
      WEFT_RETURN_IF_ERROR(same_etag(draft->document()));
      if (!request.validate_only()) turn.Delete(kDrafts, DraftKey(key));
      draft->mutable_document()->set_state(v1::DOCUMENT_STATE_WITHDRAWN);
      draft->mutable_document()->set_validate_only(request.validate_only());
      return WithoutSource(draft->document());
    }
  }
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row, FindVersion(turn, key, ref.version()));
  if (!row.has_value()) return DocumentNotFound(key.ToText());
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  v1::Document& document = *row->mutable_document();
  WEFT_RETURN_IF_ERROR(same_etag(document));
  WEFT_RETURN_IF_ERROR(rules::MayWithdraw(key.ToText(), Standing(all, turn.now()).Of(*row)));
  document.set_state(v1::DOCUMENT_STATE_WITHDRAWN);
  *document.mutable_update_time() = TimestampOf(turn.now());
  if (!request.reason().empty()) document.set_reason(request.reason());
  if (!request.validate_only()) {
    turn.Put(kVersions, VersionKey(key, document.ref().version()), *row);
  }
  document.set_validate_only(request.validate_only());
  return WithoutSource(document);
}

// --- Publish, roll back ----------------------------------------------------------

// Whole seconds, so that a reader whose clock is a little behind has it at once;
// never before what counts now.
absl::Time FromNow(const rules::Activations& all, absl::Time now) {
  const absl::Time second = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
  const Activation* current = rules::ActiveAt(all, now);
  return current == nullptr ? second : std::max(second, current->effective_from);
}

absl::Status NothingChanged() {
  return FailedPrecondition("NOTHING_CHANGED", "these documents are what is active already");
}

absl::Status SetTooLarge(size_t bytes) {
  return InvalidArgument("SET_TOO_LARGE",
                         absl::StrCat("texts of one publishing have at most ", kPublishBytesMax,
                                      " octets together, these have ", bytes,
                                      "; publish them in parts"));
}

// Stores and emits: texts that no activation has named yet, then the activations.
absl::StatusOr<v1::Activation> Carry(const std::string& room,
                                     const std::vector<Activation>& made,
                                     const std::string& reason,
                                     const google::protobuf::RepeatedPtrField<v1::Finding>& found,
                                     bool keep, Turn& turn) {
  v1::Activation answer;
  size_t bytes = 0;
  const bool platform = turn.tenant() == engine::kPlatformTenant;
  for (size_t i = 0; i < made.size(); ++i) {
    v1::Activation message;
    SetActivation(made[i], message);
    message.set_room(room);
    message.set_by(WhoOf(turn));
    message.set_reason(reason);
    *message.mutable_publish_time() = TimestampOf(turn.now());
    v1::SpreadRow spread;
    for (const auto& [key, version] : made[i].changed) {
      if (version.version == 0) continue;
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row,
                            FindVersion(turn, key, version.version));
      if (!row.has_value()) return DocumentNotFound(key.ToText());
      if (row->published()) continue;
      bytes += row->document().source().size();
      if (bytes > kPublishBytesMax) return SetTooLarge(bytes);
      if (!keep) continue;
      row->set_published(true);
      turn.Put(kVersions, VersionKey(key, version.version), *row);
      EmitBody(room, row->document(), std::nullopt, turn);
      *spread.add_bodies() = row->document().ref();
    }
    if (keep) {
      turn.Put(kActivations, engine::Key().Add(message.number()).Take(), message);
      EmitActivation(message, std::nullopt, turn);
      if (platform) {
        *spread.mutable_activation() = message;
        turn.Put(kSpreads, engine::Key().Add(message.number()).Take(), spread);
        turn.SetTimer(kSpreadTimer, "", turn.now());
      }
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::HeadRow> head, turn.Find(kHead, ""));
      if (!head.has_value()) {
        head.emplace();
        head->set_generation(turn.position().generation);
      }
      head->set_activation(message.number());
      turn.Put(kHead, "", *head);
    }
    if (i == 0) answer = std::move(message);
  }
  *answer.mutable_findings() = found;
  answer.set_validate_only(!keep);
  return answer;
}

absl::Status CheckFailed(const v1::JudgedCommand& judged) {
  for (const v1::Finding& finding : judged.findings()) {
    if (finding.severity() != v1::SEVERITY_ERROR) continue;
    return FailedPrecondition(
        "CHECK_FAILED",
        absl::StrCat(finding.document(), " ", finding.path(), ": ", finding.message()),
        {{"document", finding.document()}, {"code", finding.code()}, {"path", finding.path()}});
  }
  return FailedPrecondition("CHECK_FAILED", "the set does not compile");
}

absl::StatusOr<v1::Activation> Publish(const std::string& room, const v1::JudgedCommand& judged,
                                       Turn& turn) {
  v1::PublishRequest request;
  if (!request.ParseFromString(judged.request())) return Internal("a judged request is damaged");
  WEFT_RETURN_IF_ERROR(StillJudged(judged, turn));
  WEFT_ASSIGN_OR_RETURN(const std::vector<Activation> made,
                        PlanPublish(request, turn, turn.now()));
  for (const auto& [key, unused] : made[0].changed) {
    WEFT_RETURN_IF_ERROR(MayChange(turn, "publish", key));
  }
  if (!judged.passed()) return CheckFailed(judged);
  if (judged.gates_size() > 0) {
    const v1::Finding& gate = judged.gates(0);
    return FailedPrecondition("GATE_CLOSED", absl::StrCat(gate.message(), "; ", gate.hint()),
                              {{"gate", gate.code()}});
  }
  return Carry(room, made, request.reason(), judged.findings(), !request.validate_only(), turn);
}

absl::StatusOr<v1::Activation> Rollback(const std::string& room, const v1::JudgedCommand& judged,
                                        Turn& turn) {
  v1::RollbackRequest request;
  if (!request.ParseFromString(judged.request())) return Internal("a judged request is damaged");
  WEFT_RETURN_IF_ERROR(StillJudged(judged, turn));
  WEFT_ASSIGN_OR_RETURN(const std::vector<Activation> made,
                        PlanRollback(request, turn, turn.now()));
  for (const auto& [key, unused] : made[0].changed) {
    WEFT_RETURN_IF_ERROR(MayChange(turn, "rollback", key));
  }
  if (!judged.passed()) return CheckFailed(judged);
  const bool keep = !request.validate_only();
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  if (const Activation* current = rules::ActiveAt(all, turn.now()); current != nullptr && keep) {
    for (const auto& [key, version] : rules::LeftBehind(current->documents, made[0].documents)) {
      WEFT_ASSIGN_OR_RETURN(std::optional<v1::VersionRow> row, FindVersion(turn, key, version));
      if (!row.has_value()) continue;
      row->mutable_document()->set_state(v1::DOCUMENT_STATE_ROLLED_BACK);
      turn.Put(kVersions, VersionKey(key, version), *row);
    }
  }
  return Carry(room, made, request.reason(), judged.findings(), keep, turn);
}

// --- The platform ----------------------------------------------------------------

// `sources` of the request, checked before: publishes those whose hash differs.
absl::StatusOr<v1::Activation> PublishShipped(const std::string& room,
                                              const v1::CheckRequest& request, Turn& turn) {
  if (turn.tenant() != engine::kPlatformTenant) {
    return PermissionDenied("TENANT_WRONG", "only the platform ships documents");
  }
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  const Activation* current = rules::ActiveAt(all, turn.now());
  rules::ActiveSet changed;
  for (const std::string& source : request.sources()) {
    rules::Document read;
    std::vector<rules::Finding> findings;
    if (!rules::ReadDocument(source, read, findings)) return Internal("a shipped text is damaged");
    if (current != nullptr) {
      const auto found = current->documents.find(read.key);
      if (found != current->documents.end() && found->second.hash == read.hash) continue;
    }
    v1::Document document;
    SetRef(read.key, 0, *document.mutable_ref());
    SetHead(read, document);
    document.set_author("platform");
    document.set_source(source);
    document.set_etag(read.hash.substr(0, 16));
    document.set_platform(true);
    WEFT_ASSIGN_OR_RETURN(const v1::Document made,
                          MakeVersion(read.key, std::move(document), request.reason(), true, turn));
    changed[read.key] = {made.ref().version(), read.hash};
  }
  const std::vector<Activation> made =
      rules::Publish(all, changed, current == nullptr ? absl::UnixEpoch() : FromNow(all, turn.now()));
  if (made.empty()) return v1::Activation();
  return Carry(room, made, request.reason(), {}, true, turn);
}

// Sends the oldest spread to the next partitions.
void Spread(const std::string& room, Turn& turn) {
  std::optional<v1::SpreadRow> spread;
  std::string key;
  const absl::Status scanned =
      turn.Scan(kSpreads, "", [&](absl::string_view at, const v1::SpreadRow& row) {
        spread = row;
        key = std::string(at);
        return false;
      });
  if (!scanned.ok() || !spread.has_value()) return;
  std::vector<v1::Document> bodies;
  size_t bytes = spread->activation().ByteSizeLong();
  for (const v1::DocumentRef& ref : spread->bodies()) {
    const auto row = FindVersion(turn, KeyOf(ref), ref.version());
    if (!row.ok() || !row->has_value()) continue;
    bodies.push_back((*row)->document());
    bytes += bodies.back().source().size();
  }
  auto partition = static_cast<uint32_t>(spread->partition());
  for (size_t sent = 0; partition < kPartitions && (sent == 0 || sent + bytes <= kSpreadBytes);
       ++partition) {
    if (partition == turn.partition()) continue;
    for (const v1::Document& body : bodies) EmitBody(room, body, partition, turn);
    EmitActivation(spread->activation(), partition, turn);
    sent += bytes;
  }
  if (partition >= kPartitions) {
    turn.Delete(kSpreads, key);
  } else {
    spread->set_partition(static_cast<int32_t>(partition));
    turn.Put(kSpreads, key, *spread);
  }
  turn.SetTimer(kSpreadTimer, "", turn.now());
}

absl::StatusOr<v1::SimulationRow> KeepSimulation(const v1::JudgedCommand& judged, Turn& turn) {
  v1::SimulationRow row;
  if (!row.ParseFromString(judged.request())) return Internal("a judged request is damaged");
  turn.Put(kSimulations, judged.etags(0), row);
  return v1::SimulationRow();
}

}  // namespace

absl::StatusOr<std::vector<Activation>> PlanPublish(const v1::PublishRequest& request,
                                                    const engine::RowReader& rows,
                                                    absl::Time now) {
  const std::vector<v1::DocumentRef> refs = RefsOf(request);
  if (refs.empty() && request.removed().empty()) {
    return InvalidArgument("DOCUMENTS_REQUIRED", "name what is to be published or removed");
  }
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
  const Standing standing(all, now);
  WEFT_ASSIGN_OR_RETURN(const rules::PublishingPolicy policy, ReadPolicy(rows, standing.current()));
  rules::ActiveSet changed;
  for (const v1::DocumentRef& ref : refs) {
    WEFT_ASSIGN_OR_RETURN(const DocumentKey key, ResolveKey(rows, ref));
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row,
                          FindVersion(rows, key, ref.version()));
    if (!row.has_value()) {
      WEFT_ASSIGN_OR_RETURN(const std::optional<v1::DraftRow> draft, FindDraft(rows, key));
      if (!draft.has_value() || ref.version() != 0) return DocumentNotFound(key.ToText());
      return rules::MayPublish(key.ToText(), key.kind, VersionState::kDraft, false, policy);
    }
    if (row->text_gone()) return TextGone(row->document());
    WEFT_RETURN_IF_ERROR(rules::MayPublish(key.ToText(), key.kind, standing.Of(*row),
                                           !row->document().approver().empty(), policy));
    changed[key] = {row->document().ref().version(), row->document().hash()};
  }
  absl::Time from = FromNow(all, now);
  if (request.has_effective_from()) {
    from = TimeOf(request.effective_from());
    if (from < now - absl::Seconds(1)) {
      return InvalidArgument("TIME_PASSED",
                             absl::StrCat("effective_from ", absl::FormatTime(from),
                                          " has passed; leave it out for now"));
    }
  }
  for (const v1::DocumentRef& ref : request.removed()) {
    WEFT_ASSIGN_OR_RETURN(const DocumentKey key, ResolveKey(rows, ref));
    const Activation* active = rules::ActiveAt(all, from);
    if (active == nullptr || active->documents.count(key) == 0) {
      return DocumentNotFound(key.ToText());
    }
    changed[key] = rules::ActivatedVersion();
  }
  std::vector<Activation> made = rules::Publish(all, changed, from);
  if (made.empty()) return NothingChanged();
  return made;
}

absl::StatusOr<std::vector<Activation>> PlanRollback(const v1::RollbackRequest& request,
                                                     const engine::RowReader& rows,
                                                     absl::Time now) {
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(rows));
  const Activation* current = rules::ActiveAt(all, now);
  int64_t target = request.activation();
  if (target == 0 && current != nullptr) target = current->previous;
  // Before the first there was nothing of the tenant's own.
  const bool to_none = target == 0 && current != nullptr;
  if (all.count(target) == 0 && !to_none) {
    return NotFound("ACTIVATION_NOT_FOUND",
                    target == 0 ? "there is no activation before the current one"
                                : absl::StrCat("there is no activation ", target),
                    {{"activation", absl::StrCat(target)}});
  }
  std::set<DocumentKey> chosen;
  for (const v1::DocumentRef& ref : RefsOf(request)) {
    WEFT_ASSIGN_OR_RETURN(const DocumentKey key, ResolveKey(rows, ref));
    if ((to_none || all.at(target).documents.count(key) == 0) &&
        (current == nullptr || current->documents.count(key) == 0)) {
      return DocumentNotFound(key.ToText());
    }
    chosen.insert(key);
  }
  std::vector<Activation> made = rules::Rollback(all, target, chosen, FromNow(all, now));
  if (made.empty()) return NothingChanged();
  return made;
}

void MountOwner(const std::string& room, engine::Program& program) {
  const std::string service = kService;
  program.Emits(engine::kTimeline, engine::kTimelineOptions);
  const auto command = [&]<typename Request, typename Response>(
                           const std::string& name,
                           absl::StatusOr<Response> (*handler)(const std::string&, const Request&,
                                                               Turn&)) {
    program.Command<Request, Response>(
        name, std::function<absl::StatusOr<Response>(const Request&, Turn&)>(
                  [room, handler](const Request& request, Turn& turn) {
                    return handler(room, request, turn);
                  }));
  };
  command(service + "SaveDraft", &SaveDraft);
  command(service + "Approve", &Approve);
  command(service + "Withdraw", &Withdraw);
  command(service + "Publish", &Publish);
  command(service + "Rollback", &Rollback);
  command(kPublishShipped, &PublishShipped);
  program.Command<v1::JudgedCommand, v1::CheckResponse>(service + "Check", &Check);
  program.Command<v1::JudgedCommand, v1::SimulationRow>(kKeepSimulation, &KeepSimulation);
  MountAgain(room, program);
  MountTrials(room, program);
  program.Timer(kSpreadTimer, [room](const engine::TimerFired&, Turn& turn) {
    Spread(room, turn);
  });
}

}  // namespace weft::documents
