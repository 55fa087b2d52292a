#include "libs/eventlog/fan_out.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::eventlog::internal {
namespace {

// What one Poll() carries at most, whatever the number of records.
constexpr size_t kPollBytesMax = 8u << 20;
// A wait is cut into pieces: std::condition_variable overflows on huge ones.
constexpr absl::Duration kWaitMax = absl::Minutes(10);

ErrorMetadata Where(const TopicPartition& where) {
  return {{"topic", where.topic}, {"partition", absl::StrCat(where.partition)}};
}

}  // namespace

absl::Status LogChanged(const TopicPartition& where, int64_t offset, const char* what) {
  return DataLoss("LOG_CHANGED",
                  absl::StrCat("partition ", where.partition, " of ", where.topic, ": ", what,
                               " at offset ", offset,
                               "; this is not the log that was read before"),
                  Where(where));
}

absl::Status OffsetGone(const TopicPartition& where, int64_t offset, int64_t begin) {
  ErrorMetadata metadata = Where(where);
  metadata.emplace_back("offset", absl::StrCat(offset));
  metadata.emplace_back("begin", absl::StrCat(begin));
  return Error(absl::StatusCode::kOutOfRange, "OFFSET_GONE",
               absl::StrCat("partition ", where.partition, " of ", where.topic,
                            " begins at offset ", begin, ", retention removed offset ", offset),
               std::move(metadata));
}

absl::Status LogUnavailable(const std::string& why) {
  return Unavailable("LOG_UNAVAILABLE", absl::StrCat("the event log cannot be used: ", why));
}

absl::Status TopicUnknown(const std::string& topic) {
  return NotFound("TOPIC_UNKNOWN",
                  absl::StrCat("there is no topic ", topic, "; create it with EnsureTopic"),
                  {{"topic", topic}});
}

absl::Status PartitionUnknown(const TopicPartition& where) {
  return NotFound("TOPIC_UNKNOWN",
                  absl::StrCat("topic ", where.topic, " has no partition ", where.partition),
                  Where(where));
}

absl::Status TopicMismatch(const std::string& topic, const std::string& what) {
  return FailedPrecondition("TOPIC_MISMATCH",
                            absl::StrCat("topic ", topic, " exists and differs: ", what),
                            {{"topic", topic}});
}

absl::Status RecordTooLarge(const TopicPartition& where, int64_t size, int64_t limit) {
  ErrorMetadata metadata = Where(where);
  metadata.emplace_back("bytes", absl::StrCat(size));
  metadata.emplace_back("limit", absl::StrCat(limit));
  return InvalidArgument("RECORD_TOO_LARGE",
                         absl::StrCat("a record of ", size, " bytes; topic ", where.topic,
                                      " takes at most ", limit),
                         std::move(metadata));
}

int64_t SizeOf(const NewRecord& record) {
  size_t size = record.key.size();
  for (const Header& header : record.headers) size += header.name.size() + header.value.size();
  if (record.value.has_value()) size += record.value->size();
  return static_cast<int64_t>(size);
}

class FanOutReader final : public Reader {
 public:
  FanOutReader(FanOut& fan_out, std::vector<SharedPartition*> partitions,
               const std::vector<StartPosition>& positions)
      : fan_out_(fan_out) {
    parts_.reserve(partitions.size());
    for (size_t i = 0; i < partitions.size(); ++i) {
      parts_.push_back({partitions[i], positions[i].next_offset});
    }
    CheckStart(positions);
    MutexLock lock(fan_out_.mutex_);
    fan_out_.readers_.push_back(this);
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].stopped) continue;
      parts_[i].shared->readers.emplace_back(this, i);
      // Whatever came before this line is found here, the rest by Publish().
      MutexLock own(mutex_);
      if (parts_[i].next < parts_[i].shared->end.load(std::memory_order_acquire)) Queue(i);
    }
  }

  ~FanOutReader() override {
    MutexLock lock(fan_out_.mutex_);
    std::erase(fan_out_.readers_, this);
    for (const Part& part : parts_) {
      std::erase_if(part.shared->readers, [this](const auto& r) { return r.first == this; });
    }
  }

  absl::StatusOr<std::vector<Batch>> Poll(absl::Duration timeout,
                                          size_t max_records) override {
    if (const absl::Status away = fan_out_.status(); !away.ok()) {
      // The first answer comes at once, the next ones no faster than asked for:
      // a caller that repeats must not spin.
      if (told_) Wait(SystemClock().Steady() + timeout);
      told_ = true;
      return fan_out_.status().ok() ? absl::StatusOr<std::vector<Batch>>(std::vector<Batch>())
                                    : away;
    }
    told_ = false;
    if (!errors_.empty()) return TakeError();

    const absl::Duration until = SystemClock().Steady() + timeout;
    while (true) {
      const bool go_on = Wait(until);
      WEFT_ASSIGN_OR_RETURN(std::vector<Batch> batches, Collect(max_records));
      if (!batches.empty() || !go_on) return batches;
      // A partition was announced whose records an earlier call carried already.
    }
  }

  void Wake() override {
    MutexLock lock(mutex_);
    woken_ = true;
    changed_.NotifyAll();
  }

  // Called by FanOut.
  void Moved(size_t index) {
    MutexLock lock(mutex_);
    Queue(index);
    changed_.NotifyAll();
  }

 private:
  struct Part {
    SharedPartition* shared;
    int64_t next;  // Of the polling thread.
    bool stopped = false;  // Of the polling thread.
    bool queued = false;   // Guarded by mutex_.
  };

  // What the partitions in the queue hold, each one's share of it.
  absl::StatusOr<std::vector<Batch>> Collect(size_t max_records) {
    struct Turn {
      size_t index;
      int64_t end;
    };
    std::vector<Turn> turns;
    {
      MutexLock lock(mutex_);
      const size_t count = std::min(ready_.size(), std::max<size_t>(max_records, 1));
      turns.reserve(count);
      for (size_t i = 0; i < count; ++i) {
        const size_t index = ready_.front();
        ready_.pop_front();
        parts_[index].queued = false;
        // Read before the cursor is made: the cursor holds all before it.
        turns.push_back({index, parts_[index].shared->end.load(std::memory_order_acquire)});
      }
    }
    std::vector<Batch> batches;
    if (turns.empty()) return batches;

    absl::StatusOr<std::unique_ptr<Cursor>> cursor = fan_out_.source_.NewCursor();
    size_t records_left = std::max<size_t>(max_records, 1);
    size_t bytes_left = kPollBytesMax;
    for (size_t t = 0; t < turns.size(); ++t) {
      Part& part = parts_[turns[t].index];
      if (part.stopped) continue;
      if (!cursor.ok() || records_left == 0 || bytes_left == 0) {
        MutexLock lock(mutex_);
        Queue(turns[t].index);
        continue;
      }
      // After the cursor was made: if its moment lies behind a removal, this
      // sees the new begin.
      const int64_t begin = part.shared->begin.load(std::memory_order_acquire);
      if (part.next < begin) {
        Stop(part, OffsetGone(part.shared->where, part.next, begin));
        continue;
      }
      const size_t share = std::max<size_t>(1, records_left / (turns.size() - t));
      Batch batch;
      absl::StatusOr<int64_t> next = (*cursor)->Read(*part.shared, part.next, turns[t].end,
                                                     share, bytes_left, batch.records);
      if (!next.ok()) {
        Stop(part, next.status());
        continue;
      }
      part.next = *next;
      if (!batch.records.empty()) {
        records_left -= batch.records.size();
        size_t bytes = 0;
        for (const Record& r : batch.records) {
          bytes += r.key.size() + (r.value.has_value() ? r.value->size() : 0);
        }
        bytes_left -= std::min(bytes_left, bytes);
        batch.where = part.shared->where;
        batches.push_back(std::move(batch));
      }
      MutexLock lock(mutex_);
      if (part.next < part.shared->end.load(std::memory_order_acquire)) Queue(turns[t].index);
    }
    if (!cursor.ok()) return cursor.status();
    if (batches.empty() && !errors_.empty()) return TakeError();
    return batches;
  }

  void Queue(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (parts_[index].queued) return;
    parts_[index].queued = true;
    ready_.push_back(index);
  }

  // Until something is in the queue. False when it is no use to wait again:
  // time is up, somebody called Wake(), or this log never waits.
  bool Wait(absl::Duration until) {
    MutexLock lock(mutex_);
    bool time_left = fan_out_.waits_;
    while (time_left && ready_.empty() && !woken_) {
      const SystemClock clock;
      const absl::Duration left = std::min(until - clock.Steady(), kWaitMax);
      time_left = left > absl::ZeroDuration();
      if (time_left) changed_.WaitFor(mutex_, left);
    }
    const bool woken = std::exchange(woken_, false);
    return time_left && !woken;
  }

  // A partition that failed stays stopped; its error comes out once.
  void Stop(Part& part, absl::Status status) {
    part.stopped = true;
    errors_.push_back(std::move(status));
  }

  absl::Status TakeError() {
    absl::Status status = std::move(errors_.front());
    errors_.pop_front();
    return status;
  }

  // Before the reader is registered.
  void CheckStart(const std::vector<StartPosition>& positions) {
    std::vector<int64_t> ends;
    ends.reserve(parts_.size());
    for (const Part& part : parts_) {
      ends.push_back(part.shared->end.load(std::memory_order_acquire));
    }
    absl::StatusOr<std::unique_ptr<Cursor>> cursor = fan_out_.source_.NewCursor();
    for (size_t i = 0; i < parts_.size(); ++i) {
      Part& part = parts_[i];
      absl::Status status =
          cursor.ok() ? CheckStart(positions[i], *part.shared, ends[i], **cursor)
                      : cursor.status();
      if (!status.ok()) Stop(part, std::move(status));
    }
  }

  static absl::Status CheckStart(const StartPosition& position, const SharedPartition& shared,
                                 int64_t end, Cursor& cursor) {
    const TopicPartition& where = shared.where;
    if (position.next_offset > end) {
      return LogChanged(where, position.next_offset, "the position lies behind the end,");
    }
    const int64_t begin = shared.begin.load(std::memory_order_acquire);
    if (position.last_applied.has_value()) {
      const int64_t offset = position.last_applied->offset;
      if (offset >= end) return LogChanged(where, offset, "the record applied last is not there,");
      if (offset >= begin) {
        std::vector<Record> found;
        WEFT_RETURN_IF_ERROR(
            cursor.Read(shared, offset, offset + 1, 1, kPollBytesMax, found).status());
        if (found.empty()) {
          // Compaction may have taken it; otherwise nothing can have.
          if (!shared.compacted) return LogChanged(where, offset, "no record");
        } else if (RecordDigest(found.front()) != position.last_applied->digest) {
          return LogChanged(where, offset, "another record");
        }
      }
    }
    if (position.next_offset < begin) return OffsetGone(where, position.next_offset, begin);
    return absl::OkStatus();
  }

  FanOut& fan_out_;
  std::vector<Part> parts_;  // Constant after construction but for the fields above.
  // Of the polling thread.
  std::deque<absl::Status> errors_;
  bool told_ = false;

  Mutex mutex_;
  CondVar changed_;
  std::deque<size_t> ready_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

std::unique_ptr<Reader> FanOut::Open(std::vector<SharedPartition*> partitions,
                                     const std::vector<StartPosition>& positions) {
  return std::make_unique<FanOutReader>(*this, std::move(partitions), positions);
}

void FanOut::Publish(const std::vector<SharedPartition*>& moved) {
  MutexLock lock(mutex_);
  for (SharedPartition* partition : moved) {
    for (const auto& [reader, index] : partition->readers) reader->Moved(index);
  }
}

void FanOut::SetStatus(absl::Status status) {
  MutexLock lock(mutex_);
  status_ = std::move(status);
  for (FanOutReader* reader : readers_) reader->Wake();
}

absl::Status FanOut::status() {
  MutexLock lock(mutex_);
  return status_;
}

}  // namespace weft::eventlog::internal
