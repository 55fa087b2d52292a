#include "libs/service/documents/convert.h"

namespace weft::documents {

using rules::VersionState;

rules::DocumentKey KeyOf(const v1::DocumentRef& ref) {
  const auto part = [](const std::string& text) { return text == "*" ? std::string() : text; };
  return {ref.kind(), ref.id(),
          {part(ref.organisation()), part(ref.branch()), part(ref.channel())}};
}

void SetRef(const rules::DocumentKey& key, int64_t version, v1::DocumentRef& ref) {
  ref.set_kind(key.kind);
  ref.set_id(key.id);
  ref.set_organisation(key.scope.organisation);
  ref.set_branch(key.scope.branch);
  ref.set_channel(key.scope.channel);
  ref.set_version(version);
}

engine::Key RowKey(const rules::DocumentKey& key) {
  return engine::Key()
      .Add(key.kind)
      .Add(key.id)
      .Add(key.scope.organisation)
      .Add(key.scope.branch)
      .Add(key.scope.channel);
}

google::protobuf::Timestamp TimestampOf(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
  return out;
}

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

rules::Activation ActivationOf(const v1::Activation& message) {
  rules::Activation out;
  out.number = message.number();
  out.effective_from = TimeOf(message.effective_from());
  out.previous = message.previous();
  out.rebased = message.rebased();
  out.rolled_back.assign(message.rolled_back().begin(), message.rolled_back().end());
  for (const v1::ActivatedDocument& document : message.documents()) {
    out.documents[KeyOf(document.ref())] = {document.ref().version(), document.hash()};
  }
  for (const v1::DocumentRef& ref : message.changed()) {
    const rules::DocumentKey key = KeyOf(ref);
    const auto found = out.documents.find(key);
    out.changed[key] = found == out.documents.end() ? rules::ActivatedVersion() : found->second;
  }
  return out;
}

void SetActivation(const rules::Activation& activation, v1::Activation& message) {
  message.set_number(activation.number);
  *message.mutable_effective_from() = TimestampOf(activation.effective_from);
  message.set_previous(activation.previous);
  message.set_rebased(activation.rebased);
  for (const int64_t number : activation.rolled_back) message.add_rolled_back(number);
  for (const auto& [key, version] : activation.documents) {
    v1::ActivatedDocument& document = *message.add_documents();
    SetRef(key, version.version, *document.mutable_ref());
    document.set_hash(version.hash);
  }
  for (const auto& [key, version] : activation.changed) {
    SetRef(key, version.version, *message.add_changed());
  }
}

void SetFinding(const rules::Finding& finding, v1::Finding& message) {
  using Severity = rules::Finding::Severity;
  message.set_severity(finding.severity == Severity::kError     ? v1::SEVERITY_ERROR
                       : finding.severity == Severity::kWarning ? v1::SEVERITY_WARNING
                                                                : v1::SEVERITY_NOTE);
  message.set_code(finding.code);
  message.set_document(finding.document);
  message.set_path(finding.path);
  message.set_line(finding.line);
  message.set_column(finding.column);
  message.set_message(finding.message);
  message.set_hint(finding.hint);
}

v1::DocumentState StateOf(VersionState state) {
  switch (state) {
    case VersionState::kDraft: return v1::DOCUMENT_STATE_DRAFT;
    case VersionState::kChecked: return v1::DOCUMENT_STATE_CHECKED;
    case VersionState::kApproved: return v1::DOCUMENT_STATE_APPROVED;
    case VersionState::kScheduled: return v1::DOCUMENT_STATE_SCHEDULED;
    case VersionState::kActive: return v1::DOCUMENT_STATE_ACTIVE;
    case VersionState::kSuperseded: return v1::DOCUMENT_STATE_SUPERSEDED;
    case VersionState::kRolledBack: return v1::DOCUMENT_STATE_ROLLED_BACK;
    case VersionState::kWithdrawn: return v1::DOCUMENT_STATE_WITHDRAWN;
  }
  return v1::DOCUMENT_STATE_UNSPECIFIED;
}

VersionState StateOf(v1::DocumentState state) {
  switch (state) {
    case v1::DOCUMENT_STATE_CHECKED: return VersionState::kChecked;
    case v1::DOCUMENT_STATE_APPROVED: return VersionState::kApproved;
    case v1::DOCUMENT_STATE_SCHEDULED: return VersionState::kScheduled;
    case v1::DOCUMENT_STATE_ACTIVE: return VersionState::kActive;
    case v1::DOCUMENT_STATE_SUPERSEDED: return VersionState::kSuperseded;
    case v1::DOCUMENT_STATE_ROLLED_BACK: return VersionState::kRolledBack;
    case v1::DOCUMENT_STATE_WITHDRAWN: return VersionState::kWithdrawn;
    default: return VersionState::kDraft;
  }
}

}  // namespace weft::documents
