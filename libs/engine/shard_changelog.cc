// What a shard does about its changelog: opens on it, appends, reads it back,
// gives up.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/changelog_io.h"
#include "libs/engine/shard.h"

namespace weft::engine {
namespace {

constexpr absl::Duration kTailPause = absl::Milliseconds(100);
constexpr absl::Duration kTailPoll = absl::Milliseconds(500);
constexpr size_t kTailRecordsMax = 500;

}  // namespace

absl::Status Shard::OpenOnChangelog() {
  ChangelogOpening::Place place;
  place.room = program_.room;
  place.shard = index_;
  place.shards = options_.shards;
  place.owner = options_.changelog.owner;
  const absl::StatusOr<ChangelogFold> fold =
      OpenChangelog(*store_, std::move(place),
                    {log_, clock_, options_.changelog.open_timeout, options_.changelog.cancelled,
                     options_.observer});
  if (ReasonOf(fold.status()) == "LOG_CHANGED") {
    // What is here can still be read.
    frozen_ = true;
    frozen_why_ = fold.status();
    return absl::OkStatus();
  }
  WEFT_RETURN_IF_ERROR(fold.status());
  tail_start_ = fold->Start({ChangelogTopic(program_.room), index_});
  ReleaseGateOptions gate;
  gate.backlog_bytes_max = options_.changelog.backlog_bytes_max;
  gate.no_claim_check = options_.core.bugs.no_claim_check;
  gate_ = std::make_unique<ReleaseGate>(*fold, gate);
  return absl::OkStatus();
}

void Shard::PumpChangelog(absl::Duration steady) {
  if (gate_ == nullptr || frozen_) return;
  for (ReleaseGate::Append& append : gate_->TakeAppends(steady)) {
    std::vector<eventlog::NewRecord> records;
    records.push_back(std::move(append.record));
    log_.Append({ChangelogTopic(program_.room), index_}, std::move(records),
                [this, queue = queue_, id = append.id](absl::StatusOr<int64_t> appended) {
                  // Runs only while the shard does: its sequencer takes it.
                  queue->Post([this, id, status = appended.status()] {
                    if (absl::IsDataLoss(status)) return Freeze(status);
                    if (absl::IsInvalidArgument(status) || absl::IsNotFound(status)) {
                      return Disown(status);  // The topic is not as we made it.
                    }
                    gate_->Appended(id, status, clock_.Steady());
                  });
                });
  }
}

void Shard::TailChangelog() {
  eventlog::StartPosition start = tail_start_;
  while (true) {
    absl::StatusOr<std::unique_ptr<eventlog::Reader>> reader = log_.OpenReader({start});
    {
      MutexLock lock(mutex_);
      if (tail_stops_) return;
      if (!reader.ok()) {
        // The log is away.
        reader_wakes_.WaitFor(mutex_, kTailPause);
        continue;
      }
      tail_reader_ = reader->get();
    }
    bool answers = false;
    while (true) {
      auto batches = (*reader)->Poll(kTailPoll, kTailRecordsMax);
      {
        MutexLock lock(mutex_);
        if (tail_stops_) {
          tail_reader_ = nullptr;
          return;
        }
      }
      if (batches.ok()) {
        answers = true;
        for (eventlog::Batch& batch : *batches) {
          start.next_offset = batch.records.back().offset + 1;
          start.last_applied.reset();
          auto records = std::make_shared<std::vector<eventlog::Record>>(std::move(batch.records));
          queue_->Post([this, records] {
            if (gate_ == nullptr || frozen_ || lost_) return;
            const absl::Status read = gate_->Read(std::move(*records));
            if (!read.ok()) Disown(read);
          });
        }
        continue;
      }
      const std::string reason = ReasonOf(batches.status());
      if (reason == "LOG_CHANGED") {
        queue_->Post([this, why = batches.status()] { Freeze(why); });
      } else if (reason == "OFFSET_GONE") {
        // Whose claims were among what is gone is not known.
        queue_->Post([this, why = batches.status()] { Disown(why); });
      }
      MutexLock lock(mutex_);
      if (!tail_stops_) reader_wakes_.WaitFor(mutex_, kTailPause);
      // It goes on by itself when the log is back, and knows by what it has read
      // whether it is the same one; not so if the log was away when it was opened.
      if (answers || reason != "LOG_UNAVAILABLE") continue;
      tail_reader_ = nullptr;
      break;
    }
  }
}

void Shard::Disown(const absl::Status& why) {
  if (lost_) return;
  lost_ = true;
  {
    MutexLock lock(mutex_);
    health_.lost_shards = 1;
  }
  if (options_.observer != nullptr) options_.observer->Lost(index_, why);
  AnswerAll(Unavailable("SHARD_STOPPED",
                        "another process serves this shard now; repeat the request with the "
                        "same request id"));
  if (options_.on_disowned != nullptr) {
    options_.on_disowned(why);
  } else if (options_.on_fatal != nullptr) {
    options_.on_fatal(why);
  } else {
    std::fprintf(stderr, "%s\n", std::string(why.message()).c_str());
    // Nothing to be finished: whatever we would still write or say is void.
    _exit(EXIT_FAILURE);
  }
}

absl::Status Shard::NoCommands() const {
  return Unavailable(
      "LOG_CHANGED",
      absl::StrCat("this room takes no commands until an operator has decided what holds: ",
                   frozen_why_.message()));
}

void Shard::Freeze(const absl::Status& why) {
  frozen_ = true;
  frozen_why_ = why;
  {
    MutexLock lock(mutex_);
    health_.log_changed = true;
  }
  if (options_.observer != nullptr) options_.observer->Lost(index_, why);
  const absl::Status answer = NoCommands();
  core_->Abandon(answer);
  written_.clear();
  for (CommandInput& input : queue_->Refuse(answer)) input.done(answer);
}

}  // namespace weft::engine
