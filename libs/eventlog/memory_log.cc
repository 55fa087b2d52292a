#include "libs/eventlog/memory_log.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/eventlog/fan_out.h"

namespace weft::eventlog {
namespace {

int64_t BytesOf(const Record& record) {
  size_t size = record.key.size();
  for (const Header& h : record.headers) size += h.name.size() + h.value.size();
  if (record.value.has_value()) size += record.value->size();
  return static_cast<int64_t>(size);
}

}  // namespace

class MemoryLog::Impl final : public internal::Source {
 public:
  Impl(const Clock& clock, MemoryLogOptions options)
      : clock_(clock),
        options_(std::move(options)),
        identity_(options_.identity),
        fan_out_(*this, /*waits=*/!options_.manual) {
    if (!options_.manual) thread_ = std::thread([this] { Run(); });
  }

  ~Impl() override {
    if (!thread_.joinable()) return;
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      arrived_.NotifyAll();
    }
    thread_.join();
  }

  absl::StatusOr<std::string> Identity() {
    MutexLock lock(mutex_);
    WEFT_RETURN_IF_ERROR(Presence());
    return identity_;
  }

  absl::Status EnsureTopic(const std::string& name, const TopicOptions& options) {
    if (name.empty() || options.partitions < 1 || options.partitions > 65535) {
      return InvalidArgument("TOPIC_INVALID", "a topic has a name and 1 to 65535 partitions",
                             {{"topic", name}});
    }
    MutexLock lock(mutex_);
    WEFT_RETURN_IF_ERROR(Presence());
    const auto existing = topics_.find(name);
    if (existing != topics_.end()) {
      const TopicOptions& have = existing->second.options;
      if (have.partitions != options.partitions) {
        return internal::TopicMismatch(
            name, absl::StrCat("it has ", have.partitions, " partitions, not ",
                               options.partitions));
      }
      if (have.compacted != options.compacted) {
        return internal::TopicMismatch(
            name, have.compacted ? "it is compacted" : "it is not compacted");
      }
      existing->second.options = options;
      return absl::OkStatus();
    }
    Topic& topic = topics_[name];
    topic.options = options;
    for (int32_t i = 0; i < options.partitions; ++i) {
      topic.partitions.push_back(std::make_unique<Partition>());
      topic.partitions.back()->where = {name, i};
      topic.partitions.back()->compacted = options.compacted;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int32_t> PartitionCount(const std::string& name) {
    MutexLock lock(mutex_);
    const auto topic = topics_.find(name);
    if (topic == topics_.end()) return internal::TopicUnknown(name);
    return static_cast<int32_t>(topic->second.partitions.size());
  }

  void Append(const TopicPartition& where, std::vector<NewRecord> records,
              AppendCallback done) {
    MutexLock lock(mutex_);
    waiting_.push_back({where, std::move(records), std::move(done)});
    arrived_.NotifyAll();
  }

  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::vector<StartPosition> positions) {
    std::vector<internal::SharedPartition*> partitions;
    {
      MutexLock lock(mutex_);
      for (const StartPosition& position : positions) {
        WEFT_ASSIGN_OR_RETURN(Partition* const partition, Find(position.where));
        partitions.push_back(partition);
      }
    }
    return fan_out_.Open(std::move(partitions), positions);
  }

  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where) {
    MutexLock lock(mutex_);
    WEFT_RETURN_IF_ERROR(Presence());
    WEFT_ASSIGN_OR_RETURN(const Partition* const partition, Find(where));
    return Watermarks{partition->begin.load(), partition->next};
  }

  absl::Status RunMaintenance() {
    MutexLock lock(mutex_);
    const absl::Time now = clock_.Wall();
    for (auto& [name, topic] : topics_) {
      for (const auto& partition : topic.partitions) {
        Retain(topic.options, *partition, now);
        if (topic.options.compacted) Compact(*partition, now);
      }
    }
    return absl::OkStatus();
  }

  bool CommitNext() {
    std::vector<internal::SharedPartition*> moved;
    {
      MutexLock lock(mutex_);
      if (waiting_.empty()) return false;
      CommitFront(moved);
    }
    fan_out_.Publish(moved);
    return true;
  }

  bool CallBackNext() {
    Finished finished;
    {
      MutexLock lock(mutex_);
      if (finished_.empty()) return false;
      finished = std::move(finished_.front());
      finished_.pop_front();
    }
    if (finished.done) finished.done(std::move(finished.result));
    return true;
  }

  size_t waiting() {
    MutexLock lock(mutex_);
    return waiting_.size();
  }

  size_t unanswered() {
    MutexLock lock(mutex_);
    return finished_.size();
  }

  void LoseAppenders(size_t keep) {
    std::vector<internal::SharedPartition*> moved;
    // Destroyed outside the lock: a callback may own much.
    std::deque<Waiting> lost;
    std::deque<Finished> unheard;
    {
      MutexLock lock(mutex_);
      for (; keep > 0 && !waiting_.empty(); --keep) CommitFront(moved);
      lost.swap(waiting_);
      unheard.swap(finished_);
    }
    fan_out_.Publish(moved);
  }

  void SetAway(bool away) {
    {
      MutexLock lock(mutex_);
      away_ = away;
    }
    fan_out_.SetStatus(away ? internal::LogUnavailable("it is away") : absl::OkStatus());
  }

  void FailNextAppend(bool written) {
    MutexLock lock(mutex_);
    failures_.push_back(written);
  }

  absl::Status Repeat(const TopicPartition& where, int64_t offset) {
    std::vector<internal::SharedPartition*> moved;
    {
      MutexLock lock(mutex_);
      WEFT_ASSIGN_OR_RETURN(Partition* const partition, Find(where));
      const auto found = partition->records.find(offset);
      if (found == partition->records.end()) {
        return internal::OffsetGone(where, offset, partition->begin.load());
      }
      const Record& record = found->second;
      AddRecord(*partition, NewRecord{record.key, record.headers, record.value});
      moved = Show(*partition);
    }
    fan_out_.Publish(moved);
    return absl::OkStatus();
  }

  void HoldBack(const TopicPartition& where, int64_t offset) {
    std::vector<internal::SharedPartition*> moved;
    {
      MutexLock lock(mutex_);
      absl::StatusOr<Partition*> partition = Find(where);
      WEFT_CHECK_OK(partition);
      // What could be read once stays readable.
      (*partition)->held_from = std::max(offset, (*partition)->end.load());
      moved = Show(**partition);
    }
    fan_out_.Publish(moved);
  }

  void Trim(const TopicPartition& where, int64_t begin) {
    MutexLock lock(mutex_);
    absl::StatusOr<Partition*> partition = Find(where);
    WEFT_CHECK_OK(partition);
    DropBefore(**partition, begin);
  }

  void Wipe(const std::string& identity) {
    MutexLock lock(mutex_);
    identity_ = identity;
    for (auto& [name, topic] : topics_) {
      for (const auto& partition : topic.partitions) {
        partition->records.clear();
        partition->begin = 0;
        partition->end = 0;
        partition->next = 0;
        partition->bytes = 0;
        partition->held_from = INT64_MAX;
        partition->last_append = absl::InfinitePast();
      }
    }
  }

  std::vector<Record> Dump(const TopicPartition& where) {
    MutexLock lock(mutex_);
    absl::StatusOr<Partition*> partition = Find(where);
    if (!partition.ok()) return {};
    std::vector<Record> records;
    records.reserve((*partition)->records.size());
    for (const auto& [offset, record] : (*partition)->records) records.push_back(record);
    return records;
  }

  absl::StatusOr<std::unique_ptr<internal::Cursor>> NewCursor() override {
    return std::make_unique<MemoryCursor>(*this);
  }

 private:
  struct Partition : internal::SharedPartition {
    std::map<int64_t, Record> records;
    int64_t next = 0;
    int64_t bytes = 0;
    int64_t held_from = INT64_MAX;
    absl::Time last_append = absl::InfinitePast();
  };
  struct Topic {
    TopicOptions options;
    std::vector<std::unique_ptr<Partition>> partitions;
  };
  struct Waiting {
    TopicPartition where;
    std::vector<NewRecord> records;
    AppendCallback done;
  };
  struct Finished {
    AppendCallback done;
    absl::StatusOr<int64_t> result = 0;
  };

  class MemoryCursor final : public internal::Cursor {
   public:
    explicit MemoryCursor(Impl& log) : log_(log) {}
    absl::StatusOr<int64_t> Read(const internal::SharedPartition& shared, int64_t from,
                                 int64_t end, size_t max_records, size_t max_bytes,
                                 std::vector<Record>& records) override {
      MutexLock lock(log_.mutex_);
      const Partition& partition = static_cast<const Partition&>(shared);
      // This cursor sees the present, not a moment: look again.
      if (from < partition.begin.load()) {
        return internal::OffsetGone(partition.where, from, partition.begin.load());
      }
      size_t count = 0;
      size_t bytes = 0;
      for (auto it = partition.records.lower_bound(from); it != partition.records.end(); ++it) {
        if (it->first >= end) break;
        if (count == max_records || bytes >= max_bytes) return it->first;
        ++count;
        bytes += static_cast<size_t>(BytesOf(it->second));
        records.push_back(it->second);
      }
      return end;
    }

   private:
    Impl& log_;
  };

  void Run() {
    while (true) {
      {
        MutexLock lock(mutex_);
        while (waiting_.empty() && finished_.empty() && !stopping_) arrived_.Wait(mutex_);
        if (waiting_.empty() && finished_.empty()) return;
      }
      CommitNext();
      while (CallBackNext()) {
      }
    }
  }

  absl::Status Presence() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return away_ ? internal::LogUnavailable("it is away") : absl::OkStatus();
  }

  absl::StatusOr<Partition*> Find(const TopicPartition& where)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto topic = topics_.find(where.topic);
    if (topic == topics_.end()) return internal::TopicUnknown(where.topic);
    const auto& partitions = topic->second.partitions;
    if (where.partition < 0 || static_cast<size_t>(where.partition) >= partitions.size()) {
      return internal::PartitionUnknown(where);
    }
    return partitions[static_cast<size_t>(where.partition)].get();
  }

  void CommitFront(std::vector<internal::SharedPartition*>& moved)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    finished_.push_back(
        {std::move(waiting.done), Write(waiting.where, std::move(waiting.records), moved)});
  }

  absl::StatusOr<int64_t> Write(const TopicPartition& where, std::vector<NewRecord> records,
                                std::vector<internal::SharedPartition*>& moved)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    WEFT_RETURN_IF_ERROR(Presence());
    WEFT_ASSIGN_OR_RETURN(Partition* const partition, Find(where));
    const int64_t limit = topics_.find(where.topic)->second.options.max_record_bytes;
    for (const NewRecord& record : records) {
      const int64_t size = internal::SizeOf(record);
      if (size > limit) return internal::RecordTooLarge(where, size, limit);
    }
    bool fails = false;
    if (!failures_.empty()) {
      fails = true;
      const bool written = failures_.front();
      failures_.pop_front();
      if (!written) return internal::LogUnavailable("this append was made to fail");
    }
    const int64_t first = partition->next;
    for (NewRecord& record : records) AddRecord(*partition, std::move(record));
    for (internal::SharedPartition* shown : Show(*partition)) moved.push_back(shown);
    if (fails) return internal::LogUnavailable("this append was made to look failed");
    return first;
  }

  void AddRecord(Partition& partition, NewRecord record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Microseconds, as on disk.
    const absl::Time now = absl::FromUnixMicros(absl::ToUnixMicros(clock_.Wall()));
    partition.last_append = std::max(partition.last_append, now);
    Record made;
    made.offset = partition.next++;
    made.append_time = partition.last_append;
    made.key = std::move(record.key);
    made.headers = std::move(record.headers);
    made.value = std::move(record.value);
    partition.bytes += BytesOf(made);
    partition.records.emplace(made.offset, std::move(made));
  }

  // Lets readers see what is not held back.
  std::vector<internal::SharedPartition*> Show(Partition& partition)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int64_t visible = std::min(partition.next, partition.held_from);
    if (visible <= partition.end.load()) return {};
    partition.end.store(visible, std::memory_order_release);
    return {&partition};
  }

  void Erase(Partition& partition, std::map<int64_t, Record>::iterator it)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    partition.bytes -= BytesOf(it->second);
    partition.records.erase(it);
  }

  void DropBefore(Partition& partition, int64_t begin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (begin <= partition.begin.load()) return;
    partition.begin.store(begin, std::memory_order_release);
    while (!partition.records.empty() && partition.records.begin()->first < begin) {
      Erase(partition, partition.records.begin());
    }
  }

  void Retain(const TopicOptions& options, Partition& partition, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time keep_from = now - options.retention_time;
    int64_t begin = partition.begin.load();
    int64_t bytes = partition.bytes;
    for (const auto& [offset, record] : partition.records) {
      const bool too_many = options.retention_bytes >= 0 && bytes > options.retention_bytes;
      if (record.append_time >= keep_from && !too_many) break;
      bytes -= BytesOf(record);
      begin = offset + 1;
    }
    DropBefore(partition, begin);
  }

  void Compact(Partition& partition, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time keep_from = now - options_.tombstone_retention;
    std::set<std::string> seen;
    for (auto it = partition.records.end(); it != partition.records.begin();) {
      --it;
      const bool last = seen.insert(it->second.key).second;
      const bool old_tombstone =
          !it->second.value.has_value() && it->second.append_time < keep_from;
      if (last && !old_tombstone) continue;
      const auto gone = it++;
      Erase(partition, gone);
    }
  }

  const Clock& clock_;
  const MemoryLogOptions options_;
  Mutex mutex_;
  CondVar arrived_;
  std::string identity_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Topic> topics_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<Finished> finished_ ABSL_GUARDED_BY(mutex_);
  std::deque<bool> failures_ ABSL_GUARDED_BY(mutex_);
  bool away_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  internal::FanOut fan_out_;
  std::thread thread_;
};

MemoryLog::MemoryLog(const Clock& clock, MemoryLogOptions options)
    : impl_(std::make_unique<Impl>(clock, std::move(options))) {}
MemoryLog::~MemoryLog() = default;

absl::StatusOr<std::string> MemoryLog::Identity() { return impl_->Identity(); }
absl::Status MemoryLog::EnsureTopic(const std::string& topic, const TopicOptions& options) {
  return impl_->EnsureTopic(topic, options);
}
absl::StatusOr<int32_t> MemoryLog::PartitionCount(const std::string& topic) {
  return impl_->PartitionCount(topic);
}
void MemoryLog::Append(const TopicPartition& where, std::vector<NewRecord> records,
                       AppendCallback done) {
  impl_->Append(where, std::move(records), std::move(done));
}
absl::StatusOr<std::unique_ptr<Reader>> MemoryLog::OpenReader(
    std::vector<StartPosition> positions) {
  return impl_->OpenReader(std::move(positions));
}
absl::StatusOr<Watermarks> MemoryLog::GetWatermarks(const TopicPartition& where) {
  return impl_->GetWatermarks(where);
}
absl::Status MemoryLog::RunMaintenance() { return impl_->RunMaintenance(); }
bool MemoryLog::CommitNext() { return impl_->CommitNext(); }
bool MemoryLog::CallBackNext() { return impl_->CallBackNext(); }
void MemoryLog::Pump() {
  while (true) {
    const bool committed = CommitNext();
    const bool called = CallBackNext();
    if (!committed && !called) return;
  }
}
size_t MemoryLog::waiting() const { return impl_->waiting(); }
size_t MemoryLog::unanswered() const { return impl_->unanswered(); }
void MemoryLog::LoseAppenders(size_t keep) { impl_->LoseAppenders(keep); }
void MemoryLog::SetAway(bool away) { impl_->SetAway(away); }
void MemoryLog::FailNextAppend(bool written) { impl_->FailNextAppend(written); }
absl::Status MemoryLog::Repeat(const TopicPartition& where, int64_t offset) {
  return impl_->Repeat(where, offset);
}
void MemoryLog::HoldBack(const TopicPartition& where, int64_t offset) {
  impl_->HoldBack(where, offset);
}
void MemoryLog::Trim(const TopicPartition& where, int64_t begin) { impl_->Trim(where, begin); }
void MemoryLog::Wipe(const std::string& identity) { impl_->Wipe(identity); }
std::vector<Record> MemoryLog::Dump(const TopicPartition& where) const {
  return impl_->Dump(where);
}

}  // namespace weft::eventlog
