#include "libs/testing/room_harness.h"

#include <algorithm>

#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"

namespace weft::testing {

using engine::Answer;
using engine::AnswerCallback;
using engine::Command;
using engine::Core;
using engine::Input;
using engine::TaskCall;

Principal MakePrincipal(const std::string& tenant, std::set<std::string> roles,
                        const std::string& user, const std::string& account) {
  Principal principal;
  principal.tenant = tenant;
  principal.subject = user.empty() ? "tester" : user;
  principal.user = user;
  principal.account = account;
  principal.roles = std::move(roles);
  principal.accounts = {"*"};
  principal.organisations = {"*"};
  principal.channels = {"*"};
  return principal;
}

// Shards that do everything in the calling thread.
class RoomHarness::DirectShards final : public engine::Shards {
 public:
  explicit DirectShards(RoomHarness& harness) : harness_(harness) {}

  void Submit(Command command, AnswerCallback done) override {
    auto input = engine::MakeCommandInput(std::move(command), harness_.clock_.Steady());
    if (!input.ok()) return done(input.status());
    // The answer leaves when all it set off is done: whoever waits for it in
    // another thread may use the harness at once.
    std::optional<absl::StatusOr<Answer>> answer;
    input->done = [&answer](absl::StatusOr<Answer> a) { answer = std::move(a); };
    std::vector<Input> inputs;
    inputs.emplace_back(*std::move(input));
    harness_.Run(std::move(inputs));
    WEFT_CHECK(answer.has_value());
    done(*std::move(answer));
  }
  absl::StatusOr<std::unique_ptr<engine::View>> Read(const std::string& tenant) override {
    return harness_.Read(tenant);
  }
  void WaitFor(const std::string& /*tenant*/, const engine::Token& token,
               absl::Duration /*timeout*/, std::function<void(absl::Status)> done) override {
    done(harness_.core_->Applied(token)
             ? absl::OkStatus()
             : Unavailable("NOT_YET_APPLIED", "what the token names is not applied here yet"));
  }
  std::unique_ptr<void, std::function<void(void*)>> Watch(
      const std::string& tenant, std::function<void()> changed) override {
    const int id = next_watch_++;
    watches_[id] = {tenant, std::move(changed)};
    return {new int(id), [this](void* handle) {
              const std::unique_ptr<int> owned(static_cast<int*>(handle));
              watches_.erase(*owned);
            }};
  }
  int count() const override { return 1; }

  void Changed(const std::vector<std::string>& tenants) {
    const auto watches = watches_;
    for (const auto& [id, watch] : watches) {
      if (watch.first.empty() ||
          std::find(tenants.begin(), tenants.end(), watch.first) != tenants.end()) {
        watch.second();
      }
    }
  }

 private:
  RoomHarness& harness_;
  std::map<int, std::pair<std::string, std::function<void()>>> watches_;
  int next_watch_ = 1;
};

RoomHarness::RoomHarness(const engine::Program& program) : program_(program) {
  Reopen();
  shards_ = std::make_unique<DirectShards>(*this);
}

RoomHarness::~RoomHarness() = default;

engine::Times RoomHarness::Times() const {
  return {clock_.Wall(), clock_.Boot(), clock_.Steady()};
}

void RoomHarness::Reopen() {
  core_.reset();
  engine::CoreOptions options;
  options.trim_rows_min = 1;
  auto core = Core::Open(options, program_, store_, Times());
  WEFT_CHECK_OK(core);
  core_ = *std::move(core);
}

engine::Shards& RoomHarness::shards() { return *shards_; }

void RoomHarness::Run(std::vector<Input> inputs) {
  WEFT_CHECK_OK(core_->RunBatch(std::move(inputs), Times()));
  if (shards_ != nullptr && !core_->changed_tenants().empty()) {
    shards_->Changed(core_->changed_tenants());
  }
  Settle();
}

void RoomHarness::Settle() {
  // A program that makes work for itself without end is a fault worth stopping at.
  constexpr int kRoundsMax = 10'000;
  for (int i = 0; RunEffects() || core_->HasInternalWork(Times()); ++i) {
    WEFT_CHECK(i < kRoundsMax);
    WEFT_CHECK_OK(core_->RunBatch({}, Times()));
    if (!core_->changed_tenants().empty()) shards_->Changed(core_->changed_tenants());
  }
  WEFT_CHECK_OK(core_->Trim(/*all=*/true));
}

bool RoomHarness::RunEffects() {
  for (auto groups = core_->TakeRound(clock_.Steady()); !groups.empty();
       groups = core_->TakeRound(clock_.Steady())) {
    for (engine::PublishGroup& group : groups) {
      for (eventlog::NewRecord& record : group.records) {
        Emitted emitted;
        emitted.topic = group.where.topic;
        emitted.partition = static_cast<uint32_t>(group.where.partition);
        emitted.key = record.key;
        emitted.tombstone = !record.value.has_value();
        for (const auto& h : record.headers) emitted.headers.emplace_back(h.name, h.value);
        eventlog::Record read;
        read.headers = std::move(record.headers);
        read.value = std::move(record.value);
        auto event = engine::TakeEvent(group.where.topic, group.where.partition, read);
        if (event.ok()) {
          emitted.number = event->number;
          emitted.type = event->type;
          emitted.tenant = event->tenant;
          emitted.subject = event->subject;
          emitted.payload = std::move(event->payload);
        } else {
          emitted.payload = read.value.value_or("");
        }
        emitted_.push_back(std::move(emitted));
      }
      core_->Published(group.round, group.index, absl::OkStatus(), clock_.Steady());
    }
  }
  bool worked = false;
  for (const TaskCall& call : core_->TakeTasks(clock_.Steady(), 1000)) {
    worked = true;
    task_calls_.push_back(call);
    if (const auto script = scripts_.find(call.kind); script != scripts_.end()) {
      core_->TaskAnswered(call, script->second(call), clock_.Steady());
      continue;
    }
    const auto kind = program_.tasks.find(call.kind);
    WEFT_CHECK(kind != program_.tasks.end());
    std::optional<absl::StatusOr<std::string>> answer;
    if (kind->second.executor != nullptr) {
      kind->second.executor(call, [&answer](absl::StatusOr<std::string> a) {
        answer = std::move(a);
      });
    }
    // An executor that has not answered yet counts as away.
    core_->TaskAnswered(call,
                        answer.has_value() ? *std::move(answer)
                                           : absl::StatusOr<std::string>(Unavailable(
                                                 "NO_ANSWER", "the executor did not answer")),
                        clock_.Steady());
  }
  return worked;
}

absl::StatusOr<Answer> RoomHarness::SubmitBytes(const std::string& method,
                                                const Principal& principal,
                                                const std::string& request_id,
                                                const std::string& payload) {
  Command command;
  command.method = method;
  command.request_id = request_id;
  command.principal = principal;
  command.payload = payload;
  std::optional<absl::StatusOr<Answer>> answer;
  shards_->Submit(std::move(command),
                  [&answer](absl::StatusOr<Answer> a) { answer = std::move(a); });
  WEFT_CHECK(answer.has_value());
  return *std::move(answer);
}

int64_t RoomHarness::DeliverBytes(const std::string& tenant, const std::string& topic,
                                  const std::string& source, const std::string& subject,
                                  const std::string& type, std::optional<std::string> payload,
                                  int64_t generation) {
  const auto partition = static_cast<int32_t>(PartitionOf(tenant));
  engine::EventHeaders headers;
  headers.room = source;
  headers.number = ++next_number_[source + "/" + topic + "/" + std::to_string(partition)];
  headers.type = type;
  headers.subject = subject;
  headers.tenant = tenant;
  headers.generation = generation;
  const std::string time = engine::FormatEventTime(clock_.Wall());
  headers.time_text = time;
  eventlog::Record record;
  record.offset = next_offset_[{topic, partition}]++;
  record.append_time = clock_.Wall();
  record.key = tenant;
  record.key.push_back('\0');
  record.key.append(subject);
  record.headers = engine::MakeEventHeaders(headers);
  record.value = std::move(payload);
  const int64_t offset = record.offset;
  engine::RecordsInput input;
  input.batch.where = {topic, partition};
  input.batch.records.push_back(std::move(record));
  std::vector<Input> inputs;
  inputs.emplace_back(std::move(input));
  Run(std::move(inputs));
  return offset;
}

void RoomHarness::DeliverOpening(const std::string& tenant, const std::string& source,
                                 int64_t generation) {
  DeliverBytes(tenant, engine::kTimeline, source, "log", engine::kSourceOpened, "", generation);
}

int64_t RoomHarness::DeliverRaw(const std::string& topic, const std::string& key,
                                const std::string& value,
                                std::vector<std::pair<std::string, std::string>> headers) {
  eventlog::Record record;
  record.offset = next_offset_[{topic, 0}]++;
  record.append_time = clock_.Wall();
  record.key = key;
  for (auto& [name, text] : headers) record.headers.push_back({name, text});
  record.value = value;
  const int64_t offset = record.offset;
  engine::RecordsInput input;
  input.batch.where = {topic, 0};
  input.batch.records.push_back(std::move(record));
  std::vector<Input> inputs;
  inputs.emplace_back(std::move(input));
  Run(std::move(inputs));
  return offset;
}

void RoomHarness::Advance(absl::Duration duration) {
  const absl::Duration end = clock_.Steady() + duration;
  while (true) {
    absl::Duration step = end - clock_.Steady();
    step = std::min(step, core_->next_timer() - core_->now());
    step = std::min(step, core_->NextWake() - clock_.Steady());
    step = std::max(step, absl::ZeroDuration());
    // At least a microsecond, so that the loop always ends.
    if (clock_.Steady() < end) step = std::max(step, absl::Microseconds(1));
    clock_.Advance(step);
    Run({});
    if (clock_.Steady() >= end) return;
  }
}

absl::Time RoomHarness::now() const { return core_->now(); }

void RoomHarness::OnTask(const std::string& kind, TaskScript script) {
  scripts_[kind] = std::move(script);
}

size_t RoomHarness::pending_tasks() const { return core_->pending_tasks(); }

std::vector<RoomHarness::Emitted> RoomHarness::emitted(const std::string& topic) const {
  std::vector<Emitted> of_topic;
  for (const Emitted& e : emitted_) {
    if (e.topic == topic) of_topic.push_back(e);
  }
  return of_topic;
}

std::unique_ptr<engine::View> RoomHarness::Read(const std::string& tenant) const {
  return core_->ReadView(tenant, PartitionOf(tenant));
}

std::vector<engine::ParkedRecord> RoomHarness::parked() const {
  return core_->ListParked(10'000);
}

absl::Status RoomHarness::ReplayParked(const engine::ParkedRecord& record) {
  engine::ParkedInput input;
  input.partition = record.partition;
  input.number = record.number;
  absl::Status result;
  input.done = [&result](absl::Status status) { result = std::move(status); };
  std::vector<Input> inputs;
  inputs.emplace_back(std::move(input));
  Run(std::move(inputs));
  return result;
}

std::string RoomHarness::Dump() const { return store_.Dump(); }

}  // namespace weft::testing
