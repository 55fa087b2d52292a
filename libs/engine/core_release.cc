#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/wire.h"

namespace weft::engine {

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

absl::Status Core::WriteBatch(bool sync) {
  if (!options_.changelog) return store_.Write(batch_, sync);
  // Kept until it was read back: a turn that is synced and not in the changelog
  // is put there when the folder is opened again.
  Batch stored;
  stored.AppendBytes(batch_.bytes(), batch_.count());
  stored.Put(Family::kChangelog, layout::U64Value(turn_number_), batch_.bytes());
  const uint64_t logged = logged_;
  for (uint64_t n = forgotten_ + 1; n <= logged; ++n) {
    stored.Delete(Family::kChangelog, layout::U64Value(n));
  }
  WEFT_RETURN_IF_ERROR(store_.Write(stored, sync));
  forgotten_ = logged;
  return absl::OkStatus();
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
    if (status.ok()) status = WriteBatch(sync);
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
  for (const auto& [key, number] : effects->numbers) released_[key] = number;
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
  for (Input& input : carried_) {
    if (auto* command = std::get_if<CommandInput>(&input)) {
      if (command->done != nullptr) command->done(status);
    } else if (auto* parked = std::get_if<ParkedInput>(&input)) {
      if (parked->done != nullptr) parked->done(status);
    } else if (auto* follow = std::get_if<FollowInput>(&input)) {
      if (follow->done != nullptr) follow->done(status);
    }
  }
  carried_.clear();
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
    call.epoch = options_.epoch;
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

}  // namespace weft::engine
