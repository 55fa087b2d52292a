#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core_turn.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

uint64_t Fnv(absl::string_view text) {
  uint64_t h = 0xcbf29ce484222325;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

// Outcome unknown, or "later": the call is repeated with its key.
bool IsUndecided(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

absl::Status Damaged(absl::string_view what) {
  return DataLoss("STORE_CORRUPT",
                  absl::StrCat("the shard's ", what,
                               " does not parse; restore the last checkpoint, or rebuild"));
}

}  // namespace

// What a batch sets free once it is durable.
struct Core::Effects {
  std::vector<std::pair<AnswerCallback, absl::StatusOr<Answer>>> answers;
  std::vector<std::pair<std::function<void(absl::Status)>, absl::Status>> parked_answers;
  struct TurnRows {
    std::string tenant;
    Position position;
    std::vector<ChangedRow> rows;
  };
  std::vector<TurnRows> turns;       // For read models only.
  std::vector<std::string> tenants;  // Whose rows changed; neighbours differ.
  std::deque<layout::OutboxRow> outbox;
  uint64_t outbox_end = 0;           // 0: none.
  std::vector<std::string> tasks;
};

absl::StatusOr<CommandInput> MakeCommandInput(Command command, absl::Duration steady_now) {
  const auto valid = [](const std::string& id) {
    if (id.empty() || id.size() > 255) return false;
    return std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 127; });
  };
  if (!valid(command.request_id)) {
    return InvalidArgument(
        "REQUEST_ID_REQUIRED",
        "a command needs a request id of 1 to 255 visible ASCII characters; send an "
        "Idempotency-Key");
  }
  CommandInput input;
  const Sha256Digest digest =
      Sha256(command.fingerprint.empty() ? command.payload : command.fingerprint);
  input.fingerprint.assign(reinterpret_cast<const char*>(digest.data()),
                           layout::kFingerprintBytes);
  input.deadline = steady_now + command.timeout;
  input.command = std::move(command);
  return input;
}

Core::Core(const CoreOptions& options, const Program& program, Store& store, const Times& times)
    : options_(options),
      program_(program),
      store_(store),
      clock_(absl::InfinitePast(), times.wall, times.boot),
      times_(times),
      effects_(std::make_unique<Effects>()),
      turn_(std::make_unique<CoreTurn>(*this)),
      cache_(options.row_cache_bytes) {
  for (const RawTopic& raw : program_.raw_topics) raw_topics_[raw.topic] = &raw;
}

Core::~Core() = default;

absl::StatusOr<std::unique_ptr<Core>> Core::Open(const CoreOptions& options,
                                                 const Program& program, Store& store,
                                                 const Times& times) {
  std::unique_ptr<Core> core(new Core(options, program, store, times));
  WEFT_RETURN_IF_ERROR(core->Load(/*first=*/true, times));
  WEFT_RETURN_IF_ERROR(core->LoadReadModels());
  return core;
}

// --- Opening -----------------------------------------------------------------

absl::Status Core::Load(bool first, const Times& times) {
  if (first) {
    WEFT_ASSIGN_OR_RETURN(const auto shard, store_.Get(Family::kMeta, layout::kShard));
    const layout::ShardRow mine{program_.room, static_cast<uint64_t>(options_.shard),
                                static_cast<uint64_t>(options_.shards)};
    if (!shard.has_value()) {
      Batch batch;
      batch.Put(Family::kMeta, layout::kShard, layout::EncodeShard(mine));
      WEFT_RETURN_IF_ERROR(store_.Write(batch, /*sync=*/true));
    } else {
      const auto found = layout::ParseShard(*shard);
      if (!found.has_value()) {
        return FailedPrecondition("STORE_MISMATCH",
                                  "the store was written by a newer release; start that one");
      }
      if (found->room != mine.room || found->shard != mine.shard ||
          found->shards != mine.shards) {
        return FailedPrecondition(
            "STORE_MISMATCH",
            absl::StrCat("the store is shard ", found->shard, " of ", found->shards, " of ",
                         found->room, ", not shard ", mine.shard, " of ", mine.shards, " of ",
                         mine.room, "; give the right folder, or reshard"));
      }
    }
  }

  generation_ = 1;
  log_identity_.reset();
  emitted_.clear();
  applied_.clear();
  offsets_.clear();
  positions_.clear();
  undo_marks_.clear();
  parked_keys_.clear();
  tasks_.clear();
  task_queue_.clear();
  task_results_.clear();
  relay_rows_.clear();
  relay_rows_bytes_ = 0;
  round_.clear();
  ++round_id_;
  cache_.Clear();
  outbox_trimmed_ = outbox_next_ = 1;
  outbox_bytes_total_ = 0;
  answer_age_next_ = 1;
  answer_bytes_total_ = 0;
  answer_first_time_ = absl::InfiniteFuture();
  next_parked_ = 1;
  parked_count_ = 0;
  next_due_ = absl::InfiniteFuture();
  next_task_ = 1;

  stored_time_ = absl::InfinitePast();
  for (auto it = store_.Scan(Family::kMeta, "", ""); ; it->Next()) {
    if (!it->Valid()) {
      WEFT_RETURN_IF_ERROR(it->status());
      break;
    }
    const absl::string_view key = it->key();
    const absl::string_view value = it->value();
    WireReader in(key.substr(1));
    uint16_t partition;
    switch (key[0]) {
      case 't': {
        WireReader time(value);
        absl::Time t;
        if (!time.Time(t)) return Damaged("time");
        stored_time_ = t;
        break;
      }
      case 'g':
        generation_ = static_cast<int64_t>(layout::ParseU64(value).value_or(1));
        break;
      case 'l':
        log_identity_ = std::string(value);
        break;
      case 'w':
        outbox_trimmed_ = layout::ParseU64(value).value_or(1);
        break;
      case 'x':
        if (!layout::ParseTwoU64(value, outbox_next_, outbox_bytes_total_)) {
          return Damaged("outbox mark");
        }
        break;
      case 'a':
        if (!layout::ParseTwoU64(value, answer_age_next_, answer_bytes_total_)) {
          return Damaged("answer mark");
        }
        break;
      case 'n':
        next_task_ = layout::ParseU64(value).value_or(1);
        break;
      case 'r':
        rebuilding_ = true;
        break;
      case 'k':
        next_parked_ = layout::ParseU64(value).value_or(1);
        break;
      case 'e':
        emitted_[std::string(key)] = static_cast<int64_t>(layout::ParseU64(value).value_or(0));
        break;
      case 'i':
        applied_[std::string(key)] = static_cast<int64_t>(layout::ParseU64(value).value_or(0));
        break;
      case 'o': {
        const auto row = layout::ParseOffset(value);
        if (!in.U16(partition) || !row.has_value()) return Damaged("offset");
        offsets_[{std::string(in.Rest()), partition}] = *row;
        break;
      }
      case 'p': {
        const auto row = layout::ParsePosition(value);
        if (!row.has_value()) return Damaged("position");
        positions_[std::string(key)] = *row;
        break;
      }
      default:
        break;
    }
  }
  if (first) clock_ = ShardClock(stored_time_, times.wall, times.boot);

  outbox_low_ = outbox_trimmed_;
  outbox_bytes_low_ = outbox_bytes_total_;
  outbox_released_ = outbox_next_;
  relay_next_ = outbox_low_;
  {
    const auto it = store_.Scan(Family::kOutbox, layout::SequenceKey(outbox_low_), "");
    if (it->Valid()) {
      const auto row = layout::ParseOutbox(it->key(), it->value());
      if (!row.has_value()) return Damaged("outbox");
      outbox_bytes_low_ = row->bytes_before;
    }
    WEFT_RETURN_IF_ERROR(it->status());
  }
  {
    const auto it = store_.Scan(Family::kTimers, "d", PrefixEnd("d"));
    if (it->Valid()) {
      WireReader in(it->key().substr(1));
      if (!in.Time(next_due_)) return Damaged("timer");
    }
    WEFT_RETURN_IF_ERROR(it->status());
  }
  {
    const auto it = store_.Scan(Family::kTasks, "p", PrefixEnd("p"));
    for (; it->Valid(); it->Next()) {
      WireReader in(it->value());
      PendingTask task;
      if (!in.U64(task.order)) return Damaged("task");
      task.released = true;
      const std::string id(it->key().substr(1));
      PendingTask& kept = tasks_[id] = task;
      QueueTask(id, kept, absl::ZeroDuration());
    }
    WEFT_RETURN_IF_ERROR(it->status());
  }
  {
    const auto it = store_.Scan(Family::kAnswers, "u", PrefixEnd("u"));
    for (; it->Valid(); it->Next()) undo_marks_.insert(Fnv(it->key()));
    WEFT_RETURN_IF_ERROR(it->status());
  }
  {
    const auto it = store_.Scan(Family::kAnswers, "t", PrefixEnd("t"));
    answer_age_first_ = answer_age_next_;
    answer_first_bytes_ = answer_bytes_total_;
    if (it->Valid()) {
      WireReader key(it->key().substr(1));
      WireReader in(it->value());
      if (!key.U64(answer_age_first_) || !in.Time(answer_first_time_) ||
          !in.U64(answer_first_bytes_)) {
        return Damaged("answer age");
      }
    }
    WEFT_RETURN_IF_ERROR(it->status());
  }
  {
    const auto it = store_.Scan(Family::kParked, "", "");
    for (; it->Valid(); it->Next()) {
      const auto row = layout::ParseParked(it->key(), it->value());
      if (!row.has_value()) return Damaged("parked record");
      parked_keys_[{row->topic, row->key}].insert({row->partition, row->number});
      ++parked_count_;
    }
    WEFT_RETURN_IF_ERROR(it->status());
  }
  return absl::OkStatus();
}

absl::Status Core::LoadReadModels() {
  if (program_.read_models.empty()) return absl::OkStatus();
  const auto it = store_.Scan(Family::kState, "", "");
  for (; it->Valid(); it->Next()) {
    const auto parts = layout::ParseStateKey(it->key());
    if (!parts.has_value()) return Damaged("row key");
    const ChangedRow row{parts->tenant, parts->partition, parts->table, parts->rest,
                         std::string(it->value())};
    for (ReadModel* model : program_.read_models) model->Load(row);
  }
  return it->status();
}

// --- Deciding ----------------------------------------------------------------

void Core::ClearBatch() {
  batch_.Clear();
  report_ = BatchReport();
  report_.shard = options_.shard;
  for (Overlay& overlay : overlay_) {
    if (!overlay.empty()) overlay.clear();
  }
  batch_answer_keys_.clear();
  batch_answer_bytes_ = 0;
  batch_offsets_.clear();
  batch_applied_.clear();
  batch_emitted_.clear();
  batch_positions_.clear();
  batch_outbox_ = false;
  batch_tasks_ = false;
}

void Core::Decide(std::vector<Input> inputs, const Times& times) {
  WEFT_CHECK(written_);
  ClearBatch();
  times_ = times;
  if (replay_now_.has_value()) {
    clock_.Set(*replay_now_);
  } else {
    clock_.Advance(times.wall, times.boot);
  }
  if (options_.recorder != nullptr) RecordInputs(inputs);
  now_text_ = FormatEventTime(clock_.now());
  written_ = false;

  if (next_due_ <= clock_.now()) RunTimers();
  if (!task_results_.empty()) RunTaskResults();
  for (Input& input : inputs) {
    if (auto* command = std::get_if<CommandInput>(&input)) {
      RunCommand(std::move(*command), times);
    } else if (auto* records = std::get_if<RecordsInput>(&input)) {
      RunRecords(std::move(*records));
    } else {
      RunParked(std::move(std::get<ParkedInput>(input)));
    }
  }

  // In key order, which is also the order a memtable takes cheapest.
  for (int f = 0; f < kFamilies; ++f) {
    for (const auto& [key, value] : overlay_[static_cast<size_t>(f)]) {
      if (value.has_value()) {
        batch_.Put(static_cast<Family>(f), key, *value);
      } else {
        batch_.Delete(static_cast<Family>(f), key);
      }
    }
  }
  // The marks that go with the batch, each once.
  for (const auto& [topic, partition] : batch_offsets_) {
    batch_.Put(Family::kMeta, layout::OffsetKey(static_cast<uint32_t>(partition), topic),
               layout::EncodeOffset(offsets_[{topic, partition}]));
  }
  for (const std::string& key : batch_applied_) {
    batch_.Put(Family::kMeta, key, layout::U64Value(static_cast<uint64_t>(applied_[key])));
  }
  for (const std::string& key : batch_positions_) {
    batch_.Put(Family::kMeta, key, layout::EncodePosition(positions_[key]));
  }
  for (const std::string& key : batch_emitted_) {
    batch_.Put(Family::kMeta, key, layout::U64Value(static_cast<uint64_t>(emitted_[key])));
  }
  if (batch_outbox_) {
    batch_.Put(Family::kMeta, layout::kOutboxNext,
               layout::TwoU64Value(outbox_next_, outbox_bytes_total_));
    effects_->outbox_end = outbox_next_;
  }
  if (batch_tasks_) {
    batch_.Put(Family::kMeta, layout::kNextTask, layout::U64Value(next_task_));
  }
  if (batch_answer_bytes_ > 0) {
    std::string age;
    AppendTime(age, clock_.now());
    AppendU64(age, answer_bytes_total_);
    AppendU64(age, static_cast<uint64_t>(batch_answer_bytes_));
    age.append(batch_answer_keys_);
    batch_.Put(Family::kAnswers, layout::TaggedSequence('t', answer_age_next_), age);
    if (answer_first_time_ == absl::InfiniteFuture()) {
      answer_age_first_ = answer_age_next_;
      answer_first_time_ = clock_.now();
      answer_first_bytes_ = answer_bytes_total_;
    }
    ++answer_age_next_;
    answer_bytes_total_ += static_cast<uint64_t>(batch_answer_bytes_);
    batch_.Put(Family::kMeta, layout::kAnswerTotals,
               layout::TwoU64Value(answer_age_next_, answer_bytes_total_));
    // One batch adds one age row; taking two lets go of any backlog in time.
    TrimAnswers(2, batch_);
  }
  if (!batch_.empty()) {
    if (outbox_low_ - outbox_trimmed_ >= static_cast<uint64_t>(options_.trim_rows_min)) {
      TrimOutbox(static_cast<uint64_t>(options_.trim_rows_min), batch_);
    }
    if (clock_.now() != stored_time_) {
      stored_time_ = clock_.now();
      std::string time;
      AppendTime(time, clock_.now());
      batch_.Put(Family::kMeta, layout::kShardTime, time);
    }
  }
  report_.bytes = static_cast<int64_t>(batch_.bytes().size());
  if (options_.recorder != nullptr) RecordOutcome('d', batch_.bytes());
}

bool Core::dirty() const { return !batch_.empty(); }

bool Core::HasInternalWork(const Times& times) const {
  if (!task_results_.empty()) return true;
  if (next_due_ == absl::InfiniteFuture()) return false;
  return UntilNextTimer(times) <= absl::ZeroDuration();
}

absl::Duration Core::UntilNextTimer(const Times& times) const {
  ShardClock clock = clock_;
  return next_due_ - clock.Advance(times.wall, times.boot);
}

absl::StatusOr<std::optional<std::string>> Core::ReadRow(Family family,
                                                         const std::string& key) const {
  const Overlay& overlay = OverlayOf(family);
  if (!overlay.empty()) {
    if (const auto it = overlay.find(key); it != overlay.end()) return it->second;
  }
  absl::StatusOr<std::optional<std::string>> value = store_.Get(family, key);
  if (!value.ok() && store_failure_.ok()) store_failure_ = value.status();
  return value;
}

absl::StatusOr<std::optional<std::string>> Core::ReadState(const std::string& key) {
  const Overlay& overlay = OverlayOf(Family::kState);
  if (!overlay.empty()) {
    if (const auto it = overlay.find(key); it != overlay.end()) return it->second;
  }
  if (const auto* cached = cache_.Find(key)) return *cached;
  absl::StatusOr<std::optional<std::string>> value = store_.Get(Family::kState, key);
  if (!value.ok()) {
    if (store_failure_.ok()) store_failure_ = value.status();
    return value;
  }
  return *cache_.Insert(key, *std::move(value));
}

uint32_t Core::PartitionOfTenant(const std::string& tenant) {
  if (tenant != last_tenant_ || last_tenant_.empty()) {
    last_tenant_ = tenant;
    last_partition_ = PartitionOf(tenant);
  }
  return last_partition_;
}

Position Core::PositionOf(uint32_t partition, const std::string& tenant) const {
  Position position{generation_, -1};
  for (const absl::string_view name : {absl::string_view(tenant),
                                       absl::string_view(kPlatformTenant)}) {
    const auto it = positions_.find(layout::PositionKey(partition, name));
    if (it != positions_.end()) position.offset = std::max(position.offset, it->second.offset);
  }
  return position;
}

int64_t Core::MaxRecordBytes(const std::string& topic) const {
  const auto it = program_.emits.find(topic);
  return it != program_.emits.end() ? it->second.max_record_bytes : int64_t{1} << 20;
}

uint32_t Core::LogPartition(const std::string& topic, uint32_t partition) const {
  const auto it = program_.emits.find(topic);
  const int32_t count = it != program_.emits.end() ? it->second.partitions : 64;
  return partition % static_cast<uint32_t>(std::max(count, 1));
}

void Core::QueueTask(const std::string& id, PendingTask& task, absl::Duration due) {
  task.due = due;
  task_queue_.insert({due, task.order, id});
}

void Core::AppendOutbox(layout::OutboxRow row) {
  std::string key = layout::EmittedKey(row.partition, row.topic);
  row.number = ++emitted_[key];
  row.sequence = outbox_next_++;
  row.bytes_before = outbox_bytes_total_;
  const std::string bytes = layout::EncodeOutbox(row);
  outbox_bytes_total_ += bytes.size();
  batch_.Put(Family::kOutbox, layout::SequenceKey(row.sequence), bytes);
  batch_emitted_.insert(std::move(key));
  batch_outbox_ = true;
  effects_->outbox.push_back(std::move(row));
}

bool Core::FinishTurn(Token* token) {
  CoreTurn& turn = *turn_;
  const CoreTurn::Cause& cause = turn.cause();
  if (turn.rows.empty() && turn.emitted.empty() && turn.timers.empty() && turn.tasks.empty() &&
      turn.marks.empty()) {
    return false;
  }
  if (!turn.rows.empty()) {
    Effects::TurnRows changed;
    const size_t skip = 3 + cause.tenant->size();  // partition tenant 00
    const bool wanted = !program_.read_models.empty();
    if (wanted) {
      changed.tenant = *cause.tenant;
      changed.position = PositionOf(cause.partition, *cause.tenant);
      changed.rows.reserve(turn.rows.size());
    }
    for (auto& [key, value] : turn.rows) {
      if (wanted) {
        changed.rows.push_back(ChangedRow{*cause.tenant, cause.partition,
                                          static_cast<uint8_t>(key[skip]), key.substr(skip + 1),
                                          value});
      }
      OverlayOf(Family::kState).insert_or_assign(key, std::move(value));
    }
    if (wanted) effects_->turns.push_back(std::move(changed));
    if (effects_->tenants.empty() || effects_->tenants.back() != *cause.tenant) {
      effects_->tenants.push_back(*cause.tenant);
    }
  }

  for (CoreTurn::Emitted& e : turn.emitted) {
    layout::OutboxRow row;
    row.partition = LogPartition(*e.topic, cause.partition);
    row.topic = *e.topic;
    row.number = emitted_[layout::EmittedKey(row.partition, row.topic)] + 1;
    row.record.key = std::move(e.key);
    row.record.value = std::move(e.value);
    if (!e.type.empty()) {
      EventHeaders headers;
      headers.room = program_.room;
      headers.number = row.number;
      headers.type = e.type;
      headers.time_text = now_text_;
      headers.subject = e.subject;
      headers.tenant = *cause.tenant;
      if (cause.traceparent != nullptr) headers.traceparent = *cause.traceparent;
      row.record.headers = MakeEventHeaders(headers);
    } else {
      for (auto& [name, value] : e.headers) {
        row.record.headers.push_back({std::move(name), std::move(value)});
      }
    }
    if (token != nullptr) {
      *token = Token{program_.room, row.partition, *e.topic, row.number};
    }
    AppendOutbox(std::move(row));
  }

  for (CoreTurn::TimerChange& t : turn.timers) {
    const std::string id = layout::Id(cause.partition, *cause.tenant, t.kind, t.key);
    if (t.due.has_value()) {
      std::string value;
      AppendTime(value, *t.due);
      value.append(t.payload);
      PutRow(Family::kTimers, layout::Tagged('k', id), std::move(value));
      PutRow(Family::kTimers, layout::DueKey(*t.due, id), "");
      next_due_ = std::min(next_due_, *t.due);
    } else {
      DeleteRow(Family::kTimers, layout::Tagged('k', id));
    }
  }

  for (TaskSpec& spec : turn.tasks) {
    std::string id = layout::Id(cause.partition, *cause.tenant, spec.kind, spec.key);
    if (tasks_.contains(id)) continue;
    const auto done = ReadRow(Family::kTasks, layout::Tagged('d', id));
    if (done.ok() && done->has_value()) continue;
    PendingTask task;
    task.order = next_task_++;
    std::string value;
    AppendU64(value, task.order);
    AppendTime(value, clock_.now());
    value.append(spec.payload);
    PutRow(Family::kTasks, layout::Tagged('p', id), std::move(value));
    batch_tasks_ = true;
    tasks_[id] = task;
    effects_->tasks.push_back(std::move(id));
  }

  if (!options_.bugs.undo_without_mark) {
    for (const auto& [method, request_id] : turn.marks) {
      std::string key = layout::Tagged(
          'u', layout::Id(cause.partition, *cause.tenant, method, request_id));
      std::string value;
      AppendTime(value, clock_.now());
      undo_marks_.insert(Fnv(key));
      PutRow(Family::kAnswers, std::move(key), std::move(value));
    }
  }
  return true;
}

void Core::RunCommand(CommandInput input, const Times& times) {
  ++report_.commands;
  Command& command = input.command;
  const auto answer = [&](absl::StatusOr<Answer> result) {
    if (!result.ok()) ++report_.refused;
    effects_->answers.emplace_back(std::move(input.done), std::move(result));
  };
  if (times.steady > input.deadline) {
    return answer(Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                        "the deadline passed while the command waited; it was not started"));
  }
  const auto handler = program_.commands.find(command.method);
  if (handler == program_.commands.end()) {
    return answer(Error(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                        absl::StrCat("this room has no command ", command.method)));
  }
  const std::string& tenant = command.principal.tenant;
  const uint32_t partition = PartitionOfTenant(tenant);
  const std::string id = layout::Id(partition, tenant, command.method, command.request_id);

  // A repeat is answered as before; a marked one is not done any more.
  if (!undo_marks_.empty()) {
    const std::string mark = layout::Tagged('u', id);
    if (undo_marks_.contains(Fnv(mark))) {
      const auto found = ReadRow(Family::kAnswers, mark);
      if (!found.ok()) return answer(found.status());
      if (found->has_value()) {
        return answer(FailedPrecondition(
            "UNDONE", "what this request asks for was undone before it came; it is not done"));
      }
    }
  }
  std::string answer_key = layout::Tagged('a', id);
  const auto stored = ReadRow(Family::kAnswers, answer_key);
  if (!stored.ok()) return answer(stored.status());
  if (stored->has_value()) {
    std::optional<layout::AnswerRow> row = layout::ParseAnswer(**stored);
    if (!row.has_value()) return answer(Damaged("answer"));
    if (row->fingerprint != input.fingerprint) {
      return answer(InvalidArgument(
          "REQUEST_ID_REUSED",
          "this request id was used for another request; use a new one for a new request"));
    }
    ++report_.replayed;
    Answer repeated;
    repeated.payload = std::move(row->payload);
    repeated.replayed = true;
    if (row->token_number > 0) {
      repeated.token = Token{program_.room, LogPartition(row->token_topic, partition),
                             row->token_topic, row->token_number};
    }
    return answer(std::move(repeated));
  }

  CoreTurn::Cause cause;
  cause.partition = partition;
  cause.tenant = &tenant;
  cause.principal = &command.principal;
  cause.request_id = &command.request_id;
  cause.id_scope = command.method;
  cause.id_key = command.request_id;
  cause.traceparent = &command.traceparent;
  turn_->Begin(cause);
  absl::StatusOr<std::string> result = handler->second(command.payload, *turn_);
  if (!result.ok()) return answer(result.status());
  if (!turn_->failure.ok()) return answer(turn_->failure);

  Answer fresh;
  if (FinishTurn(&fresh.token)) {
    std::string row;
    row.reserve(64 + fresh.token.topic.size() + result->size());
    layout::AppendAnswer(row, input.fingerprint, clock_.now(), fresh.token.topic,
                         fresh.token.number, *result);
    AppendText(batch_answer_keys_, answer_key);
    batch_answer_bytes_ += static_cast<int64_t>(answer_key.size() + row.size());
    PutRow(Family::kAnswers, std::move(answer_key), std::move(row));
  }
  fresh.payload = *std::move(result);
  answer(std::move(fresh));
}

void Core::RunRecords(RecordsInput input) {
  if (input.epoch != records_epoch_) return;
  const std::string& topic = input.batch.where.topic;
  const int32_t partition = input.batch.where.partition;
  const auto events = program_.events.find(topic);
  const auto raw = raw_topics_.find(topic);
  if (events == program_.events.end() && raw == raw_topics_.end()) return;
  layout::OffsetRow& offset = offsets_[{topic, partition}];
  eventlog::Record* last = nullptr;
  for (eventlog::Record& record : input.batch.records) {
    if (stopped_.count(input.batch.where) > 0) break;
    if (record.offset < offset.next) continue;  // Read twice after a reader was opened anew.
    ++report_.events;
    if (events != program_.events.end()) {
      if (!RunEventRecord(events->second, topic, partition, record)) break;
    } else {
      RunRawRecord(*raw->second, partition, record);
    }
    offset.next = record.offset + 1;
    offset.last = record.offset;
    last = &record;
  }
  if (last != nullptr) {
    offset.digest = eventlog::RecordDigest(*last);
    batch_offsets_.insert({topic, partition});
  }
}

bool Core::RunEventRecord(const std::vector<EventHandler>& handlers, const std::string& topic,
                          int32_t partition, eventlog::Record& record) {
  const auto park = [&](const std::string& tenant, const absl::Status& why) {
    ParkedRecord parked;
    parked.partition = static_cast<uint32_t>(partition);
    parked.topic = topic;
    parked.log_partition = partition;
    parked.offset = record.offset;
    parked.append_time = record.append_time;
    parked.tenant = tenant;
    parked.key = record.key;
    for (const auto& h : record.headers) parked.headers.emplace_back(h.name, h.value);
    parked.tombstone = !record.value.has_value();
    parked.value = record.value.value_or("");
    Park(std::move(parked), why);
  };

  absl::StatusOr<Event> taken = TakeEvent(topic, partition, record);
  if (!taken.ok()) {
    park("", taken.status());
    return true;
  }
  Event& event = *taken;
  std::string applied_key =
      layout::AppliedKey(static_cast<uint32_t>(partition), event.source, topic);
  int64_t& applied = applied_[applied_key];
  if (event.number <= applied) {
    ++report_.repeats;
    MoveBack(event, record);
    return true;
  }
  if (event.number != applied + 1 &&
      record.offset >= offsets_[{topic, partition}].rebuild_end) {
    MoveBack(event, record);
    StopPartition({topic, partition}, "EVENT_GAP");
    return false;
  }
  applied = event.number;
  batch_applied_.insert(std::move(applied_key));
  if (topic == kTimeline) {
    std::string key = layout::PositionKey(static_cast<uint32_t>(partition), event.tenant);
    layout::PositionRow& position = positions_[key];
    position.offset = record.offset;
    position.append_time = record.append_time;
    batch_positions_.insert(std::move(key));
  }

  absl::Status status;
  if (event.tenant != kPlatformTenant &&
      PartitionOfTenant(event.tenant) != static_cast<uint32_t>(partition)) {
    status = InvalidArgument("EVENT_MISROUTED",
                             "the event stands in another partition than its tenant's");
  } else if (!parked_keys_.empty() && parked_keys_.count({topic, record.key}) > 0) {
    status = FailedPrecondition(kParkedPredecessor,
                                "an earlier record of the same key is parked; it goes first");
  } else {
    CoreTurn::Cause cause;
    cause.partition = static_cast<uint32_t>(partition);
    cause.tenant = &event.tenant;
    cause.traceparent = &event.traceparent;
    const std::string scope = absl::StrCat("event/", event.source, "/", topic);
    const std::string id = absl::StrCat(partition, "/", event.number);
    cause.id_scope = scope;
    cause.id_key = id;
    turn_->Begin(cause);
    for (const EventHandler& handler : handlers) {
      status = handler(event, *turn_);
      if (!status.ok()) break;
    }
    if (status.ok()) status = turn_->failure;
    if (status.ok()) FinishTurn(nullptr);
  }
  MoveBack(event, record);
  if (!status.ok()) park(event.tenant, status);
  return true;
}

void Core::RunRawRecord(const RawTopic& topic, int32_t partition, eventlog::Record& record) {
  RawRecord raw;
  raw.topic = topic.topic;
  raw.partition = partition;
  raw.offset = record.offset;
  raw.append_time = record.append_time;
  raw.key = record.key;
  for (const auto& h : record.headers) raw.headers.emplace_back(h.name, h.value);
  raw.tombstone = !record.value.has_value();
  raw.value = record.value.value_or("");

  CoreTurn::Cause cause;
  cause.partition = PartitionOf(topic.tenant);
  cause.tenant = &topic.tenant;
  const std::string traceparent = record.HeaderOr("traceparent");
  cause.traceparent = &traceparent;
  const std::string scope = absl::StrCat("raw/", topic.topic);
  const std::string id = absl::StrCat(partition, "/", record.offset);
  cause.id_scope = scope;
  cause.id_key = id;
  absl::Status status;
  if (!raw.key.empty() && !parked_keys_.empty() && parked_keys_.count({topic.topic, raw.key}) > 0) {
    status = FailedPrecondition(kParkedPredecessor,
                                "an earlier record of the same key is parked; it goes first");
  } else {
    turn_->Begin(cause);
    status = topic.handler(raw, *turn_);
    if (status.ok()) status = turn_->failure;
    if (status.ok()) FinishTurn(nullptr);
  }
  if (status.ok()) return;
  ParkedRecord parked;
  parked.partition = cause.partition;
  parked.topic = topic.topic;
  parked.log_partition = partition;
  parked.offset = record.offset;
  parked.append_time = record.append_time;
  parked.tenant = topic.tenant;
  parked.key = std::move(raw.key);
  parked.headers = std::move(raw.headers);
  parked.value = std::move(raw.value);
  parked.tombstone = raw.tombstone;
  parked.raw = true;
  Park(std::move(parked), status);
}

void Core::RunTimers() {
  std::string end(1, 'd');
  AppendTime(end, clock_.now() + absl::Microseconds(1));
  std::vector<std::string> due_keys;
  {
    std::string begin(1, 'd');
    AppendTime(begin, next_due_);  // Deleted rows before it need not be stepped over.
    const auto it = store_.Scan(Family::kTimers, begin, PrefixEnd("d"));
    next_due_ = absl::InfiniteFuture();
    for (; it->Valid(); it->Next()) {
      if (it->key() >= end ||
          due_keys.size() >= static_cast<size_t>(options_.timers_per_batch_max)) {
        WireReader in(it->key().substr(1));
        WEFT_CHECK(in.Time(next_due_));
        break;
      }
      due_keys.emplace_back(it->key());
    }
    if (!it->status().ok()) store_failure_ = it->status();
  }
  for (const std::string& due_key : due_keys) {
    DeleteRow(Family::kTimers, due_key);
    WireReader in(absl::string_view(due_key).substr(1));
    absl::Time due;
    WEFT_CHECK(in.Time(due));
    const std::string id(in.Rest());
    // The row by id decides: the index may be out of date.
    const auto row = ReadRow(Family::kTimers, layout::Tagged('k', id));
    if (!row.ok() || !row->has_value()) continue;
    WireReader value(**row);
    absl::Time set_for;
    if (!value.Time(set_for) || set_for != due) continue;
    std::string payload(value.Rest());
    const auto parts = layout::ParseId(id);
    WEFT_CHECK(parts.has_value());
    const auto handler = program_.timers.find(parts->kind);
    if (handler == program_.timers.end()) {
      if (options_.observer != nullptr) {
        options_.observer->TurnFailed(
            options_.shard, Internal(absl::StrCat("no handler for timer ", parts->kind)));
      }
      continue;
    }
    ++report_.timers;
    CoreTurn::Cause cause;
    cause.partition = parts->partition;
    cause.tenant = &parts->tenant;
    const std::string scope = absl::StrCat("timer/", parts->kind);
    const std::string key = absl::StrCat(parts->key, "/", absl::ToUnixMicros(due));
    cause.id_scope = scope;
    cause.id_key = key;
    turn_->Begin(cause);
    turn_->CancelTimer(parts->kind, parts->key);  // The handler may set it anew.
    handler->second(TimerFired{parts->kind, parts->key, due, std::move(payload)}, *turn_);
    if (turn_->failure.ok()) {
      FinishTurn(nullptr);
    } else if (options_.observer != nullptr) {
      options_.observer->TurnFailed(options_.shard, turn_->failure);
    }
  }
}

void Core::RunTaskResults() {
  std::deque<KnownResult> results = std::move(task_results_);
  task_results_.clear();
  for (KnownResult& known : results) {
    const auto pending = tasks_.find(known.id);
    if (pending == tasks_.end()) continue;
    const auto parts = layout::ParseId(known.id);
    WEFT_CHECK(parts.has_value());
    const auto kind = program_.tasks.find(parts->kind);
    const auto row = ReadRow(Family::kTasks, layout::Tagged('p', known.id));
    absl::Status failure;
    if (kind == program_.tasks.end()) {
      failure = Internal(absl::StrCat("no handler for task ", parts->kind));
    } else if (!row.ok() || !row->has_value() || (*row)->size() < 16) {
      failure = row.ok() ? Damaged("task") : row.status();
    } else {
      ++report_.tasks;
      CoreTurn::Cause cause;
      cause.partition = parts->partition;
      cause.tenant = &parts->tenant;
      const std::string scope = absl::StrCat("task/", parts->kind);
      cause.id_scope = scope;
      cause.id_key = parts->key;
      turn_->Begin(cause);
      TaskResult result;
      result.kind = parts->kind;
      result.key = parts->key;
      result.payload = (*row)->substr(16);
      if (known.answer.ok()) {
        result.answer = *known.answer;
      } else {
        result.status = known.answer.status();
      }
      kind->second.handler(result, *turn_);
      failure = turn_->failure;
    }
    if (!failure.ok()) {
      // Not lost: called again, which repeats its answer.
      if (options_.observer != nullptr) {
        options_.observer->TurnFailed(options_.shard, failure);
      }
      pending->second.known = false;
      QueueTask(known.id, pending->second, times_.steady + options_.task_pause_max);
      continue;
    }
    FinishTurn(nullptr);
    DeleteRow(Family::kTasks, layout::Tagged('p', known.id));
    std::string done;
    AppendTime(done, clock_.now());
    PutRow(Family::kTasks, layout::Tagged('d', known.id), std::move(done));
    tasks_.erase(known.id);
  }
}

// --- Parked records ----------------------------------------------------------

void Core::Park(ParkedRecord record, absl::Status why) {
  record.number = next_parked_++;
  record.parked_time = clock_.now();
  record.reason = ReasonOf(why);
  if (record.reason.empty()) record.reason = absl::StatusCodeToString(why.code());
  record.message = std::string(why.message());
  PutRow(Family::kParked, layout::ParkedKey(record.partition, record.number),
         layout::EncodeParked(record));
  PutRow(Family::kMeta, layout::kNextParked, layout::U64Value(next_parked_));
  parked_keys_[{record.topic, record.key}].insert({record.partition, record.number});
  ++parked_count_;
  if (options_.dead_letters) {
    layout::OutboxRow row;
    row.topic = record.topic + kDeadLetterSuffix;
    row.partition = record.partition;
    row.record.key = record.key;
    for (const auto& [name, value] : record.headers) row.record.headers.push_back({name, value});
    row.record.headers.push_back({"weft_reason", record.reason});
    row.record.headers.push_back({"weft_message", record.message});
    row.record.headers.push_back({"weft_partition", absl::StrCat(record.log_partition)});
    row.record.headers.push_back({"weft_offset", absl::StrCat(record.offset)});
    if (!record.tombstone) row.record.value = record.value;
    AppendOutbox(std::move(row));
  }
  if (options_.observer != nullptr) {
    options_.observer->Parked(options_.shard, record.topic, record.reason);
  }
}

void Core::UnPark(const ParkedRecord& record) {
  DeleteRow(Family::kParked, layout::ParkedKey(record.partition, record.number));
  const auto it = parked_keys_.find({record.topic, record.key});
  if (it != parked_keys_.end()) {
    it->second.erase({record.partition, record.number});
    if (it->second.empty()) parked_keys_.erase(it);
  }
  --parked_count_;
}

absl::StatusOr<ParkedRecord> Core::ReadParked(uint32_t partition, uint64_t number) const {
  const std::string key = layout::ParkedKey(partition, number);
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                        ReadRow(Family::kParked, key));
  if (!bytes.has_value()) {
    return NotFound("PARKED_NOT_FOUND", "no such parked record; it may have been replayed");
  }
  std::optional<ParkedRecord> record = layout::ParseParked(key, *bytes);
  if (!record.has_value()) return Damaged("parked record");
  return *std::move(record);
}

absl::Status Core::ApplyParked(const ParkedRecord& record) {
  CoreTurn::Cause cause;
  cause.partition = record.partition;
  eventlog::Record original;
  original.offset = record.offset;
  original.append_time = record.append_time;
  original.key = record.key;
  for (const auto& [name, value] : record.headers) original.headers.push_back({name, value});
  if (!record.tombstone) original.value = record.value;
  if (record.raw) {
    const auto topic = raw_topics_.find(record.topic);
    if (topic == raw_topics_.end()) {
      return FailedPrecondition("TOPIC_NOT_READ", "this room does not read the topic any more");
    }
    RawRecord raw;
    raw.topic = record.topic;
    raw.partition = record.log_partition;
    raw.offset = record.offset;
    raw.append_time = record.append_time;
    raw.key = record.key;
    raw.headers = record.headers;
    raw.value = record.value;
    raw.tombstone = record.tombstone;
    cause.tenant = &topic->second->tenant;
    const std::string scope = absl::StrCat("raw/", record.topic);
    const std::string id = absl::StrCat(record.log_partition, "/", record.offset);
    cause.id_scope = scope;
    cause.id_key = id;
    turn_->Begin(cause);
    WEFT_RETURN_IF_ERROR(topic->second->handler(raw, *turn_));
    WEFT_RETURN_IF_ERROR(turn_->failure);
    FinishTurn(nullptr);
    return absl::OkStatus();
  }
  const auto handlers = program_.events.find(record.topic);
  if (handlers == program_.events.end()) {
    return FailedPrecondition("TOPIC_NOT_READ", "this room does not read the topic any more");
  }
  WEFT_ASSIGN_OR_RETURN(const Event event,
                        TakeEvent(record.topic, record.log_partition, original));
  cause.tenant = &event.tenant;
  cause.traceparent = &event.traceparent;
  const std::string scope = absl::StrCat("event/", event.source, "/", record.topic);
  const std::string id = absl::StrCat(record.log_partition, "/", event.number);
  cause.id_scope = scope;
  cause.id_key = id;
  turn_->Begin(cause);
  for (const EventHandler& handler : handlers->second) {
    WEFT_RETURN_IF_ERROR(handler(event, *turn_));
  }
  WEFT_RETURN_IF_ERROR(turn_->failure);
  FinishTurn(nullptr);
  return absl::OkStatus();
}

void Core::RunParked(ParkedInput input) {
  const auto answer = [&](absl::Status status) {
    effects_->parked_answers.emplace_back(std::move(input.done), std::move(status));
  };
  const absl::StatusOr<ParkedRecord> found = ReadParked(input.partition, input.number);
  if (!found.ok()) return answer(found.status());
  const ParkedRecord record = *found;
  if (input.action == ParkedInput::Action::kReplay) {
    const auto waiting = parked_keys_.find({record.topic, record.key});
    if (waiting != parked_keys_.end() && !record.key.empty() &&
        *waiting->second.begin() != std::pair(record.partition, record.number)) {
      return answer(FailedPrecondition(
          kParkedPredecessor, "an earlier record of the same key is parked; replay it first"));
    }
    const absl::Status status = ApplyParked(record);
    if (!status.ok()) return answer(status);
  }
  UnPark(record);
  ReplayFollowers(record);
  answer(absl::OkStatus());
}

void Core::ReplayFollowers(const ParkedRecord& first) {
  // Those that only waited go on, in order, until one fails by itself.
  while (true) {
    const auto waiting = parked_keys_.find({first.topic, first.key});
    if (waiting == parked_keys_.end()) return;
    const auto [partition, number] = *waiting->second.begin();
    const absl::StatusOr<ParkedRecord> next = ReadParked(partition, number);
    if (!next.ok() || next->reason != kParkedPredecessor) return;
    const absl::Status status = ApplyParked(*next);
    if (!status.ok()) {
      ParkedRecord renamed = *next;
      renamed.reason = ReasonOf(status);
      if (renamed.reason.empty()) renamed.reason = absl::StatusCodeToString(status.code());
      renamed.message = std::string(status.message());
      PutRow(Family::kParked, layout::ParkedKey(partition, number),
             layout::EncodeParked(renamed));
      return;
    }
    UnPark(*next);
  }
}

std::vector<ParkedRecord> Core::ListParked(size_t limit) const {
  std::vector<ParkedRecord> records;
  const auto it = store_.Scan(Family::kParked, "", "");
  for (; it->Valid() && records.size() < limit; it->Next()) {
    if (auto row = layout::ParseParked(it->key(), it->value())) {
      records.push_back(*std::move(row));
    }
  }
  return records;
}

// --- Writing and releasing ---------------------------------------------------

void Core::FailBatch(const absl::Status& status) {
  // Everything in memory that ran ahead of the store comes from the store again.
  std::unique_ptr<Effects> effects = std::move(effects_);
  effects_ = std::make_unique<Effects>();
  ClearBatch();
  const uint64_t released = outbox_released_;
  if (options_.recorder != nullptr) options_.recorder->Append("f");
  WEFT_CHECK_OK(Load(/*first=*/false, times_));
  // Earlier batches that are written and not released stay so.
  outbox_released_ = std::min(outbox_released_, released);
  for (const auto& waiting : committed_) {
    for (const std::string& id : waiting->tasks) {
      const auto it = tasks_.find(id);
      if (it == tasks_.end()) continue;
      it->second.released = false;
      task_queue_.erase({it->second.due, it->second.order, id});
    }
  }
  ++records_epoch_;
  // Batches before this one are in the store, but not released: what they
  // publish and call waits for Release(), as before.
  bool outbox_waits = false;
  for (const std::unique_ptr<Effects>& earlier : committed_) {
    if (!outbox_waits && !earlier->outbox.empty()) {
      outbox_waits = true;
      outbox_released_ = earlier->outbox.front().sequence;
    }
    for (const std::string& id : earlier->tasks) {
      const auto task = tasks_.find(id);
      if (task == tasks_.end()) continue;
      task_queue_.erase({task->second.due, task->second.order, id});
      task->second.released = false;
    }
  }
  for (auto& [done, result] : effects->answers) {
    if (done != nullptr) done(result.ok() ? absl::StatusOr<Answer>(status) : std::move(result));
  }
  for (auto& [done, result] : effects->parked_answers) {
    if (done != nullptr) done(status);
  }
}

absl::Status Core::Write(bool sync) {
  WEFT_CHECK(!written_);
  WEFT_RETURN_IF_ERROR(store_failure_);
  written_ = true;
  if (!batch_.empty()) {
    absl::Status status;
    if (options_.bugs.offset_before_state) {
      // The planted fault: offsets reach the disk by themselves, first.
      Batch offsets;
      for (const auto& [topic, partition] : batch_offsets_) {
        offsets.Put(Family::kMeta, layout::OffsetKey(static_cast<uint32_t>(partition), topic),
                    layout::EncodeOffset(offsets_[{topic, partition}]));
      }
      for (const std::string& key : batch_applied_) {
        offsets.Put(Family::kMeta, key, layout::U64Value(static_cast<uint64_t>(applied_[key])));
      }
      if (!offsets.empty()) status = store_.Write(offsets, /*sync=*/true);
    }
    if (status.ok()) status = store_.Write(batch_, sync);
    if (absl::IsResourceExhausted(status)) {
      FailBatch(status);
      return status;
    }
    WEFT_RETURN_IF_ERROR(status);
    for (auto& [key, value] : OverlayOf(Family::kState)) cache_.Insert(key, std::move(value));
    for (Overlay& overlay : overlay_) {
      if (!overlay.empty()) overlay.clear();
    }
  }
  committed_.push_back(std::move(effects_));
  effects_ = std::make_unique<Effects>();
  if (options_.bugs.answer_before_sync) {
    // The planted fault: what the disk may still forget is promised.
    for (auto& [done, result] : committed_.back()->answers) {
      if (done != nullptr) done(std::move(result));
    }
    committed_.back()->answers.clear();
  }
  return absl::OkStatus();
}

absl::Status Core::Sync() { return store_.Sync(); }

bool Core::Release(const std::function<void()>& published) {
  if (committed_.empty()) return false;
  const std::unique_ptr<Effects> effects = std::move(committed_.front());
  committed_.pop_front();
  for (const Effects::TurnRows& turn : effects->turns) {
    for (ReadModel* model : program_.read_models) {
      model->Apply(turn.rows, turn.tenant, turn.position);
    }
  }
  if (published != nullptr) published();
  for (layout::OutboxRow& row : effects->outbox) {
    // What does not fit in memory is read from the store when its time comes.
    const uint64_t end = relay_rows_.empty() ? relay_next_ : relay_rows_.back().sequence + 1;
    if (row.sequence != end || relay_rows_bytes_ > options_.relay_memory_bytes_max) break;
    relay_rows_bytes_ += static_cast<int64_t>(
        row.record.key.size() + (row.record.value.has_value() ? row.record.value->size() : 0));
    relay_rows_.push_back(std::move(row));
  }
  if (effects->outbox_end > 0) outbox_released_ = effects->outbox_end;
  for (const std::string& id : effects->tasks) {
    const auto it = tasks_.find(id);
    if (it == tasks_.end()) continue;
    it->second.released = true;
    QueueTask(id, it->second, absl::ZeroDuration());
  }
  released_tenants_ = std::move(effects->tenants);
  for (auto& [done, result] : effects->answers) {
    if (done != nullptr) done(std::move(result));
  }
  for (auto& [done, status] : effects->parked_answers) {
    if (done != nullptr) done(std::move(status));
  }
  return true;
}

void Core::Abandon(const absl::Status& status) {
  if (effects_ != nullptr) committed_.push_back(std::move(effects_));
  effects_ = std::make_unique<Effects>();
  for (const auto& effects : committed_) {
    for (auto& [done, result] : effects->answers) {
      if (done != nullptr) done(status);
    }
    for (auto& [done, result] : effects->parked_answers) {
      if (done != nullptr) done(status);
    }
  }
  committed_.clear();
}

absl::Status Core::RunBatch(std::vector<Input> inputs, const Times& times) {
  Decide(std::move(inputs), times);
  WEFT_RETURN_IF_ERROR(Write(/*sync=*/true));
  Release();
  return absl::OkStatus();
}

absl::Duration Core::NextWake() const {
  absl::Duration wake = absl::InfiniteDuration();
  if (!task_queue_.empty()) wake = std::get<0>(*task_queue_.begin());
  if (relay_failure_.ok()) {
    const bool waiting =
        round_.empty() ? relay_next_ < outbox_released_
                       : std::any_of(round_.begin(), round_.end(), [](const RoundGroup& g) {
                           return g.state == RoundGroup::State::kWaiting;
                         });
    if (waiting) wake = std::min(wake, publish_at_);
  }
  return wake;
}

// --- Reading -----------------------------------------------------------------

namespace {

class SnapshotView final : public View {
 public:
  SnapshotView(const Store& store, std::shared_ptr<const Snapshot> snapshot,
               const std::string& tenant, uint32_t partition)
      : store_(store),
        snapshot_(std::move(snapshot)),
        partition_(partition),
        tenant_(tenant),
        prefix_(layout::TenantPrefix(partition, tenant)) {}

  absl::StatusOr<std::optional<std::string>> GetRow(uint8_t table,
                                                    absl::string_view key) const override {
    return store_.Get(Family::kState, Full(table, key), snapshot_.get());
  }
  absl::Status ScanRows(
      uint8_t table, absl::string_view prefix, absl::string_view start,
      const std::function<bool(absl::string_view, absl::string_view)>& visit) const override {
    const std::string low = Full(table, prefix);
    std::string from = low;
    if (!start.empty()) from = std::max(from, Full(table, start));
    const auto it = store_.Scan(Family::kState, from, PrefixEnd(low), snapshot_.get());
    for (; it->Valid(); it->Next()) {
      if (!visit(it->key().substr(prefix_.size() + 1), it->value())) return absl::OkStatus();
    }
    return it->status();
  }
  Position position() const override {
    Position position{1, -1};
    const auto generation = store_.Get(Family::kMeta, layout::kGeneration, snapshot_.get());
    if (generation.ok() && generation->has_value()) {
      position.generation = static_cast<int64_t>(layout::ParseU64(**generation).value_or(1));
    }
    position.offset = std::max(Fact(tenant_).offset, Fact(kPlatformTenant).offset);
    return position;
  }
  absl::Time now() const override {
    const auto bytes = store_.Get(Family::kMeta, layout::kShardTime, snapshot_.get());
    absl::Time time = absl::InfinitePast();
    if (bytes.ok() && bytes->has_value()) {
      WireReader in(**bytes);
      in.Time(time);
    }
    return time;
  }
  absl::Time source_time() const override {
    return std::max(Fact(tenant_).append_time, Fact(kPlatformTenant).append_time);
  }

 private:
  std::string Full(uint8_t table, absl::string_view key) const {
    std::string full;
    full.reserve(prefix_.size() + 1 + key.size());
    full.append(prefix_);
    full.push_back(static_cast<char>(table));
    full.append(key.data(), key.size());
    return full;
  }
  layout::PositionRow Fact(absl::string_view tenant) const {
    const auto bytes =
        store_.Get(Family::kMeta, layout::PositionKey(partition_, tenant), snapshot_.get());
    if (!bytes.ok() || !bytes->has_value()) return {};
    return layout::ParsePosition(**bytes).value_or(layout::PositionRow());
  }

  const Store& store_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const uint32_t partition_;
  const std::string tenant_;
  const std::string prefix_;
};

}  // namespace

std::unique_ptr<View> Core::ReadView(const std::string& tenant, uint32_t partition) const {
  return ReadView(store_.TakeSnapshot(), tenant, partition);
}

std::unique_ptr<View> Core::ReadView(std::shared_ptr<const Snapshot> snapshot,
                                     const std::string& tenant, uint32_t partition) const {
  return std::make_unique<SnapshotView>(store_, std::move(snapshot), tenant, partition);
}

bool Core::Applied(const Token& token) const {
  if (token.number <= 0) return true;
  if (token.room == program_.room) {
    const auto it = emitted_.find(layout::EmittedKey(token.partition, token.topic));
    return it != emitted_.end() && it->second >= token.number;
  }
  if (program_.events.count(token.topic) == 0) return true;
  const auto it = applied_.find(layout::AppliedKey(token.partition, token.room, token.topic));
  return it != applied_.end() && it->second >= token.number;
}

// --- The log -----------------------------------------------------------------

std::vector<std::string> Core::InputTopics() const {
  std::vector<std::string> topics;
  for (const auto& [topic, handlers] : program_.events) topics.push_back(topic);
  for (const auto& [topic, raw] : raw_topics_) topics.push_back(topic);
  return topics;
}

absl::StatusOr<std::vector<eventlog::StartPosition>> Core::StartPositions(
    const std::function<std::optional<int32_t>(const std::string&)>& counts,
    const std::function<absl::StatusOr<eventlog::Watermarks>(const eventlog::TopicPartition&)>&
        watermarks) {
  std::vector<eventlog::StartPosition> positions;
  for (const std::string& topic : InputTopics()) {
    const std::optional<int32_t> count = counts(topic);
    if (!count.has_value()) continue;
    const auto raw = raw_topics_.find(topic);
    for (int32_t p = 0; p < *count; ++p) {
      const uint32_t owner = raw != raw_topics_.end() ? PartitionOf(raw->second->tenant)
                                                      : static_cast<uint32_t>(p);
      if (owner % static_cast<uint32_t>(options_.shards) !=
          static_cast<uint32_t>(options_.shard)) {
        continue;
      }
      eventlog::StartPosition start;
      start.where = {topic, p};
      if (stopped_.count(start.where) > 0) continue;
      const auto offset = offsets_.find({topic, p});
      const bool fresh = offset == offsets_.end() || offset->second.next == 0;
      if (fresh || program_.compacted.count(topic) > 0) {
        // Up to here the topic may have lost numbers to compaction or retention.
        WEFT_ASSIGN_OR_RETURN(const eventlog::Watermarks marks, watermarks(start.where));
        layout::OffsetRow& row = offsets_[{topic, p}];
        if (program_.compacted.count(topic) > 0 || marks.begin > 0 || rebuilding_) {
          row.rebuild_end = marks.end;
        }
        if (fresh) row.next = marks.begin;
        if (options_.recorder != nullptr) RecordOffset(start.where);
      }
      const layout::OffsetRow& row = offsets_[{topic, p}];
      start.next_offset = row.next;
      if (row.last >= 0 && !row.digest.empty()) {
        start.last_applied = eventlog::StartPosition::Applied{row.last, row.digest};
      }
      positions.push_back(std::move(start));
    }
  }
  return positions;
}

void Core::StopPartition(const eventlog::TopicPartition& where, const std::string& reason) {
  if (!stopped_.emplace(where, reason).second) return;
  if (options_.recorder != nullptr && reason != "EVENT_GAP") {
    std::string record(1, 's');
    AppendText(record, where.topic);
    AppendVarint(record, static_cast<uint64_t>(where.partition));
    AppendText(record, reason);
    options_.recorder->Append(record);
  }
  if (options_.observer != nullptr) {
    options_.observer->PartitionStopped(options_.shard, where.topic, where.partition, reason);
  }
}

absl::Status Core::SetLogIdentity(const std::string& identity) {
  Batch batch;
  batch.Put(Family::kMeta, layout::kLogIdentity, identity);
  WEFT_RETURN_IF_ERROR(store_.Write(batch, /*sync=*/true));
  if (options_.recorder != nullptr) options_.recorder->Append(absl::StrCat("l", identity));
  log_identity_ = identity;
  return absl::OkStatus();
}

// --- The relay ---------------------------------------------------------------

void Core::FillRelayRows() {
  if (!relay_rows_.empty() && relay_rows_.front().sequence == relay_next_) return;
  WEFT_CHECK(relay_rows_.empty());
  const auto it = store_.Scan(Family::kOutbox, layout::SequenceKey(relay_next_),
                              layout::SequenceKey(outbox_released_));
  for (; it->Valid() &&
         relay_rows_.size() < static_cast<size_t>(options_.publish_rows_max) &&
         relay_rows_bytes_ < options_.publish_bytes_max;
       it->Next()) {
    auto row = layout::ParseOutbox(it->key(), it->value());
    WEFT_CHECK(row.has_value());
    relay_rows_bytes_ += static_cast<int64_t>(
        row->record.key.size() + (row->record.value.has_value() ? row->record.value->size() : 0));
    relay_rows_.push_back(*std::move(row));
  }
  WEFT_CHECK_OK(it->status());
}

std::vector<PublishGroup> Core::TakeRound(absl::Duration steady) {
  std::vector<PublishGroup> groups;
  if (!relay_failure_.ok() || steady < publish_at_) return groups;
  if (round_.empty()) {
    if (relay_next_ >= outbox_released_) return groups;
    FillRelayRows();
    ++round_id_;
    std::map<eventlog::TopicPartition, size_t> index;
    int64_t bytes = 0;
    for (int rows = 0; !relay_rows_.empty() && rows < options_.publish_rows_max &&
                       bytes < options_.publish_bytes_max;
         ++rows) {
      layout::OutboxRow& row = relay_rows_.front();
      const int64_t size = static_cast<int64_t>(
          row.record.key.size() + (row.record.value.has_value() ? row.record.value->size() : 0));
      bytes += size;
      relay_rows_bytes_ -= size;
      relay_next_ = row.sequence + 1;
      eventlog::TopicPartition where{std::move(row.topic), static_cast<int32_t>(row.partition)};
      const auto [it, inserted] = index.emplace(where, round_.size());
      if (inserted) round_.push_back(RoundGroup{std::move(where), {}, {}});
      round_[it->second].records.push_back(std::move(row.record));
      relay_rows_.pop_front();
    }
  } else {
    // To repeat: what was sent is read from the store again.
    for (RoundGroup& group : round_) {
      if (group.state != RoundGroup::State::kWaiting || !group.records.empty()) continue;
      const auto it = store_.Scan(Family::kOutbox, layout::SequenceKey(outbox_low_),
                                  layout::SequenceKey(relay_next_));
      for (; it->Valid(); it->Next()) {
        auto row = layout::ParseOutbox(it->key(), it->value());
        WEFT_CHECK(row.has_value());
        if (row->topic == group.where.topic &&
            static_cast<int32_t>(row->partition) == group.where.partition) {
          group.records.push_back(std::move(row->record));
        }
      }
      WEFT_CHECK_OK(it->status());
    }
  }
  for (size_t i = 0; i < round_.size(); ++i) {
    RoundGroup& group = round_[i];
    if (group.state != RoundGroup::State::kWaiting) continue;
    group.state = RoundGroup::State::kSent;
    groups.push_back(PublishGroup{round_id_, i, group.where, std::move(group.records)});
    group.records.clear();
  }
  return groups;
}

void Core::Published(uint64_t round, size_t index, const absl::Status& status,
                     absl::Duration steady) {
  if (round != round_id_ || index >= round_.size()) return;
  RoundGroup& group = round_[index];
  if (!status.ok()) {
    if (options_.observer != nullptr) options_.observer->PublishFailed(options_.shard, status);
    if (absl::IsInvalidArgument(status)) {
      relay_failure_ = status;
      return;
    }
    group.state = RoundGroup::State::kWaiting;
    publish_at_ = steady + options_.publish_pause;
    return;
  }
  group.state = RoundGroup::State::kDone;
  if (std::all_of(round_.begin(), round_.end(), [](const RoundGroup& g) {
        return g.state == RoundGroup::State::kDone;
      })) {
    round_.clear();
    outbox_low_ = relay_next_;
    // Bytes before the first unpublished row.
    outbox_bytes_low_ = outbox_bytes_total_;
    if (!relay_rows_.empty()) {
      outbox_bytes_low_ = relay_rows_.front().bytes_before;
    } else if (relay_next_ < outbox_next_) {
      const auto row = store_.Get(Family::kOutbox, layout::SequenceKey(relay_next_));
      if (row.ok() && row->has_value()) {
        WireReader in(**row);
        in.U64(outbox_bytes_low_);
      }
    }
  }
}

void Core::TrimOutbox(uint64_t rows_min, Batch& batch) {
  const uint64_t rows = outbox_low_ - outbox_trimmed_;
  if (rows == 0 || rows < rows_min) return;
  if (rows >= 100) {
    batch.DeleteRange(Family::kOutbox, layout::SequenceKey(outbox_trimmed_),
                      layout::SequenceKey(outbox_low_));
  } else {
    for (uint64_t s = outbox_trimmed_; s < outbox_low_; ++s) {
      batch.Delete(Family::kOutbox, layout::SequenceKey(s));
    }
  }
  batch.Put(Family::kMeta, layout::kOutboxLow, layout::U64Value(outbox_low_));
  outbox_trimmed_ = outbox_low_;
}

void Core::TrimAnswers(int age_rows_max, Batch& batch) {
  for (int i = 0; i < age_rows_max; ++i) {
    if (answer_first_time_ == absl::InfiniteFuture()) return;
    const absl::Duration age = clock_.now() - answer_first_time_;
    const int64_t bytes = static_cast<int64_t>(answer_bytes_total_ - answer_first_bytes_);
    if (age < options_.answers_kept_min ||
        (age < options_.answers_kept && bytes <= options_.answers_bytes_max)) {
      return;
    }
    const auto it = store_.Scan(Family::kAnswers,
                                layout::TaggedSequence('t', answer_age_first_), PrefixEnd("t"));
    if (!it->Valid()) {
      // The oldest row is of the batch under construction: too young to go.
      return;
    }
    WireReader in(it->value());
    absl::Time time;
    uint64_t before;
    uint64_t own;
    WEFT_CHECK(in.Time(time) && in.U64(before) && in.U64(own));
    while (!in.done()) {
      absl::string_view key;
      if (!in.Text(key)) break;
      batch.Delete(Family::kAnswers, key);
    }
    batch.Delete(Family::kAnswers, it->key());
    ++answer_age_first_;
    it->Next();
    if (it->Valid()) {
      WireReader key(it->key().substr(1));
      WireReader value(it->value());
      WEFT_CHECK(key.U64(answer_age_first_) && value.Time(answer_first_time_) &&
                 value.U64(answer_first_bytes_));
    } else if (answer_age_first_ < answer_age_next_) {
      // Only the batch's own row is left.
      answer_first_time_ = clock_.now();
      answer_first_bytes_ = before + own;
    } else {
      answer_first_time_ = absl::InfiniteFuture();
      answer_first_bytes_ = answer_bytes_total_;
    }
  }
}

absl::Status Core::Trim(bool all) {
  WEFT_CHECK(written_);
  Batch batch;
  TrimOutbox(all ? 1 : static_cast<uint64_t>(options_.trim_rows_min), batch);
  TrimAnswers(all ? 20 : 2, batch);
  if (batch.empty()) return absl::OkStatus();
  if (options_.recorder != nullptr) RecordOutcome(all ? 'T' : 't', batch.bytes());
  return store_.Write(batch, /*sync=*/false);
}

// --- The task runner ---------------------------------------------------------

std::vector<TaskCall> Core::TakeTasks(absl::Duration steady, size_t max) {
  std::vector<TaskCall> calls;
  while (calls.size() < max && !task_queue_.empty() &&
         std::get<0>(*task_queue_.begin()) <= steady) {
    const std::string id = std::get<2>(*task_queue_.begin());
    task_queue_.erase(task_queue_.begin());
    PendingTask& task = tasks_.at(id);
    const auto row = store_.Get(Family::kTasks, layout::Tagged('p', id));
    const auto parts = layout::ParseId(id);
    WEFT_CHECK(parts.has_value());
    ++task.attempt;
    QueueTask(id, task, steady + options_.task_timeout);
    if (!row.ok() || !row->has_value() || (*row)->size() < 16) continue;
    TaskCall call;
    call.tenant = parts->tenant;
    call.kind = parts->kind;
    call.key = parts->key;
    call.payload = (*row)->substr(16);
    call.attempt = task.attempt;
    calls.push_back(std::move(call));
  }
  return calls;
}

void Core::TaskAnswered(const TaskCall& call, absl::StatusOr<std::string> answer,
                        absl::Duration steady) {
  const std::string id = layout::Id(PartitionOf(call.tenant), call.tenant, call.kind, call.key);
  const auto it = tasks_.find(id);
  if (it == tasks_.end() || it->second.known) return;
  PendingTask& task = it->second;
  const bool known = answer.ok() || !IsUndecided(answer.status());
  if (options_.observer != nullptr) {
    options_.observer->TaskAnswered(options_.shard, call.kind, known);
  }
  if (known) {
    task_queue_.erase({task.due, task.order, id});
    task.known = true;
    task_results_.push_back(KnownResult{id, std::move(answer)});
    return;
  }
  if (call.attempt != task.attempt) return;  // A later call is under way.
  task_queue_.erase({task.due, task.order, id});
  const int doublings = std::min(task.attempt - 1, 16);
  absl::Duration pause = options_.task_pause_min * (int64_t{1} << doublings);
  pause = std::min(pause, options_.task_pause_max);
  // Spread by key, not by chance: the same run gives the same times.
  const double spread =
      0.75 + static_cast<double>(Fnv(absl::StrCat(id, task.attempt)) % 1000) / 2000.0;
  QueueTask(id, task, steady + pause * spread);
}

// --- Recordings ----------------------------------------------------------------
//
//   record = "o" options | "b" batch | "d" digest | "T" low digest | "t" low digest
//          | "p" topic partition offset-row | "s" topic partition reason
//          | "f" | "l" identity
//   batch  = wall boot steady now low results inputs

void Core::RecordInputs(const std::vector<Input>& inputs) {
  std::string record(1, 'b');
  AppendU64(record, static_cast<uint64_t>(absl::ToUnixNanos(times_.wall)));
  AppendU64(record, static_cast<uint64_t>(absl::ToInt64Nanoseconds(times_.boot)));
  AppendU64(record, static_cast<uint64_t>(absl::ToInt64Nanoseconds(times_.steady)));
  AppendTime(record, clock_.now());
  AppendU64(record, outbox_low_);
  AppendVarint(record, task_results_.size());
  for (const KnownResult& known : task_results_) {
    AppendText(record, known.id);
    AppendVarint(record, static_cast<uint64_t>(known.answer.status().code()));
    if (known.answer.ok()) {
      AppendText(record, *known.answer);
    } else {
      AppendText(record, ReasonOf(known.answer.status()));
      AppendText(record, std::string(known.answer.status().message()));
    }
  }
  EncodeInputs(inputs, record);
  options_.recorder->Append(record);
}

void Core::RecordOutcome(char tag, absl::string_view bytes) {
  std::string record(1, tag);
  AppendU64(record, outbox_low_);
  const Sha256Digest digest = Sha256(bytes);
  record.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  options_.recorder->Append(record);
}

void Core::RecordOffset(const eventlog::TopicPartition& where) {
  std::string record(1, 'p');
  AppendText(record, where.topic);
  AppendVarint(record, static_cast<uint64_t>(where.partition));
  record.append(layout::EncodeOffset(offsets_[{where.topic, where.partition}]));
  options_.recorder->Append(record);
}

void Core::BeginRecording() {
  std::string record(1, 'o');
  for (const int64_t v :
       {absl::ToInt64Microseconds(options_.answers_kept),
        absl::ToInt64Microseconds(options_.answers_kept_min), options_.answers_bytes_max,
        int64_t{options_.timers_per_batch_max}, int64_t{options_.trim_rows_min},
        int64_t{options_.dead_letters ? 1 : 0}}) {
    AppendU64(record, static_cast<uint64_t>(v));
  }
  options_.recorder->Append(record);
  for (const auto& [where, row] : offsets_) RecordOffset({where.first, where.second});
  for (const auto& [where, reason] : stopped_) {
    std::string stopped(1, 's');
    AppendText(stopped, where.topic);
    AppendVarint(stopped, static_cast<uint64_t>(where.partition));
    AppendText(stopped, reason);
    options_.recorder->Append(stopped);
  }
}

namespace {

absl::Status RecordDamaged() {
  return DataLoss("RECORDING_DAMAGED", "the recording does not parse; take another one");
}

}  // namespace

absl::StatusOr<CoreOptions> Core::RecordedOptions(absl::string_view record,
                                                  CoreOptions options) {
  if (record.empty() || record[0] != 'o') return RecordDamaged();
  WireReader in(record.substr(1));
  int64_t kept;
  int64_t kept_min;
  int64_t timers;
  int64_t trim;
  int64_t dead_letters;
  if (!in.I64(kept) || !in.I64(kept_min) || !in.I64(options.answers_bytes_max) ||
      !in.I64(timers) || !in.I64(trim) || !in.I64(dead_letters)) {
    return RecordDamaged();
  }
  options.answers_kept = absl::Microseconds(kept);
  options.answers_kept_min = absl::Microseconds(kept_min);
  options.timers_per_batch_max = static_cast<int>(timers);
  options.trim_rows_min = static_cast<int>(trim);
  options.dead_letters = dead_letters != 0;
  return options;
}

absl::StatusOr<Core::Replayed> Core::ReplayRecord(absl::string_view record) {
  Replayed replayed;
  if (record.empty()) return RecordDamaged();
  WireReader in(record.substr(1));
  const auto same_digest = [&](absl::string_view bytes) {
    const Sha256Digest digest = Sha256(bytes);
    return in.Rest() ==
           absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
  };
  switch (record[0]) {
    case 'b': {
      // A batch without an outcome before it ended the process: it left nothing.
      if (!written_) WEFT_RETURN_IF_ERROR(Write(/*sync=*/true));
      int64_t wall;
      int64_t boot;
      int64_t steady;
      absl::Time now;
      uint64_t results;
      if (!in.I64(wall) || !in.I64(boot) || !in.I64(steady) || !in.Time(now) ||
          !in.U64(outbox_low_) || !in.Varint(results)) {
        return RecordDamaged();
      }
      task_results_.clear();
      for (uint64_t i = 0; i < results; ++i) {
        std::string id;
        uint64_t code;
        std::string first;
        if (!in.Text(id) || !in.Varint(code) || !in.Text(first)) return RecordDamaged();
        absl::StatusOr<std::string> answer = first;
        if (code != 0) {
          std::string message;
          if (!in.Text(message)) return RecordDamaged();
          const auto as_code = static_cast<absl::StatusCode>(code);
          answer = first.empty() ? absl::Status(as_code, message)
                                 : Error(as_code, first, message);
        }
        task_results_.push_back(KnownResult{std::move(id), std::move(answer)});
      }
      std::vector<Input> inputs;
      if (!DecodeInputs(in.Rest(), inputs)) return RecordDamaged();
      replay_now_ = now;
      Decide(std::move(inputs), Times{absl::FromUnixNanos(wall), absl::Nanoseconds(boot),
                                      absl::Nanoseconds(steady)});
      replayed.batch = true;
      replayed.turns = report_.commands + report_.events + report_.timers + report_.tasks;
      return replayed;
    }
    case 'd': {
      uint64_t low;
      if (!in.U64(low)) return RecordDamaged();
      replayed.differs = !same_digest(batch_.bytes());
      WEFT_RETURN_IF_ERROR(Write(/*sync=*/true));
      while (Release()) {
      }
      return replayed;
    }
    case 't':
    case 'T': {
      if (!in.U64(outbox_low_)) return RecordDamaged();
      Batch batch;
      const bool all = record[0] == 'T';
      TrimOutbox(all ? 1 : static_cast<uint64_t>(options_.trim_rows_min), batch);
      TrimAnswers(all ? 20 : 2, batch);
      replayed.differs = !same_digest(batch.bytes());
      WEFT_RETURN_IF_ERROR(store_.Write(batch, /*sync=*/true));
      return replayed;
    }
    case 'p':
    case 's': {
      eventlog::TopicPartition where;
      uint64_t partition;
      if (!in.Text(where.topic) || !in.Varint(partition)) return RecordDamaged();
      where.partition = static_cast<int32_t>(partition);
      if (record[0] == 's') {
        std::string reason;
        if (!in.Text(reason)) return RecordDamaged();
        StopPartition(where, reason);
        return replayed;
      }
      const auto row = layout::ParseOffset(in.Rest());
      if (!row.has_value()) return RecordDamaged();
      offsets_[{where.topic, where.partition}] = *row;
      return replayed;
    }
    case 'f':
      // What failed to be written then was written here: nothing more agrees.
      return FailedPrecondition("RECORDING_ENDS",
                                "the disk was full here; the recording cannot go on");
    case 'l':
      WEFT_RETURN_IF_ERROR(SetLogIdentity(std::string(in.Rest())));
      return replayed;
    default:
      return RecordDamaged();
  }
}

}  // namespace weft::engine
