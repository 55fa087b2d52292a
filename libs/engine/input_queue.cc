#include "libs/engine/input_queue.h"

#include <utility>

#include "libs/base/error.h"

namespace weft::engine {
namespace {

absl::Status Stopped() {
  return Unavailable("SHARD_STOPPED",
                     "this process is stopping; repeat the request with the same request id");
}

}  // namespace

bool InputQueue::NoteInput() {
  return !only_jobs_ && std::exchange(taker_waits_, false);
}

absl::Status InputQueue::PushCommand(CommandInput& input, bool exempt) {
  bool wake;
  {
    MutexLock lock(mutex_);
    if (closed_) return Stopped();
    if (!refused_.ok()) return refused_;
    size_t& own = by_tenant_[input.command.principal.tenant];
    if (!exempt) {
      absl::Status refused;
      if (log_behind_) {
        refused = ResourceExhausted(
            "LOG_BEHIND", "events wait for the event log in too large a number; try again later");
      } else if (commands_ >= options_.commands_max || own >= (options_.commands_max + 1) / 2) {
        refused = ResourceExhausted("SHARD_BUSY",
                                    "too many commands wait; back off and try again");
      }
      if (!refused.ok()) {
        if (own == 0) by_tenant_.erase(input.command.principal.tenant);
        return refused;
      }
    }
    ++own;
    ++commands_;
    inputs_.emplace_back(std::move(input));
    wake = NoteInput();
  }
  if (wake) taker_.NotifyOne();
  return absl::OkStatus();
}

bool InputQueue::PushRecords(RecordsInput input) {
  bool wake;
  {
    MutexLock lock(mutex_);
    while (!closed_ && refused_.ok() && records_ >= options_.records_max) pushers_.Wait(mutex_);
    if (closed_ || !refused_.ok()) return false;
    records_ += input.batch.records.size();
    inputs_.emplace_back(std::move(input));
    wake = NoteInput();
  }
  if (wake) taker_.NotifyOne();
  return true;
}

bool InputQueue::Push(Input input) {
  bool wake;
  {
    MutexLock lock(mutex_);
    if (closed_ || !refused_.ok()) return false;
    inputs_.push_back(std::move(input));
    wake = NoteInput();
  }
  if (wake) taker_.NotifyOne();
  return true;
}

void InputQueue::Post(std::function<void()> job) {
  bool wake;
  {
    MutexLock lock(mutex_);
    if (abandoned_) return;
    jobs_.push_back(std::move(job));
    wake = std::exchange(taker_waits_, false);
  }
  if (wake) taker_.NotifyOne();
}

void InputQueue::SetLogBehind(bool behind) {
  MutexLock lock(mutex_);
  log_behind_ = behind;
}

InputQueue::Work InputQueue::Take(absl::Duration timeout, size_t turns_max) {
  Work work;
  bool room = false;
  {
    MutexLock lock(mutex_);
    only_jobs_ = turns_max == 0;
    if (jobs_.empty() && (only_jobs_ || (inputs_.empty() && !closed_)) &&
        timeout > absl::ZeroDuration()) {
      taker_waits_ = true;
      taker_.WaitFor(mutex_, timeout);
      taker_waits_ = false;
    }
    work.jobs.swap(jobs_);
    size_t turns = 0;
    while (!inputs_.empty() && turns < turns_max) {
      Input& front = inputs_.front();
      if (const auto* command = std::get_if<CommandInput>(&front)) {
        const auto it = by_tenant_.find(command->command.principal.tenant);
        if (--it->second == 0) by_tenant_.erase(it);
        --commands_;
        ++turns;
      } else if (const auto* records = std::get_if<RecordsInput>(&front)) {
        records_ -= records->batch.records.size();
        turns += records->batch.records.size();
        room = true;
      } else {
        ++turns;
      }
      work.inputs.push_back(std::move(front));
      inputs_.pop_front();
    }
    work.closing = closed_;
    work.closed = closed_ && inputs_.empty() && work.inputs.empty();
  }
  if (room) pushers_.NotifyAll();
  return work;
}

void InputQueue::Close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  taker_.NotifyAll();
  pushers_.NotifyAll();
}

std::vector<CommandInput> InputQueue::Abandon() {
  std::vector<CommandInput> commands;
  std::vector<std::function<void()>> jobs;
  {
    MutexLock lock(mutex_);
    closed_ = abandoned_ = true;
    commands = DropInputs();
    jobs.swap(jobs_);
  }
  pushers_.NotifyAll();
  return commands;
}

std::vector<CommandInput> InputQueue::Refuse(const absl::Status& status) {
  std::vector<CommandInput> commands;
  {
    MutexLock lock(mutex_);
    refused_ = status;
    commands = DropInputs();
  }
  pushers_.NotifyAll();
  return commands;
}

std::vector<CommandInput> InputQueue::DropInputs() {
  std::vector<CommandInput> commands;
  for (Input& input : inputs_) {
    if (auto* command = std::get_if<CommandInput>(&input)) {
      commands.push_back(std::move(*command));
    }
  }
  inputs_.clear();
  by_tenant_.clear();
  commands_ = records_ = 0;
  return commands;
}

int64_t InputQueue::commands() const {
  MutexLock lock(mutex_);
  return static_cast<int64_t>(commands_);
}

}  // namespace weft::engine
