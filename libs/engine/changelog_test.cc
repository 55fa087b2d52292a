// Shards on a changelog: ownership, restores, the release gate. Over the log in
// memory, with several processes on one log; each has a folder, or a store in
// memory, of its own.
#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "libs/engine/changelog.h"
#include "libs/engine/changelog_io.h"
#include "libs/engine/house_for_test.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/open.h"
#include "libs/engine/program_for_test.h"

namespace weft::engine {
namespace {

using bank::Balance;
using bank::MakeProgram;

constexpr char kTopic[] = "weft.bank.changelog.v1";

// A store that its process does not own, so that it outlives it.
class BorrowedStore final : public Store {
 public:
  explicit BorrowedStore(Store& store) : store_(store) {}
  absl::StatusOr<std::optional<std::string>> Get(Family family, absl::string_view key,
                                                 const Snapshot* snapshot) const override {
    return store_.Get(family, key, snapshot);
  }
  std::unique_ptr<Iterator> Scan(Family family, absl::string_view begin, absl::string_view end,
                                 const Snapshot* snapshot) const override {
    return store_.Scan(family, begin, end, snapshot);
  }
  std::shared_ptr<const Snapshot> TakeSnapshot() override { return store_.TakeSnapshot(); }
  absl::Status Write(const Batch& batch, bool sync) override { return store_.Write(batch, sync); }
  absl::Status Sync() override { return store_.Sync(); }
  absl::Status Checkpoint(const std::string& folder) override { return store_.Checkpoint(folder); }
  int64_t ApproximateBytes() const override { return store_.ApproximateBytes(); }

 private:
  Store& store_;
};

// One process: opens all shards of the bank on a store that it borrows.
struct Process {
  std::mutex mutex;
  std::condition_variable changed;
  absl::Status disowned;
  int64_t thrown_away = 0;
  std::unique_ptr<Shards> shards;

  bool AwaitDisowned() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return !disowned.ok(); });
  }
};

class Watcher final : public Observer {
 public:
  void FolderThrownAway(int) override { ++thrown_away; }
  void Restoring(int, int64_t remaining) override {
    most_remaining = std::max(most_remaining.load(), remaining);
  }
  std::atomic<int> thrown_away{0};
  std::atomic<int64_t> most_remaining{0};
};

struct World {
  SystemClock clock;
  eventlog::MemoryLog log{clock};
  Program program = MakeProgram();
  Watcher watcher;
  Options base;

  absl::StatusOr<std::unique_ptr<Process>> TryStart(MemStore& store) {
    auto process = std::make_unique<Process>();
    Options options = base;
    options.durability = Durability::kLog;
    options.changelog.open_timeout = absl::Seconds(20);
    options.observer = &watcher;
    options.open_store = [&store](int) -> absl::StatusOr<std::unique_ptr<Store>> {
      return std::unique_ptr<Store>(std::make_unique<BorrowedStore>(store));
    };
    options.on_disowned = [p = process.get()](const absl::Status& why) {
      const std::lock_guard lock(p->mutex);
      p->disowned = why;
      p->changed.notify_all();
    };
    WEFT_ASSIGN_OR_RETURN(process->shards, engine::Open(options, program, log, clock));
    return process;
  }
  std::unique_ptr<Process> Start(MemStore& store) {
    auto process = TryStart(store);
    INFO(process.status().ToString());
    REQUIRE(process.ok());
    return *std::move(process);
  }
  std::vector<eventlog::Record> Changelog() { return log.Dump({kTopic, 0}); }
  // Turns that count, as any reader sees them.
  uint64_t Turns() {
    ChangelogFold fold;
    for (const eventlog::Record& record : Changelog()) REQUIRE(fold.Fold(record).ok());
    return fold.number();
  }
};

std::string Add(Process& process, const std::string& id, const std::string& what = "ann 1") {
  const auto answer = Ask(*process.shards, MakeCommand("Bank/Add", id, what));
  return answer.ok() ? answer->payload : ReasonOf(answer.status());
}

int64_t Ann(Process& process) { return Balance(**process.shards->Read("t1"), "ann").value(); }

TEST_CASE("a command is answered once its turn stands in the changelog", "[changelog][G28]") {
  World world;
  MemStore disk;
  const auto process = world.Start(disk);

  CHECK(Add(*process, "r1", "ann 5") == "5");

  CHECK(world.Turns() == 1);
  CHECK(Ann(*process) == 5);
}

TEST_CASE("an empty folder is restored from the changelog, answers included",
          "[changelog][G30]") {
  World world;
  MemStore first;
  {
    const auto process = world.Start(first);
    for (int i = 1; i <= 20; ++i) CHECK(Add(*process, "r" + std::to_string(i)) == std::to_string(i));
  }
  MemStore second;
  const auto process = world.Start(second);

  CHECK(Ann(*process) == 20);
  CHECK(world.watcher.most_remaining > 0);
  const auto again = Ask(*process->shards, MakeCommand("Bank/Add", "r7", "ann 1"));
  REQUIRE(again.ok());
  CHECK(again->replayed);
  CHECK(again->payload == "7");
  CHECK(Add(*process, "r21") == "21");
}

TEST_CASE("a second process stops the first, which answers nothing more", "[changelog][G29]") {
  World world;
  MemStore one;
  MemStore two;
  const auto first = world.Start(one);
  CHECK(Add(*first, "r1") == "1");

  const auto second = world.Start(two);

  REQUIRE(first->AwaitDisowned());
  CHECK(ReasonOf(first->disowned) == "OWNED_ELSEWHERE");
  CHECK(Add(*first, "r2") == "SHARD_STOPPED");
  CHECK(ReasonOf(first->shards->Read("t1").status()) == "SHARD_STOPPED");
  CHECK(Add(*second, "r2") == "2");
}

TEST_CASE("an owner who does not see the other's claim yet gets nothing out", "[changelog][G29]") {
  // It is as if it were stopped between its append and the read: what it wrote
  // stands behind the claim.
  World world;
  MemStore one;
  MemStore two;
  std::mutex mutex;
  std::vector<std::string> answers;
  const auto first = world.Start(one);
  CHECK(Add(*first, "r1") == "1");
  const int64_t end = world.log.GetWatermarks({kTopic, 0})->end;
  world.log.HoldBack({kTopic, 0}, end);

  // Both refusals and turns wait; neither is told.
  std::atomic<int> told{0};
  std::atomic<int> ok{0};
  for (const char* payload : {"ann 1", "ann -100"}) {
    first->shards->Submit(MakeCommand("Bank/Add", payload[4] == '1' ? "r2" : "r3", payload),
                          [&](absl::StatusOr<Answer> answer) {
                            ok += answer.ok() || ReasonOf(answer.status()) == "BALANCE_TOO_LOW";
                            ++told;
                          });
  }
  // Somebody else claims; only then is the partition seen again.
  ChangelogClaim claim;
  claim.nonce = "other";
  claim.folder = "elsewhere";
  claim.room = "bank";
  claim.owner = "other:1";
  // Whatever of the first is on its way lands before or behind it; what counts is
  // what the next owner sees.
  REQUIRE(eventlog::AppendAndWait(world.log, {kTopic, 0}, {MakeClaimRecord(claim)}).ok());
  const uint64_t counted = world.Turns();
  world.log.HoldBack({kTopic, 0}, INT64_MAX);

  REQUIRE(first->AwaitDisowned());
  // Whoever was taken from the queue in the same moment hears it after that.
  while (told < 2) std::this_thread::yield();
  CHECK(ok <= static_cast<int>(counted));
  const auto second = world.Start(two);
  CHECK(Ann(*second) == static_cast<int64_t>(counted));
}

TEST_CASE("a folder whose last turns somebody has overtaken is thrown away and restored",
          "[changelog][G31]") {
  World world;
  MemStore one;
  MemStore two;
  {
    const auto first = world.Start(one);
    CHECK(Add(*first, "r1", "ann 10") == "10");
    // Appends do not arrive any more; the turn is on its disk only.
    world.log.SetAway(true);
    std::atomic<bool> told{false};
    first->shards->Submit(MakeCommand("Bank/Add", "r2", "ann 1"), [&](auto) { told = true; });
    while (ReadChangelogFolder(one)->number < 2) std::this_thread::yield();
    CHECK_FALSE(told);
    first->shards->Stop();
    CHECK(told);
    world.log.SetAway(false);
  }
  {
    const auto second = world.Start(two);
    CHECK(Add(*second, "r3", "ann 5") == "15");
  }
  const auto again = world.Start(one);

  CHECK(world.watcher.thrown_away == 1);
  CHECK(Ann(*again) == 15);
  CHECK(Add(*again, "r2", "ann 1") == "16");
}

TEST_CASE("turns that are on disk and not in the changelog are put there by the next opening",
          "[changelog][G31]") {
  World world;
  MemStore one;
  {
    const auto first = world.Start(one);
    CHECK(Add(*first, "r1", "ann 10") == "10");
    world.log.SetAway(true);
    first->shards->Submit(MakeCommand("Bank/Add", "r2", "ann 1"), [](auto) {});
    while (ReadChangelogFolder(one)->number < 2) std::this_thread::yield();
    first->shards->Stop();
    world.log.SetAway(false);
    CHECK(world.Turns() == 1);
  }
  {
    const auto again = world.Start(one);
    CHECK(world.Turns() == 2);
    CHECK(Ann(*again) == 11);
    CHECK(Add(*again, "r3") == "12");
  }
  MemStore two;
  const auto restored = world.Start(two);
  CHECK(Ann(*restored) == 12);
  CHECK(world.watcher.thrown_away == 0);
}

TEST_CASE("an append whose fate is unknown is repeated and counts once", "[changelog][G28]") {
  World world;
  MemStore disk;
  const auto process = world.Start(disk);
  int64_t sum = 0;
  for (int i = 0; i < 40; ++i) {
    if (i % 4 == 1) world.log.FailNextAppend(/*written=*/true);
    if (i % 4 == 3) world.log.FailNextAppend(/*written=*/false);
    CHECK(Add(*process, "r" + std::to_string(i)) == std::to_string(++sum));
  }
  CHECK(world.Turns() == 40);
  MemStore two;
  const auto restored = world.Start(two);
  CHECK(Ann(*restored) == 40);
}

TEST_CASE("records of the changelog that arrive twice count once", "[changelog][G28]") {
  World world;
  MemStore disk;
  {
    const auto process = world.Start(disk);
    for (int i = 1; i <= 5; ++i) Add(*process, "r" + std::to_string(i));
    for (const eventlog::Record& record : world.Changelog()) {
      REQUIRE(world.log.Repeat({kTopic, 0}, record.offset).ok());
    }
    CHECK(Add(*process, "r6") == "6");
  }
  MemStore two;
  const auto restored = world.Start(two);
  CHECK(Ann(*restored) == 6);
}

TEST_CASE("views and tokens show a turn when it was read back, not before", "[changelog][G18]") {
  World world;
  MemStore disk;
  const auto process = world.Start(disk);
  CHECK(Add(*process, "r1") == "1");
  world.log.HoldBack({kTopic, 0}, world.log.GetWatermarks({kTopic, 0})->end);
  std::promise<absl::StatusOr<Answer>> promise;
  process->shards->Submit(MakeCommand("Bank/Add", "r2", "ann 1"),
                          [&](absl::StatusOr<Answer> answer) { promise.set_value(answer); });
  while (ReadChangelogFolder(disk)->number < 2) std::this_thread::yield();
  CHECK(Ann(*process) == 1);
  CHECK(ReasonOf(Await(*process->shards, "t1", Token{"bank", PartitionOf("t1"), "added.v1", 2},
                       absl::Milliseconds(5))) == "NOT_YET_APPLIED");

  world.log.HoldBack({kTopic, 0}, INT64_MAX);

  CHECK(promise.get_future().get()->payload == "2");
  CHECK(Ann(*process) == 2);
}

TEST_CASE("nobody is called and nothing is published before the turn was read back",
          "[changelog][G29]") {
  World world;
  std::atomic<int> calls{0};
  std::atomic<int64_t> epoch{-1};
  world.program = MakeProgram([&](const TaskCall& call, TaskDone done) {
    ++calls;
    epoch = call.epoch;
    done(std::string("9"));
  });
  MemStore disk;
  const auto process = world.Start(disk);
  CHECK(Add(*process, "r0") == "1");
  const eventlog::TopicPartition added{"added.v1", static_cast<int32_t>(PartitionOf("t1"))};
  while (world.log.Dump(added).empty()) std::this_thread::yield();
  world.log.HoldBack({kTopic, 0}, world.log.GetWatermarks({kTopic, 0})->end);
  std::promise<void> told;
  process->shards->Submit(MakeCommand("Bank/Ask", "r1", "eve 9"), [](auto) {});
  process->shards->Submit(MakeCommand("Bank/Add", "r2", "ann 1"),
                          [&](auto) { told.set_value(); });
  while (ReadChangelogFolder(disk)->number < 2) std::this_thread::yield();
  // Its own queue has been through once more.
  CHECK(Await(*process->shards, "t1", Token{"bank", PartitionOf("t1"), "added.v1", 9},
              absl::Milliseconds(20))
            .code() == absl::StatusCode::kUnavailable);
  CHECK(calls == 0);
  CHECK(world.log.Dump(added).size() == 1);

  world.log.HoldBack({kTopic, 0}, INT64_MAX);

  told.get_future().wait();
  while (Balance(**process->shards->Read("t1"), "eve").value() != 9) std::this_thread::yield();
  CHECK(calls == 1);
  CHECK(epoch == 0);  // The offset of the claim.
  while (world.log.Dump(added).size() < 2) std::this_thread::yield();
}

TEST_CASE("while the log is away reads go on, and later all arrives once and in order",
          "[changelog][G20]") {
  World world;
  world.base.changelog.backlog_bytes_max = 4096;
  world.base.queue.commands_max = 50;
  MemStore disk;
  const auto process = world.Start(disk);
  CHECK(Add(*process, "r0") == "1");
  world.log.SetAway(true);
  std::atomic<int> answered{0};
  std::atomic<int> done{0};
  std::map<std::string, int> refused;
  std::mutex mutex;
  int sent = 0;
  const auto send = [&] {
    ++sent;
    process->shards->Submit(MakeCommand("Bank/Add", "r" + std::to_string(sent), "ann 1"),
                            [&](absl::StatusOr<Answer> answer) {
                              const std::lock_guard lock(mutex);
                              if (answer.ok()) ++done;
                              if (!answer.ok()) ++refused[ReasonOf(answer.status())];
                              ++answered;
                            });
  };
  // Until the shard says why it takes no more.
  while (true) {
    send();
    const std::lock_guard lock(mutex);
    if (refused["LOG_BEHIND"] > 0) break;
  }
  CHECK(Ann(*process) == 1);
  CHECK(done == 0);

  world.log.SetAway(false);

  while (answered < sent) std::this_thread::yield();
  CHECK(done > 0);
  CHECK(Ann(*process) == 1 + done);
  std::map<int64_t, int> numbers;
  const auto partition = static_cast<int32_t>(PartitionOf("t1"));
  process->shards->Stop();
  const auto records = world.log.Dump({"added.v1", partition});
  for (const eventlog::Record& record : records) {
    ++numbers[std::stoll(record.HeaderOr("ce_id"))];
  }
  CHECK(static_cast<int64_t>(numbers.size()) <= 1 + done);
}

TEST_CASE("retention past the base is refused with a reason", "[changelog][G30]") {
  World world;
  MemStore one;
  {
    const auto process = world.Start(one);
    for (int i = 1; i <= 5; ++i) Add(*process, "r" + std::to_string(i));
  }
  world.log.Trim({kTopic, 0}, 3);
  MemStore two;
  CHECK(ReasonOf(world.TryStart(two).status()) == "CHANGELOG_BASE_GONE");
  // Who has followed it goes on.
  const auto process = world.Start(one);
  CHECK(Add(*process, "r6") == "6");
}

TEST_CASE("another number of shards than the changelog's is refused", "[changelog][G26]") {
  World world;
  MemStore one;
  world.Start(one)->shards->Stop();
  world.base.shards = 2;
  world.base.owned = {0};
  MemStore two;
  CHECK(ReasonOf(world.TryStart(two).status()) == "STORE_MISMATCH");
}

TEST_CASE("a changelog that is another one stops commands, reads go on", "[changelog][G22]") {
  World world;
  MemStore one;
  {
    const auto process = world.Start(one);
    CHECK(Add(*process, "r1", "ann 5") == "5");
    while (!(*one.Get(Family::kMeta, "l", nullptr)).has_value()) std::this_thread::yield();
  }
  world.log.Wipe("00000000-0000-4000-8000-000000000002");
  const auto process = world.Start(one);

  CHECK(Add(*process, "r2") == "LOG_CHANGED");
  CHECK(Ann(*process) == 5);
  CHECK(process->shards->Health().log_changed);
  CHECK(world.Changelog().empty());
}

TEST_CASE("a projection has no changelog", "[changelog]") {
  World world;
  Program reader("reader");
  reader.Events("added.v1", [](const Event&, Turn&) { return absl::OkStatus(); });
  CHECK(reader.projection());
  CHECK_FALSE(world.program.projection());
  world.program = reader;
  MemStore disk;
  const auto process = world.Start(disk);
  CHECK(ReasonOf(world.log.PartitionCount("weft.reader.changelog.v1").status()) ==
        "TOPIC_UNKNOWN");
}

TEST_CASE("batches are closed before they pass the changelog's record", "[changelog][G32]") {
  World world;
  Program program("bank");
  program.commands["Bank/Put"] = [](absl::string_view payload,
                                    Turn& turn) -> absl::StatusOr<std::string> {
    turn.Put(bank::kAdds, turn.request_id(),
             std::string(static_cast<size_t>(bank::Number(payload)), 'x'));
    return "put";
  };
  world.program = program;
  MemStore disk;
  const auto process = world.Start(disk);
  // While the first waits to be read back, the others gather.
  std::atomic<int> ok{0};
  std::atomic<int> answered{0};
  constexpr int kCommands = 300;
  for (int i = 0; i < kCommands; ++i) {
    const int size = i % 100 == 50 ? 2'000'000 : 20'000;
    process->shards->Submit(
        MakeCommand("Bank/Put", "r" + std::to_string(i), std::to_string(size)),
        [&](const absl::StatusOr<Answer>& answer) {
          ok += answer.ok();
          ++answered;
        });
  }
  const auto large = Ask(*process->shards, MakeCommand("Bank/Put", "large", "3200000"));
  CHECK(ReasonOf(large.status()) == "RECORD_TOO_LARGE");
  while (answered < kCommands) std::this_thread::yield();
  CHECK(ok == kCommands);
  for (const eventlog::Record& record : world.Changelog()) {
    CHECK(record.value->size() <= kChangelogRecordBytesMax);
    const bool single = record.value->size() > 2'000'000;
    CHECK(record.value->size() < (single ? 2'450'000U : 448U << 10));
  }
}

TEST_CASE("a gate that does not look for another owner lets a former one answer",
          "[changelog][planted]") {
  World world;
  world.base.core.bugs.no_claim_check = true;
  MemStore one;
  MemStore two;
  const auto first = world.Start(one);
  CHECK(Add(*first, "r1") == "1");
  const auto second = world.Start(two);
  CHECK(Add(*second, "r2") == "2");
  CHECK(Add(*first, "r3") == "2");  // What the real gate never says.
}

}  // namespace
}  // namespace weft::engine
