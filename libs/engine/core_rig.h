// A core on a store in memory, stepped by hand, for the engine's own tests.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/ids.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/program_for_test.h"
#include "libs/testing/fake_clock.h"

namespace weft::engine {

struct Reply {
  bool answered = false;
  absl::StatusOr<Answer> answer = absl::UnknownError("not answered");
  std::string text() const {
    return answer.ok() ? answer->payload : ReasonOf(answer.status());
  }
};

class CoreRig {
 public:
  explicit CoreRig(Program made = bank::MakeProgram()) : program(std::move(made)) { Open(); }

  void Open() {
    core.reset();
    auto opened = Core::Open(options, program, store, Now());
    REQUIRE(opened.ok());
    core = *std::move(opened);
  }
  // Power is cut: what was not synced is gone.
  void Crash() {
    core.reset();
    store.Crash();
    Open();
  }
  Times Now() const { return {clock.Wall(), clock.Boot(), clock.Steady()}; }

  Input MakeCommand(const std::string& method, const std::string& id,
                    const std::string& payload, Reply* reply = nullptr,
                    const std::string& tenant = "t1") {
    Command command;
    command.method = method;
    command.request_id = id;
    command.principal.tenant = tenant;
    command.payload = payload;
    auto input = MakeCommandInput(std::move(command), clock.Steady());
    REQUIRE(input.ok());
    input->done = [reply](absl::StatusOr<Answer> answer) {
      if (reply == nullptr) return;
      reply->answered = true;
      reply->answer = std::move(answer);
    };
    return *std::move(input);
  }
  Reply Ask(const std::string& method, const std::string& id, const std::string& payload,
            const std::string& tenant = "t1") {
    Reply reply;
    Run(MakeCommand(method, id, payload, &reply, tenant));
    return reply;
  }
  template <typename... Inputs>
  void Run(Inputs... inputs) {
    REQUIRE(core->RunBatch(List(std::move(inputs)...), Now()).ok());
  }
  template <typename... Inputs>
  static std::vector<Input> List(Inputs... inputs) {
    std::vector<Input> list;
    (list.emplace_back(std::move(inputs)), ...);
    return list;
  }

  // A record of `topic` as the room "erp" publishes it.
  eventlog::Record MakeRecord(int64_t offset, int64_t number, const std::string& subject,
                              const std::string& payload, const std::string& tenant = "t1") {
    EventHeaders headers;
    headers.room = "erp";
    headers.number = number;
    headers.type = "erp.Deposit";
    const std::string time = FormatEventTime(clock.Wall());
    headers.time_text = time;
    headers.subject = subject;
    headers.tenant = tenant;
    eventlog::Record record;
    record.offset = offset;
    record.append_time = clock.Wall();
    record.key = tenant + std::string(1, '\0') + subject;
    record.headers = MakeEventHeaders(headers);
    record.value = payload;
    return record;
  }
  Input Records(const std::string& topic, std::vector<eventlog::Record> records,
                const std::string& tenant = "t1") {
    RecordsInput input;
    input.batch.where = {topic, static_cast<int32_t>(PartitionOf(tenant))};
    input.batch.records = std::move(records);
    return input;
  }

  int64_t Balance(const std::string& account, const std::string& tenant = "t1") const {
    return bank::Balance(*core->ReadView(tenant, PartitionOf(tenant)), account).value();
  }
  std::string Add(const std::string& key, const std::string& tenant = "t1") const {
    return core->ReadView(tenant, PartitionOf(tenant))->Find(bank::kAdds, key)->value_or("");
  }

  // Publishes everything; returns "topic:number:value" of each record.
  std::vector<std::string> Publish(bool confirm = true) {
    std::vector<std::string> published;
    for (auto groups = core->TakeRound(clock.Steady()); !groups.empty();
         groups = core->TakeRound(clock.Steady())) {
      for (const PublishGroup& group : groups) {
        for (const eventlog::NewRecord& record : group.records) {
          std::string number;
          for (const auto& h : record.headers) {
            if (h.name == "ce_id") number = h.value;
          }
          published.push_back(group.where.topic + ":" + number + ":" +
                              record.value.value_or("(none)"));
        }
        if (confirm) core->Published(group.round, group.index, absl::OkStatus(), clock.Steady());
      }
      if (!confirm) break;
    }
    return published;
  }

  Program program;
  CoreOptions options;
  testing::FakeClock clock;
  MemStore store;
  std::unique_ptr<Core> core;
};

}  // namespace weft::engine
