#include "libs/engine/open.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <list>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/checkpoint.h"
#include "libs/engine/openings.h"
#include "libs/engine/shard.h"
#include "libs/engine/task_runner.h"

namespace weft::engine {
namespace {

// Who wants to know of changes.
class Watches {
 public:
  using Handle = std::unique_ptr<void, std::function<void(void*)>>;

  Handle Add(const std::string& tenant, std::function<void()> changed) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(Entry{tenant, std::move(changed), false});
    ++count_;
    const auto it = std::prev(entries_.end());
    return Handle(&*it, [this, it](void*) { Remove(it); });
  }

  void Changed(const std::vector<std::string>& tenants) {
    if (count_ == 0) return;
    const std::lock_guard lock(mutex_);
    calling_ = true;
    for (Entry& entry : entries_) {
      if (!entry.gone && (entry.tenant.empty() || std::find(tenants.begin(), tenants.end(),
                                                            entry.tenant) != tenants.end())) {
        entry.changed();
      }
    }
    calling_ = false;
    entries_.remove_if([](const Entry& entry) { return entry.gone; });
  }

 private:
  struct Entry {
    std::string tenant;
    std::function<void()> changed;
    bool gone;
  };

  void Remove(std::list<Entry>::iterator it) {
    const std::lock_guard lock(mutex_);
    --count_;
    if (calling_) {
      it->gone = true;  // From inside a callback of its own thread.
    } else {
      entries_.erase(it);
    }
  }

  // Recursive: a callback may drop its own watch.
  std::recursive_mutex mutex_;
  std::list<Entry> entries_;
  bool calling_ = false;
  std::atomic<int> count_{0};
};

class FolderLock {
 public:
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const std::string path = folder + "/LOCK";
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
      return Error(absl::StatusCode::kInternal, "STORE_FAILED",
                   absl::StrCat("the folder ", folder, " cannot be used: ", strerror(errno)));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      close(fd);
      return FailedPrecondition(
          "FOLDER_LOCKED",
          absl::StrCat("another process uses ", folder, "; stop it, or name another folder"));
    }
    return std::unique_ptr<FolderLock>(new FolderLock(fd));
  }
  ~FolderLock() { close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  const int fd_;
};

class ShardsImpl final : public Shards {
 public:
  ShardsImpl(const Options& options, std::string room, std::unique_ptr<FolderLock> lock)
      : options_(options), room_(std::move(room)), lock_(std::move(lock)), runner_(std::make_unique<TaskRunner>()) {}
  ~ShardsImpl() override { Stop(); }

  absl::Status OpenAll(const Program& program, eventlog::EventLog& log, const Clock& clock) {
    for (const auto& [topic, topic_options] : program.emits) {
      WEFT_RETURN_IF_ERROR(log.EnsureTopic(topic, topic_options));
    }
    if (options_.dead_letters) {
      std::vector<std::string> inputs;
      for (const auto& [topic, handlers] : program.events) inputs.push_back(topic);
      for (const RawTopic& raw : program.raw_topics) inputs.push_back(raw.topic);
      for (const std::string& topic : inputs) {
        WEFT_RETURN_IF_ERROR(log.EnsureTopic(topic + kDeadLetterSuffix,
                                             {.max_record_bytes = kDeadLetterBytesMax}));
      }
    }
    shards_.resize(static_cast<size_t>(options_.shards));
    for (int i = 0; i < options_.shards; ++i) {
      if (!options_.owned.empty() &&
          std::find(options_.owned.begin(), options_.owned.end(), i) == options_.owned.end()) {
        continue;
      }
      WEFT_ASSIGN_OR_RETURN(
          shards_[static_cast<size_t>(i)],
          Shard::Open(options_, i, program, log, clock, *runner_,
                      [this](const std::vector<std::string>& tenants) {
                        watches_.Changed(tenants);
                      }));
    }
    for (const auto& shard : shards_) {
      if (shard != nullptr) shard->Start();
    }
    return absl::OkStatus();
  }

  void Submit(Command command, AnswerCallback done) override {
    Shard* shard = Find(PartitionOf(command.principal.tenant));
    if (shard == nullptr) {
      if (options_.observer != nullptr) options_.observer->RefusedAtDoor(-1, "WRONG_SHARD");
      return done(WrongShard(PartitionOf(command.principal.tenant)));
    }
    shard->Submit(std::move(command), std::move(done));
  }

  absl::StatusOr<std::unique_ptr<View>> Read(const std::string& tenant) override {
    const uint32_t partition = PartitionOf(tenant);
    const Shard* shard = Find(partition);
    if (shard == nullptr) return WrongShard(partition);
    if (shard->lost()) {
      return Unavailable("SHARD_STOPPED", "another process serves this shard now; ask again");
    }
    return shard->Read(tenant, partition);
  }

  void WaitFor(const std::string& tenant, const Token& token, absl::Duration timeout,
               std::function<void(absl::Status)> done) override {
    if (token.number <= 0) return done(absl::OkStatus());
    const uint32_t partition = PartitionOf(tenant);
    if (token.partition != partition) {
      return done(InvalidArgument("TOKEN_INVALID", "`after` is a token of another tenant"));
    }
    Shard* shard = Find(partition);
    if (shard == nullptr) return done(WrongShard(partition));
    shard->WaitFor(token, timeout, std::move(done));
  }

  std::unique_ptr<void, std::function<void(void*)>> Watch(
      const std::string& tenant, std::function<void()> changed) override {
    return watches_.Add(tenant, std::move(changed));
  }

  int count() const override { return options_.shards; }

  void Stop() override {
    // Executors first: what they answer late would find no shard.
    for (const auto& shard : shards_) {
      if (shard != nullptr) shard->Stop();
    }
    runner_->Stop();
  }

  std::vector<ParkedRecord> ListParked(size_t limit) override {
    std::vector<ParkedRecord> all;
    for (const auto& shard : shards_) {
      if (shard == nullptr || all.size() >= limit) continue;
      for (ParkedRecord& record : shard->ListParked(limit - all.size())) {
        all.push_back(std::move(record));
      }
    }
    return all;
  }
  void ReplayParked(uint32_t partition, uint64_t number,
                    std::function<void(absl::Status)> done) override {
    ActOnParked(ParkedInput::Action::kReplay, partition, number, std::move(done));
  }
  void DiscardParked(uint32_t partition, uint64_t number,
                     std::function<void(absl::Status)> done) override {
    ActOnParked(ParkedInput::Action::kDiscard, partition, number, std::move(done));
  }

  absl::StatusOr<std::unique_ptr<Pause>> PauseTurns() override {
    class Pausing final : public Pause {
     public:
      absl::Status Checkpoint(const std::string& folder) override {
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        for (const auto& [index, shard] : shards) {
          WEFT_RETURN_IF_ERROR(
              shard->store().Checkpoint(absl::StrCat(folder, "/shard-", index)));
        }
        return absl::OkStatus();
      }
      std::vector<std::pair<size_t, Shard*>> shards;
      std::vector<std::unique_ptr<void, std::function<void(void*)>>> holds;
    };
    auto pause = std::make_unique<Pausing>();
    for (size_t i = 0; i < shards_.size(); ++i) {
      if (shards_[i] == nullptr) continue;
      auto hold = shards_[i]->Hold();
      if (hold == nullptr) return Unavailable("SHARD_STOPPED", "this process is stopping");
      pause->shards.emplace_back(i, shards_[i].get());
      pause->holds.push_back(std::move(hold));
    }
    return std::unique_ptr<Pause>(std::move(pause));
  }

  absl::Status Checkpoint(const std::string& folder) override {
    {
      WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Pause> pause, PauseTurns());
      WEFT_RETURN_IF_ERROR(pause->Checkpoint(folder));
    }
    return SealCheckpoint(folder, room_, options_.shards);
  }

  absl::Status FollowStopped(const std::string& topic) {
    for (const auto& shard : shards_) {
      if (shard != nullptr) WEFT_RETURN_IF_ERROR(shard->FollowStopped(topic));
    }
    return absl::OkStatus();
  }

  ShardHealth Health() const override {
    ShardHealth all;
    for (const auto& shard : shards_) {
      if (shard == nullptr) continue;
      const ShardHealth one = shard->Health();
      all.log_changed |= one.log_changed;
      all.lost_shards += one.lost_shards;
      all.changelog_bytes += one.changelog_bytes;
      all.stopped_partitions += one.stopped_partitions;
      all.outbox_rows += one.outbox_rows;
      all.parked += one.parked;
      if (all.relay_failure.ok()) all.relay_failure = one.relay_failure;
      all.silence = std::max(all.silence, one.silence);
    }
    return all;
  }

 private:
  Shard* Find(uint32_t partition) const {
    return shards_[partition % static_cast<uint32_t>(options_.shards)].get();
  }
  absl::Status WrongShard(uint32_t partition) const {
    return FailedPrecondition(
        "WRONG_SHARD", "this process does not hold the tenant's shard; ask the one that does",
        {{"shards", absl::StrCat(options_.shards)},
         {"shard", absl::StrCat(partition % static_cast<uint32_t>(options_.shards))}});
  }
  void ActOnParked(ParkedInput::Action action, uint32_t partition, uint64_t number,
                   std::function<void(absl::Status)> done) {
    Shard* shard = Find(partition);
    if (shard == nullptr) return done(WrongShard(partition));
    ParkedInput input;
    input.action = action;
    input.partition = partition;
    input.number = number;
    input.done = std::move(done);
    shard->PushParked(std::move(input));
  }

  const Options options_;
  const std::string room_;
  const std::unique_ptr<FolderLock> lock_;
  Watches watches_;
  std::unique_ptr<TaskRunner> runner_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

absl::Status FollowStopped(Shards& shards, const std::string& topic) {
  auto* const ours = dynamic_cast<ShardsImpl*>(&shards);
  if (ours == nullptr) return absl::UnimplementedError("these shards follow no log");
  return ours->FollowStopped(topic);
}

absl::StatusOr<std::unique_ptr<Shards>> Open(const Options& options, const Program& program,
                                             eventlog::EventLog& log, const Clock& clock) {
  if (options.shards < 1 || options.shards > static_cast<int>(kPartitions)) {
    return InvalidArgument("SHARDS_INVALID",
                           absl::StrCat("shards must be 1 to ", kPartitions, ", not ",
                                        options.shards));
  }
  std::unique_ptr<FolderLock> lock;
  if (!options.folder.empty()) {
    WEFT_ASSIGN_OR_RETURN(lock, FolderLock::Take(options.folder));
  }
  auto shards = std::make_unique<ShardsImpl>(options, program.room, std::move(lock));
  WEFT_RETURN_IF_ERROR(shards->OpenAll(program, log, clock));
  return std::unique_ptr<Shards>(std::move(shards));
}

}  // namespace weft::engine
