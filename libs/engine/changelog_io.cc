#include "libs/engine/changelog_io.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/engine/layout.h"

namespace weft::engine {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);
constexpr absl::Duration kPollTime = absl::Milliseconds(200);
constexpr size_t kPollRecordsMax = 500;

// One opening's talk with the log.
class Talk {
 public:
  Talk(Store& store, ChangelogOpening::Place place, const ChangelogIo& io)
      : store_(store), place_(std::move(place)), io_(io), deadline_(io.clock.Steady() + io.timeout) {}

  absl::StatusOr<ChangelogFold> Run() {
    const std::string topic = ChangelogTopic(place_.room);
    const eventlog::TopicPartition where{topic, place_.shard};
    WEFT_RETURN_IF_ERROR(Until([&] { return CheckIdentity(); }));
    WEFT_RETURN_IF_ERROR(
        Until([&] { return io_.log.EnsureTopic(topic, ChangelogTopicOptions()); }));
    eventlog::Watermarks marks;
    WEFT_RETURN_IF_ERROR(Until([&]() -> absl::Status {
      WEFT_ASSIGN_OR_RETURN(marks, io_.log.GetWatermarks(where));
      return absl::OkStatus();
    }));
    WEFT_ASSIGN_OR_RETURN(opening_, ChangelogOpening::Begin(store_, place_, marks));
    bool appended = false;  // The missing ones.
    while (opening_->step() != ChangelogOpening::Step::kOpen) {
      if (opening_->step() == ChangelogOpening::Step::kClaim) {
        int64_t offset = -1;
        WEFT_RETURN_IF_ERROR(Until([&]() -> absl::Status {
          WEFT_ASSIGN_OR_RETURN(offset, Append(where, {opening_->claim()}));
          return absl::OkStatus();
        }));
        opening_->Claimed(offset);
        continue;
      }
      if (opening_->step() == ChangelogOpening::Step::kAppend && !appended) {
        appended = true;
        for (eventlog::NewRecord& record : opening_->missing()) {
          WEFT_RETURN_IF_ERROR(
              Until([&] { return Append(where, {record}).status(); }));
        }
      }
      WEFT_RETURN_IF_ERROR(Until([&] { return Read(); }));
      if (opening_->TakeRestart()) {
        reader_.reset();
        appended = false;
        if (io_.observer != nullptr) io_.observer->FolderThrownAway(place_.shard);
      }
    }
    if (io_.observer != nullptr) {
      io_.observer->Restoring(place_.shard, 0);
      io_.observer->Owned(place_.shard, opening_->epoch());
    }
    return opening_->fold();
  }

 private:
  // Repeats `step` while the log is away.
  template <typename Step>
  absl::Status Until(const Step& step) {
    while (true) {
      if (io_.cancelled != nullptr && io_.cancelled()) {
        return Unavailable("SHARD_STOPPED", "this process is stopping");
      }
      const absl::Status status = step();
      if (!absl::IsUnavailable(status) || ReasonOf(status) == "OWNED_ELSEWHERE") return status;
      if (io_.clock.Steady() >= deadline_) return status;
      Mutex mutex;
      CondVar never;
      MutexLock lock(mutex);
      never.WaitFor(mutex, kPause);
    }
  }

  absl::Status CheckIdentity() {
    WEFT_ASSIGN_OR_RETURN(const std::string identity, io_.log.Identity());
    WEFT_ASSIGN_OR_RETURN(const auto known, store_.Get(Family::kMeta, layout::kLogIdentity));
    if (known.has_value() && *known != identity) {
      return DataLoss("LOG_CHANGED",
                      "the event log is another one than this folder was written with; an "
                      "operator decides what holds");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Append(const eventlog::TopicPartition& where,
                                 std::vector<eventlog::NewRecord> records) {
    struct Waiting {
      Mutex mutex;
      CondVar answered;
      std::optional<absl::StatusOr<int64_t>> answer ABSL_GUARDED_BY(mutex);
    };
    auto waiting = std::make_shared<Waiting>();
    io_.log.Append(where, std::move(records), [waiting](absl::StatusOr<int64_t> offset) {
      {
        MutexLock lock(waiting->mutex);
        waiting->answer = std::move(offset);
      }
      waiting->answered.NotifyAll();
    });
    MutexLock lock(waiting->mutex);
    while (!waiting->answer.has_value()) {
      if (io_.clock.Steady() >= deadline_ || (io_.cancelled != nullptr && io_.cancelled())) {
        return Unavailable("LOG_UNAVAILABLE", "the event log does not take the shard's claim");
      }
      waiting->answered.WaitFor(waiting->mutex, kPause);
    }
    return *waiting->answer;
  }

  absl::Status Read() {
    if (io_.observer != nullptr && opening_->remaining() > 0) {
      io_.observer->Restoring(place_.shard, opening_->remaining());
    }
    if (reader_ == nullptr) {
      answers_ = false;
      WEFT_ASSIGN_OR_RETURN(reader_, io_.log.OpenReader({opening_->start()}));
    }
    auto batches = reader_->Poll(kPollTime, kPollRecordsMax);
    if (!batches.ok()) {
      if (ReasonOf(batches.status()) == "OFFSET_GONE") {
        return FailedPrecondition(
            "CHANGELOG_BASE_GONE",
            "retention took turns of the changelog that this folder lacks; restore the newest "
            "checkpoint of this shard into an empty folder");
      }
      // A reader that was opened while the log was away is of no use.
      if (!answers_) reader_.reset();
      return batches.status();
    }
    answers_ = true;
    for (const eventlog::Batch& batch : *batches) {
      WEFT_RETURN_IF_ERROR(opening_->Feed(batch.records));
    }
    return absl::OkStatus();
  }

  Store& store_;
  const ChangelogOpening::Place place_;
  const ChangelogIo& io_;
  const absl::Duration deadline_;
  std::unique_ptr<ChangelogOpening> opening_;
  std::unique_ptr<eventlog::Reader> reader_;
  bool answers_ = false;
};

}  // namespace

absl::StatusOr<ChangelogFold> OpenChangelog(Store& store, ChangelogOpening::Place place,
                                            const ChangelogIo& io) {
  if (place.nonce.empty()) place.nonce = RandomName();
  if (place.new_folder.empty()) place.new_folder = RandomName();
  if (place.owner.empty()) place.owner = ProcessName();
  return Talk(store, std::move(place), io).Run();
}

std::string RandomName() {
  std::random_device device;
  std::string name;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&name, absl::Hex(device(), absl::kZeroPad8));
  return name;
}

std::string ProcessName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return absl::StrCat(host.data(), ":", getpid());
}

}  // namespace weft::engine
