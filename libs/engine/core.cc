#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/changelog.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/core_turn.h"
#include "libs/engine/wire.h"

namespace weft::engine {

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

  generations_.clear();
  jumps_.clear();
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
  turn_number_ = 0;

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
        if (!in.U16(partition)) return Damaged("generation");
        generations_[partition] = static_cast<int64_t>(layout::ParseU64(value).value_or(1));
        break;
      case 'j':
        jumps_.insert(layout::Tagged('i', key.substr(1)));
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
      case 'c': {
        uint64_t origin;
        if (!layout::ParseTwoU64(value, turn_number_, origin)) return Damaged("changelog mark");
        break;
      }
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
  if (first) {
    clock_ = ShardClock(stored_time_, times.wall, times.boot);
    released_ = applied_;
    released_.insert(emitted_.begin(), emitted_.end());
    logged_ = forgotten_ = turn_number_;
  }

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
  overlay_bytes_ = 0;
  answers_rest_on_state_ = false;
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
  for (Input& input : inputs) carried_.push_back(std::move(input));
  while (!carried_.empty() && RunInput(carried_.front(), times)) carried_.pop_front();

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
    effects_->numbers.emplace_back(key, applied_[key]);
  }
  for (const std::string& key : batch_positions_) {
    batch_.Put(Family::kMeta, key, layout::EncodePosition(positions_[key]));
  }
  for (const std::string& key : batch_emitted_) {
    batch_.Put(Family::kMeta, key, layout::U64Value(static_cast<uint64_t>(emitted_[key])));
    effects_->numbers.emplace_back(key, emitted_[key]);
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
  if (options_.changelog && !batch_.empty()) {
    PutChangelogTurn(batch_, ++turn_number_, options_.epoch);
  }
  report_.bytes = static_cast<int64_t>(batch_.bytes().size());
  if (options_.recorder != nullptr) RecordOutcome('d', batch_.bytes());
}

bool Core::HasRoom(size_t bytes) const {
  if (!options_.changelog) return true;
  // Marks and answers of what is in it come on top; most turns are far smaller
  // than the eighth that is left for the last one.
  const int64_t used = overlay_bytes_ + static_cast<int64_t>(batch_.bytes().size());
  if (used == 0) return true;
  return used <= options_.batch_bytes_max - options_.batch_bytes_max / 8 &&
         used + static_cast<int64_t>(bytes) <= options_.batch_bytes_max;
}

bool Core::RunInput(Input& input, const Times& times) {
  if (auto* command = std::get_if<CommandInput>(&input)) {
    if (!HasRoom(command->command.payload.size())) return false;
    RunCommand(std::move(*command), times);
    return true;
  }
  if (auto* records = std::get_if<RecordsInput>(&input)) return RunRecords(*records);
  if (!HasRoom(0)) return false;
  if (auto* follow = std::get_if<FollowInput>(&input)) {
    RunFollow(std::move(*follow));
    return true;
  }
  RunParked(std::move(std::get<ParkedInput>(input)));
  return true;
}

bool Core::dirty() const { return !batch_.empty(); }

bool Core::HasInternalWork(const Times& times) const {
  if (!task_results_.empty() || !carried_.empty()) return true;
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

int64_t Core::GenerationOf(uint32_t partition) const {
  const auto it = generations_.find(partition);
  return it == generations_.end() ? 1 : it->second;
}

Position Core::PositionOf(uint32_t partition, const std::string& tenant) const {
  Position position{GenerationOf(partition), -1};
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

}  // namespace weft::engine
