#include "services/erp-connector/inlet.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "services/erp-connector/domain/absence.h"
#include "services/erp-connector/exports.h"
#include "services/erp-connector/record_form.h"
#include "services/erp-connector/topics.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::erp {
namespace {

// Ids remembered of messages without version and changedAt.
constexpr int kRecentIdsMax = 16;

uint64_t ShortHash(absl::string_view bytes) {
  const Sha256Digest digest = Sha256(bytes);
  uint64_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

// Parsing needs room that is reused from message to message; a shard's turns run
// on one thread, and nothing of it outlives a call.
struct Workspace {
  JsonTree tree;
  std::string scratch;
};
Workspace& ThisThreads() {
  static thread_local Workspace workspace;
  return workspace;
}

Marks MarksOf(const v1::ObjectRow& row) {
  Marks marks;
  if (row.has_version()) marks.version = row.version();
  if (row.changed_at_us() != 0) marks.changed_at_us = row.changed_at_us();
  return marks;
}

void SetMarks(const Marks& marks, v1::ObjectRow& row) {
  row.set_has_version(marks.version.has_value());
  row.set_version(marks.version.value_or(0));
  row.set_changed_at_us(marks.changed_at_us.value_or(0));
}

bool IsRecent(const v1::ObjectRow& row, const std::string& id) {
  return std::find(row.recent_ids().begin(), row.recent_ids().end(), id) !=
         row.recent_ids().end();
}

void Remember(const Envelope& envelope, v1::ObjectRow& row) {
  SetMarks(After(MarksOf(row), envelope.marks), row);
  if (envelope.marks.version.has_value() || envelope.marks.changed_at_us.has_value()) return;
  if (row.recent_ids_size() >= kRecentIdsMax) {
    row.mutable_recent_ids()->DeleteSubrange(0, row.recent_ids_size() - kRecentIdsMax + 1);
  }
  row.add_recent_ids(envelope.id);
}

// What an object is can be said anew when a log is lost; of what happened a hash is kept.
bool KeepsEvent(Kind kind) { return InfoOf(kind).nature == Nature::kState; }

Outcome Failed(Problem problem, const Envelope& envelope) {
  Outcome outcome;
  outcome.what = Outcome::What::kSetAside;
  outcome.problem = std::move(problem);
  outcome.message_id = envelope.id;
  return outcome;
}

Outcome Done(Outcome::What what, const Envelope& envelope) {
  Outcome outcome;
  outcome.what = what;
  outcome.message_id = envelope.id;
  return outcome;
}

// A tombstone names its object by the record's key: "<type>/<key part>/…".
void ReadTombstone(absl::string_view record_key, Envelope& envelope, Problem& problem) {
  const std::vector<std::string> parts = absl::StrSplit(record_key, '/');
  const std::optional<Kind> kind = KindOf(parts[0]);
  if (kind.has_value() && InfoOf(*kind).can_delete &&
      static_cast<int>(parts.size()) == KeyParts(*kind) + 1) {
    envelope.type = parts[0];
    envelope.kind = *kind;
    envelope.typed = true;
    envelope.deleted = true;
    envelope.key.assign(parts.begin() + 1, parts.end());
    envelope.queue = absl::StrCat(parts[0], "\x1f", absl::StrJoin(envelope.key, "\x1f"));
    return;
  }
  problem = {"TOMBSTONE_UNKNOWN",
             absl::StrCat("an empty message deletes by the record's key, which is '",
                          record_key.substr(0, 100),
                          "' and names no object (such as item/85123A)"),
             ""};
}

}  // namespace

int64_t LiveOf(const v1::ConnectionRow& row, Kind kind) {
  const int place = static_cast<int>(kind);
  return place < row.live_size() ? row.live(place) : 0;
}

void AddTo(v1::MessageCounts& counts, const Outcome& outcome) {
  switch (outcome.what) {
    case Outcome::What::kApplied:
      counts.set_applied(counts.applied() + 1);
      break;
    case Outcome::What::kUnchanged:
      counts.set_unchanged(counts.unchanged() + 1);
      break;
    case Outcome::What::kOlder:
      counts.set_older(counts.older() + 1);
      break;
    case Outcome::What::kRepeated:
      counts.set_repeated(counts.repeated() + 1);
      break;
    case Outcome::What::kSetAside:
      counts.set_parked(counts.parked() + 1);
      break;
    case Outcome::What::kWaiting:
      counts.set_waiting(counts.waiting() + 1);
      break;
  }
}

Inlet::Inlet(const Settings& settings, const ConnectionSettings& connection, engine::Turn& turn)
    : settings_(settings), connection_(connection), turn_(turn) {}

absl::Status Inlet::Open() {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ConnectionRow> row,
                        turn_.Find(kConnections, ConnectionKey(connection_.name)));
  if (row.has_value()) row_ = *std::move(row);
  if (row_.open_load() != 0) {
    WEFT_ASSIGN_OR_RETURN(load_, turn_.Find(kLoads, NumberKey(row_.open_load())));
  }
  covered_ = {};
  if (load_.has_value()) {
    for (const std::string& type : load_->entities()) {
      if (const auto kind = KindOf(type)) covered_[static_cast<size_t>(*kind)] = true;
    }
  }
  return absl::OkStatus();
}

void Inlet::Close() {
  for (size_t i = 1; i < live_delta_.size(); ++i) {
    const std::string type(InfoOf(static_cast<Kind>(i)).type);
    if (live_delta_[i] != 0) {
      while (row_.live_size() <= static_cast<int>(i)) row_.add_live(0);
      row_.set_live(static_cast<int>(i), row_.live(static_cast<int>(i)) + live_delta_[i]);
    }
    if (mentioned_delta_[i] != 0 && load_.has_value()) {
      for (v1::LoadEntity& entity : *load_->mutable_counts()) {
        if (entity.type() == type) entity.set_mentioned(entity.mentioned() + mentioned_delta_[i]);
      }
    }
  }
  live_delta_ = {};
  mentioned_delta_ = {};
  turn_.Put(kConnections, ConnectionKey(connection_.name), row_);
  if (load_.has_value() && row_.open_load() != 0) {
    turn_.Put(kLoads, NumberKey(row_.open_load()), *load_);
  }
}

absl::StatusOr<int64_t> Inlet::NextNumber(absl::string_view counter) {
  const std::string key = CounterKey(counter);
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::CounterRow> row, turn_.Find(kCounters, key));
  v1::CounterRow next = row.value_or(v1::CounterRow());
  next.set_last(next.last() + 1);
  turn_.Put(kCounters, key, next);
  return next.last();
}

void Inlet::Count(const Outcome& outcome) {
  AddTo(*row_.mutable_counts(), outcome);
  row_.set_last_message_us(absl::ToUnixMicros(turn_.now()));
  if (load_.has_value() && load_->state() == v1::LOAD_STATE_OPEN) {
    load_->set_messages(load_->messages() + 1);
  }
}

bool Inlet::Covers(Kind kind) const { return covered_[static_cast<size_t>(kind)]; }

Inlet::Parsed Inlet::Parse(const Incoming& message) {
  Workspace& workspace = ThisThreads();
  Parsed parsed;
  Unwrapped found;
  if (!Unwrap(message.bytes, workspace.tree, workspace.scratch, found, parsed.problem)) {
    return parsed;
  }
  parsed.root = found.root;
  if (found.tombstone) {
    ReadTombstone(message.record_key, parsed.envelope, parsed.problem);
  } else {
    ReadEnvelope(workspace.tree, found.root, parsed.envelope, parsed.problem);
  }
  return parsed;
}

absl::StatusOr<Outcome> Inlet::Take(const Incoming& message) {
  const Parsed parsed = Parse(message);
  const bool any_parked = row_.parked() + row_.waiting() > 0;
  if (any_parked) {
    for (const std::string& hold :
         {parsed.envelope.queue.empty() ? "" : absl::StrCat("o", parsed.envelope.queue),
          message.record_key.empty() ? "" : absl::StrCat("r", message.record_key)}) {
      if (hold.empty()) continue;
      WEFT_ASSIGN_OR_RETURN(const bool held, IsHeld(hold));
      if (held) return Park(message, parsed, hold, /*waits=*/true);
    }
  }
  WEFT_ASSIGN_OR_RETURN(Outcome outcome, Attempt(parsed));
  if (outcome.what == Outcome::What::kSetAside) {
    Parsed failed = parsed;
    failed.problem = std::move(outcome.problem);
    return Park(message, failed, HoldOf(failed, message), /*waits=*/false);
  }
  Count(outcome);
  return outcome;
}

absl::StatusOr<Outcome> Inlet::Attempt(const Parsed& parsed) {
  const Envelope& envelope = parsed.envelope;
  if (parsed.problem.any()) return Failed(parsed.problem, envelope);
  if (InfoOf(envelope.kind).nature == Nature::kControl) return ApplyLoad(envelope);
  return ApplyObject(envelope);
}

absl::StatusOr<Outcome> Inlet::ApplyObject(const Envelope& envelope) {
  const KindInfo& info = InfoOf(envelope.kind);
  const std::string part = ObjectPart(envelope.kind, envelope.key);
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ObjectRow> stored,
                        turn_.Find(kObjects, ObjectKey(connection_.name, part)));
  const bool was_live = stored.has_value() && !stored->deleted();
  if (stored.has_value() && info.nature == Nature::kState) {
    const Marks applied = MarksOf(*stored);
    const Placement placement = Place(applied, envelope.marks);
    const bool old = placement == Placement::kOlder;
    const bool repeat =
        (placement == Placement::kSame && !SamePlaceMayDiffer(applied, envelope.marks)) ||
        (placement == Placement::kArrival && IsRecent(*stored, envelope.id));
    if (old || repeat) {
      const int64_t load = stored->load();
      Mention(envelope.kind, was_live, *stored);
      if (stored->load() != load) PutObject(part, *stored);
      return Done(old ? Outcome::What::kOlder : Outcome::What::kRepeated, envelope);
    }
  }
  if (envelope.deleted) return ApplyDelete(envelope, part, std::move(stored));

  Content content;
  Problem problem;
  if (envelope.patch) {
    if (!was_live) {
      return Failed({"PATCH_WITHOUT_OBJECT",
                     absl::StrCat("the patch is for ", info.type, " ",
                                  KeyForPeople(envelope.key), ", which is not known"),
                     ""},
                    envelope);
    }
    content.event = NewEvent(envelope.kind);
    if (!content.event->ParseFromString(stored->event())) {
      return DataLoss("ROW_UNREADABLE", "a stored event does not parse");
    }
  }
  if (!ReadContent(ThisThreads().tree, envelope, content, problem)) {
    return Failed(std::move(problem), envelope);
  }
  v1::ObjectRow row = stored.value_or(v1::ObjectRow());

  const std::string unfinished = content.event->SerializeAsString();
  if (info.nature == Nature::kRecord && stored.has_value()) {
    if (row.event_hash() == ShortHash(unfinished)) {
      return Done(Outcome::What::kRepeated, envelope);
    }
    return Failed({"IDENTITY_REUSED",
                   absl::StrCat(info.type, " ", KeyForPeople(envelope.key),
                                " came before with another content; what happened cannot be "
                                "changed, only followed by something new"),
                   ""},
                  envelope);
  }
  const bool unchanged =
      was_live && (KeepsEvent(envelope.kind) ? row.event() == unfinished
                                             : row.event_hash() == ShortHash(unfinished));
  if (!unchanged) {
    WEFT_RETURN_IF_ERROR(TakeAnswer(connection_, envelope.kind, *content.event, turn_, problem));
    if (problem.any()) return Failed(std::move(problem), envelope);
  }

  // From here on it is applied.
  Remember(envelope, row);
  Mention(envelope.kind, was_live, row);
  if (!unchanged) {
    if (KeepsEvent(envelope.kind)) {
      row.set_event(unfinished);
      row.clear_event_hash();
    } else {
      row.set_event_hash(ShortHash(unfinished));
    }
    row.set_deleted(false);
    WEFT_RETURN_IF_ERROR(Unrefer(part, row));
    WEFT_RETURN_IF_ERROR(Refer(part, content.references, row));
    if (!was_live) {
      ++live_delta_[static_cast<size_t>(envelope.kind)];
      known_[part] = true;
      WEFT_RETURN_IF_ERROR(Heal(part));
    }
    Emit(envelope.kind, envelope.key, *content.event);
  }
  PutObject(part, row);
  return Done(unchanged ? Outcome::What::kUnchanged : Outcome::What::kApplied, envelope);
}

absl::StatusOr<Outcome> Inlet::ApplyDelete(const Envelope& envelope, const std::string& part,
                                           std::optional<v1::ObjectRow> stored) {
  v1::ObjectRow row = stored.value_or(v1::ObjectRow());
  const bool was_live = stored.has_value() && !row.deleted();
  Remember(envelope, row);
  Mention(envelope.kind, was_live, row);
  row.set_deleted(true);
  row.clear_event();
  row.clear_event_hash();
  WEFT_RETURN_IF_ERROR(Unrefer(part, row));
  PutObject(part, row);
  // A delete before the create leaves the mark and says nothing.
  if (!was_live) return Done(Outcome::What::kUnchanged, envelope);
  --live_delta_[static_cast<size_t>(envelope.kind)];
  known_[part] = true;
  EmitDeleted(envelope.kind, envelope.key);
  return Done(Outcome::What::kApplied, envelope);
}

void Inlet::Emit(Kind kind, const std::vector<std::string>& key,
                 const google::protobuf::Message& event) {
  std::string subject;
  if (kind == Kind::kStockMovement) {
    const auto& moved = static_cast<const weft::stock::v1::StockMoved&>(event);
    subject = absl::StrCat(moved.sku(), "@", moved.location());
  } else if (kind == Kind::kInvoice &&
             !static_cast<const weft::sales::v1::OrderInvoiced&>(event).order().empty()) {
    subject = static_cast<const weft::sales::v1::OrderInvoiced&>(event).order();
  } else {
    subject = SubjectOf(kind, key);
  }
  turn_.EmitBytes(TopicOf(kind), event.GetTypeName(), subject, event.SerializeAsString());
}

void Inlet::EmitDeleted(Kind kind, const std::vector<std::string>& key) {
  if (kind == Kind::kUser) {
    turn_.EmitTombstone(TopicOf(kind), weft::directory::v1::UserChanged().GetTypeName(),
                        SubjectOf(kind, key));
    return;
  }
  const auto event = DeletedEvent(kind, key);
  if (event != nullptr) Emit(kind, key, *event);
}

void Inlet::Mention(Kind kind, bool was_live, v1::ObjectRow& row) {
  if (!Covers(kind) || row.load() == row_.open_load()) return;
  row.set_load(row_.open_load());
  if (was_live) ++mentioned_delta_[static_cast<size_t>(kind)];
}

void Inlet::PutObject(const std::string& part, const v1::ObjectRow& row) {
  turn_.Put(kObjects, ObjectKey(connection_.name, part), row);
}

absl::StatusOr<bool> Inlet::IsKnown(const std::string& part) {
  const auto found = known_.find(part);
  if (found != known_.end()) return found->second;
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                        turn_.GetRow(kObjects.id, ObjectKey(connection_.name, part)));
  return known_[part] = row.has_value();
}

absl::Status Inlet::Refer(const std::string& source, const std::vector<Reference>& references,
                          v1::ObjectRow& row) {
  for (const Reference& reference : references) {
    const std::string target = ObjectPart(reference.kind, reference.key);
    if (target == source) continue;
    WEFT_ASSIGN_OR_RETURN(const bool known, IsKnown(target));
    if (known) continue;
    v1::ReferenceRow missing;
    missing.set_since_us(absl::ToUnixMicros(turn_.now()));
    turn_.Put(kReferences, ReferenceKey(connection_.name, target, source), missing);
    row.add_unresolved(target);
    row_.set_unresolved(row_.unresolved() + 1);
  }
  return absl::OkStatus();
}

absl::Status Inlet::Unrefer(const std::string& source, v1::ObjectRow& row) {
  for (const std::string& target : row.unresolved()) {
    const std::string key = ReferenceKey(connection_.name, target, source);
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReferenceRow> missing,
                          turn_.Find(kReferences, key));
    if (!missing.has_value()) continue;  // Healed since.
    turn_.Delete(kReferences, key);
    row_.set_unresolved(row_.unresolved() - 1);
  }
  row.clear_unresolved();
  return absl::OkStatus();
}

absl::Status Inlet::Heal(const std::string& part) {
  if (row_.unresolved() == 0) return absl::OkStatus();
  std::vector<std::string> keys;
  WEFT_RETURN_IF_ERROR(turn_.ScanRows(kReferences.id, ReferencePrefix(connection_.name, part), "",
                                      [&](absl::string_view key, absl::string_view /*value*/) {
                                        keys.emplace_back(key);
                                        return true;
                                      }));
  for (const std::string& key : keys) turn_.Delete(kReferences, key);
  row_.set_unresolved(row_.unresolved() - static_cast<int64_t>(keys.size()));
  return absl::OkStatus();
}

// ---- Parking ---------------------------------------------------------------

std::string Inlet::HoldOf(const Parsed& parsed, const Incoming& message) const {
  if (!parsed.envelope.queue.empty()) return absl::StrCat("o", parsed.envelope.queue);
  if (!message.record_key.empty()) return absl::StrCat("r", message.record_key);
  return "";
}

absl::StatusOr<bool> Inlet::IsHeld(const std::string& hold) {
  bool held = false;
  WEFT_RETURN_IF_ERROR(turn_.ScanRows(kParkedKeys.id, ParkedKeyPrefix(connection_.name, hold), "",
                                      [&](absl::string_view, absl::string_view) {
                                        held = true;
                                        return false;
                                      }));
  return held;
}

absl::StatusOr<Outcome> Inlet::Park(const Incoming& message, const Parsed& parsed,
                                    const std::string& hold, bool waits) {
  const Envelope& envelope = parsed.envelope;
  const uint64_t hash = ShortHash(message.bytes);
  int64_t head = 0;
  if (!hold.empty()) {
    bool came_before = false;
    WEFT_RETURN_IF_ERROR(turn_.Scan(kParkedKeys, ParkedKeyPrefix(connection_.name, hold),
                                    [&](absl::string_view, const v1::ParkedKeyRow& row) {
                                      if (head == 0) head = row.id();
                                      came_before = came_before || row.hash() == hash;
                                      return !came_before;
                                    }));
    if (came_before) {
      const Outcome repeated = Done(Outcome::What::kRepeated, envelope);
      Count(repeated);
      return repeated;
    }
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t number, NextNumber("parked"));
  v1::ParkedRow row;
  v1::ParkedMessage& shown = *row.mutable_message();
  shown.set_id(absl::StrCat(number));
  shown.set_connection(connection_.name);
  shown.set_source(message.source);
  shown.set_message_id(envelope.id);
  shown.set_type(envelope.typed ? envelope.type : "");
  shown.set_key(KeyForPeople(envelope.key));
  shown.set_attempts(1);
  const absl::string_view kept = message.bytes.substr(0, kMessageBytesMax);
  shown.set_data(kept.data(), kept.size());
  row.set_receive_us(absl::ToUnixMicros(turn_.now()));
  row.set_hold(hold);
  row.set_record_key(std::string(message.record_key));

  Outcome outcome;
  outcome.message_id = envelope.id;
  outcome.parked = number;
  if (waits) {
    outcome.what = Outcome::What::kWaiting;
    outcome.problem = {"WAITS_BEHIND_PARKED",
                       absl::StrCat("an earlier message of the same key is parked as ", head,
                                    "; replay or discard that one"),
                       ""};
    shown.set_waits_for(absl::StrCat(head));
    row_.set_waiting(row_.waiting() + 1);
  } else {
    outcome.what = Outcome::What::kSetAside;
    outcome.problem = parsed.problem;
    row_.set_parked(row_.parked() + 1);
    turn_.EmitRaw(connection_.topic_dlq, std::string(message.record_key),
                  {{"weft_parked", shown.id()},
                   {"weft_source", message.source},
                   {"weft_reason", parsed.problem.reason},
                   {"weft_message", parsed.problem.message},
                   {"weft_path", parsed.problem.path}},
                  shown.data());
  }
  shown.set_reason(outcome.problem.reason);
  shown.set_message(outcome.problem.message);
  shown.set_path(outcome.problem.path);
  turn_.Put(kParked, NumberKey(number), row);
  if (!hold.empty()) {
    v1::ParkedKeyRow key;
    key.set_id(number);
    key.set_hash(hash);
    turn_.Put(kParkedKeys, ParkedKeyKey(connection_.name, hold, number), key);
  }
  Count(outcome);
  return outcome;
}

absl::Status Inlet::TakeOff(int64_t number, const v1::ParkedRow& row) {
  turn_.Delete(kParked, NumberKey(number));
  if (!row.hold().empty()) {
    turn_.Delete(kParkedKeys, ParkedKeyKey(connection_.name, row.hold(), number));
  }
  if (row.message().waits_for().empty()) {
    row_.set_parked(row_.parked() - 1);
  } else {
    row_.set_waiting(row_.waiting() - 1);
  }
  return absl::OkStatus();
}

absl::Status Inlet::Replay(int64_t number, const std::optional<std::string>& text,
                           v1::MessageCounts& counts) {
  WEFT_ASSIGN_OR_RETURN(v1::ParkedRow row, turn_.Get(kParked, NumberKey(number)));
  if (!row.message().waits_for().empty()) {
    return FailedPrecondition(
        "PARKED_WAITS",
        absl::StrCat("parked message ", number, " waits behind ", row.message().waits_for(),
                     "; replay or discard that one first"),
        {{"waitsFor", row.message().waits_for()}});
  }
  const std::string bytes = text.value_or(row.message().data());
  const Parsed parsed =
      Parse({.bytes = bytes, .source = row.message().source(), .record_key = row.record_key()});
  WEFT_ASSIGN_OR_RETURN(const Outcome outcome, Attempt(parsed));
  AddTo(counts, outcome);
  if (outcome.what == Outcome::What::kSetAside) {
    v1::ParkedMessage& shown = *row.mutable_message();
    shown.set_reason(outcome.problem.reason);
    shown.set_message(outcome.problem.message);
    shown.set_path(outcome.problem.path);
    shown.set_attempts(shown.attempts() + 1);
    shown.set_data(bytes);
    turn_.Put(kParked, NumberKey(number), row);
    return absl::OkStatus();
  }
  WEFT_RETURN_IF_ERROR(TakeOff(number, row));
  return Drain(row.hold(), counts);
}

absl::Status Inlet::Discard(int64_t number, v1::MessageCounts& counts) {
  WEFT_ASSIGN_OR_RETURN(const v1::ParkedRow row, turn_.Get(kParked, NumberKey(number)));
  WEFT_RETURN_IF_ERROR(TakeOff(number, row));
  // One that waited leaves its queue as it is.
  if (!row.message().waits_for().empty()) return absl::OkStatus();
  return Drain(row.hold(), counts);
}

absl::Status Inlet::Drain(const std::string& hold, v1::MessageCounts& counts) {
  if (hold.empty()) return absl::OkStatus();
  for (int i = 0;; ++i) {
    int64_t number = 0;
    WEFT_RETURN_IF_ERROR(turn_.Scan(kParkedKeys, ParkedKeyPrefix(connection_.name, hold),
                                    [&](absl::string_view, const v1::ParkedKeyRow& row) {
                                      number = row.id();
                                      return false;
                                    }));
    if (number == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(v1::ParkedRow row, turn_.Get(kParked, NumberKey(number)));
    if (row.message().waits_for().empty()) return absl::OkStatus();  // A head again.
    if (i >= kDrainMax) {
      turn_.SetTimer(kDrainTimer, absl::StrCat(connection_.name, "/", number), turn_.now(),
                     absl::StrCat(connection_.name, "/", hold));
      return absl::OkStatus();
    }
    const std::string bytes = row.message().data();
    const Parsed parsed =
        Parse({.bytes = bytes, .source = row.message().source(), .record_key = row.record_key()});
    WEFT_ASSIGN_OR_RETURN(const Outcome outcome, Attempt(parsed));
    AddTo(counts, outcome);
    if (outcome.what != Outcome::What::kSetAside) {
      WEFT_RETURN_IF_ERROR(TakeOff(number, row));
      continue;
    }
    // It has a fault of its own: the queue stands behind it now.
    v1::ParkedMessage& shown = *row.mutable_message();
    shown.clear_waits_for();
    shown.set_reason(outcome.problem.reason);
    shown.set_message(outcome.problem.message);
    shown.set_path(outcome.problem.path);
    shown.set_attempts(shown.attempts() + 1);
    turn_.Put(kParked, NumberKey(number), row);
    row_.set_waiting(row_.waiting() - 1);
    row_.set_parked(row_.parked() + 1);
    return absl::OkStatus();
  }
}

// ---- Loads -----------------------------------------------------------------

absl::StatusOr<Outcome> Inlet::ApplyLoad(const Envelope& envelope) {
  LoadMessage message;
  Problem problem;
  if (!ReadLoad(ThisThreads().tree, envelope, message, problem)) {
    return Failed(std::move(problem), envelope);
  }
  const std::string part = ObjectPart(envelope.kind, {message.load});
  const std::string key = ObjectKey(connection_.name, part);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ObjectRow> before, turn_.Find(kObjects, key));
  if (before.has_value()) return Done(Outcome::What::kRepeated, envelope);

  if (envelope.kind == Kind::kLoadBegin) {
    Close();  // What was counted so far belongs to the time before.
    if (load_.has_value()) {
      load_->set_state(v1::LOAD_STATE_ABANDONED);
      load_->set_end_us(absl::ToUnixMicros(turn_.now()));
      turn_.Put(kLoads, NumberKey(row_.open_load()), *load_);
    }
    WEFT_ASSIGN_OR_RETURN(const int64_t number, NextNumber("loads"));
    load_.emplace();
    covered_ = {};
    load_->set_connection(connection_.name);
    load_->set_load(message.load);
    load_->set_state(v1::LOAD_STATE_OPEN);
    load_->set_begin_us(absl::ToUnixMicros(turn_.now()));
    weft::facts::v1::LoadChanged event;
    event.set_connection(connection_.name);
    for (const Kind kind : message.kinds) {
      if (Covers(kind)) continue;
      covered_[static_cast<size_t>(kind)] = true;
      const std::string type(InfoOf(kind).type);
      load_->add_entities(type);
      event.add_entities(type);
      v1::LoadEntity& entity = *load_->add_counts();
      entity.set_type(type);
      entity.set_before(LiveOf(row_, kind));
    }
    row_.set_open_load(number);
    turn_.Emit(engine::kTimeline, absl::StrCat("loads/", connection_.name), event);
  } else {
    if (!load_.has_value() || load_->load() != message.load ||
        load_->state() != v1::LOAD_STATE_OPEN) {
      return Failed({"LOAD_NOT_OPEN",
                     absl::StrCat("load.end names '", message.load,
                                  "', but that load did not begin or is over"),
                     "$.data.load"},
                    envelope);
    }
    Close();
    std::vector<LoadCount> counts;
    for (const v1::LoadEntity& entity : load_->counts()) {
      counts.push_back({.before = entity.before(), .mentioned = entity.mentioned()});
    }
    switch (JudgeAbsence(counts, connection_.absent_percent_max)) {
      case LoadVerdict::kComplete:
        WEFT_RETURN_IF_ERROR(FinishLoad(*load_, row_.open_load()));
        break;
      case LoadVerdict::kDelete:
        load_->set_state(v1::LOAD_STATE_SWEEPING);
        turn_.SetTimer(kSweepTimer, connection_.name, turn_.now(),
                       absl::StrCat(row_.open_load()));
        break;
      case LoadVerdict::kAsk:
        load_->set_state(v1::LOAD_STATE_HELD);
        break;
    }
  }
  v1::ObjectRow mark;
  Remember(envelope, mark);
  turn_.Put(kObjects, key, mark);
  return Done(Outcome::What::kApplied, envelope);
}

absl::Status Inlet::FinishLoad(v1::LoadRow& load, int64_t number) {
  load.set_state(v1::LOAD_STATE_ENDED);
  load.set_end_us(absl::ToUnixMicros(turn_.now()));
  load.clear_cursor();
  turn_.Put(kLoads, NumberKey(number), load);
  weft::facts::v1::LoadChanged event;
  event.set_connection(connection_.name);
  for (const std::string& type : load.entities()) event.add_entities(type);
  event.set_ended(true);
  event.set_messages(load.messages());
  turn_.Emit(engine::kTimeline, absl::StrCat("loads/", connection_.name), event);
  row_.set_open_load(0);
  row_.set_loaded(true);
  load_.reset();
  covered_ = {};
  return absl::OkStatus();
}

absl::StatusOr<bool> Inlet::Sweep(int64_t number) {
  if (row_.open_load() != number || !load_.has_value() ||
      load_->state() != v1::LOAD_STATE_SWEEPING) {
    return false;
  }
  // The kinds in the order of their keys, from where the last turn stopped.
  std::vector<Kind> kinds;
  for (size_t i = 1; i < covered_.size(); ++i) {
    if (covered_[i]) kinds.push_back(static_cast<Kind>(i));
  }
  const std::string from = load_->cursor();
  std::vector<std::pair<std::string, v1::ObjectRow>> absent;
  int visited = 0;
  bool more = false;
  for (const Kind kind : kinds) {
    const std::string prefix = ObjectPrefix(connection_.name, kind);
    if (!from.empty() && from > prefix && from.compare(0, prefix.size(), prefix) != 0) continue;
    const bool here = from.compare(0, prefix.size(), prefix) == 0;
    WEFT_RETURN_IF_ERROR(turn_.Scan(
        kObjects, prefix,
        [&](absl::string_view key, const v1::ObjectRow& row) {
          if (visited >= kSweepMax) {
            load_->set_cursor(std::string(key));
            more = true;
            return false;
          }
          ++visited;
          if (!row.deleted() && row.load() != number) absent.emplace_back(std::string(key), row);
          return true;
        },
        here ? absl::string_view(from) : absl::string_view()));
    if (more) break;
  }
  const size_t skip = ConnectionKey(connection_.name).size();
  for (auto& [key, row] : absent) {
    const std::string part = key.substr(skip);
    Kind kind = Kind::kItem;
    std::vector<std::string> parts;
    if (!ReadObjectPart(part, kind, parts)) {
      return DataLoss("ROW_UNREADABLE", "an object's key does not parse");
    }
    row.set_deleted(true);
    row.clear_event();
    row.clear_event_hash();
    WEFT_RETURN_IF_ERROR(Unrefer(part, row));
    PutObject(part, row);
    --live_delta_[static_cast<size_t>(kind)];
    for (v1::LoadEntity& entity : *load_->mutable_counts()) {
      if (entity.type() == InfoOf(kind).type) entity.set_deleted(entity.deleted() + 1);
    }
    EmitDeleted(kind, parts);
  }
  if (more) return true;
  WEFT_RETURN_IF_ERROR(FinishLoad(*load_, number));
  return false;
}

absl::Status Inlet::Resolve(int64_t number, bool delete_absent) {
  if (row_.open_load() != number || !load_.has_value() ||
      load_->state() != v1::LOAD_STATE_HELD) {
    return FailedPrecondition("LOAD_NOT_HELD",
                              absl::StrCat("load ", number, " does not wait for a decision"));
  }
  if (!delete_absent) return FinishLoad(*load_, number);
  load_->set_state(v1::LOAD_STATE_SWEEPING);
  turn_.SetTimer(kSweepTimer, connection_.name, turn_.now(), absl::StrCat(number));
  return absl::OkStatus();
}

}  // namespace weft::erp
