#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/core_turn.h"
#include "libs/engine/wire.h"

namespace weft::engine {

// --- Turns of commands, and what any turn leaves behind -----------------------

void Core::AppendOutbox(layout::OutboxRow row) {
  std::string key = layout::EmittedKey(row.partition, row.topic);
  row.number = ++emitted_[key];
  row.sequence = outbox_next_++;
  row.bytes_before = outbox_bytes_total_;
  const std::string bytes = layout::EncodeOutbox(row);
  outbox_bytes_total_ += bytes.size();
  batch_.Put(Family::kOutbox, layout::SequenceKey(row.sequence), bytes);
  batch_emitted_.insert(std::move(key));
  batch_outbox_ = true;
  effects_->outbox.push_back(std::move(row));
}

const absl::Status& Core::TurnFailure(size_t answer_bytes) {
  if (options_.changelog && turn_->failure.ok()) {
    int64_t bytes = turn_->bytes();
    if (bytes > 0) bytes += static_cast<int64_t>(answer_bytes);
    if (bytes > options_.turn_bytes_max) {
      turn_->failure = InvalidArgument(
          "RECORD_TOO_LARGE", absl::StrCat("what this does comes to ", bytes, " bytes, more than ",
                                           options_.turn_bytes_max,
                                           " in one step; ask for less in one request"));
    }
  }
  return turn_->failure;
}

bool Core::FinishTurn(Token* token) {
  CoreTurn& turn = *turn_;
  const CoreTurn::Cause& cause = turn.cause();
  if (turn.rows.empty() && turn.emitted.empty() && turn.timers.empty() && turn.tasks.empty() &&
      turn.marks.empty()) {
    return false;
  }
  if (!turn.rows.empty()) {
    Effects::TurnRows changed;
    const size_t skip = 3 + cause.tenant->size();  // partition tenant 00
    const bool wanted = !program_.read_models.empty();
    if (wanted) {
      changed.tenant = *cause.tenant;
      changed.position = PositionOf(cause.partition, *cause.tenant);
      changed.rows.reserve(turn.rows.size());
    }
    for (auto& [key, value] : turn.rows) {
      if (wanted) {
        changed.rows.push_back(ChangedRow{*cause.tenant, cause.partition,
                                          static_cast<uint8_t>(key[skip]), key.substr(skip + 1),
                                          value});
      }
      overlay_bytes_ += static_cast<int64_t>(key.size() + (value.has_value() ? value->size() : 0));
      OverlayOf(Family::kState).insert_or_assign(key, std::move(value));
    }
    if (wanted) effects_->turns.push_back(std::move(changed));
    if (effects_->tenants.empty() || effects_->tenants.back() != *cause.tenant) {
      effects_->tenants.push_back(*cause.tenant);
    }
  }

  for (CoreTurn::Emitted& e : turn.emitted) {
    layout::OutboxRow row;
    row.partition = LogPartition(*e.topic, e.partition.value_or(cause.partition));
    row.topic = *e.topic;
    row.number = emitted_[layout::EmittedKey(row.partition, row.topic)] + 1;
    row.record.key = std::move(e.key);
    row.record.value = std::move(e.value);
    if (!e.type.empty()) {
      EventHeaders headers;
      headers.room = program_.room;
      headers.number = row.number;
      headers.type = e.type;
      headers.time_text = now_text_;
      headers.subject = e.subject;
      headers.tenant = *cause.tenant;
      if (cause.traceparent != nullptr) headers.traceparent = *cause.traceparent;
      row.record.headers = MakeEventHeaders(headers);
    } else {
      for (auto& [name, value] : e.headers) {
        row.record.headers.push_back({std::move(name), std::move(value)});
      }
    }
    // What went to other partitions is nothing a reader of this one can wait for.
    if (token != nullptr && !e.partition.has_value()) {
      *token = Token{program_.room, row.partition, *e.topic, row.number};
    }
    AppendOutbox(std::move(row));
  }

  for (CoreTurn::TimerChange& t : turn.timers) {
    const std::string id = layout::Id(cause.partition, *cause.tenant, t.kind, t.key);
    if (t.due.has_value()) {
      std::string value;
      AppendTime(value, *t.due);
      value.append(t.payload);
      PutRow(Family::kTimers, layout::Tagged('k', id), std::move(value));
      PutRow(Family::kTimers, layout::DueKey(*t.due, id), "");
      next_due_ = std::min(next_due_, *t.due);
    } else {
      DeleteRow(Family::kTimers, layout::Tagged('k', id));
    }
  }

  for (TaskSpec& spec : turn.tasks) {
    std::string id = layout::Id(cause.partition, *cause.tenant, spec.kind, spec.key);
    if (tasks_.contains(id)) continue;
    const auto done = ReadRow(Family::kTasks, layout::Tagged('d', id));
    if (done.ok() && done->has_value()) continue;
    PendingTask task;
    task.order = next_task_++;
    std::string value;
    AppendU64(value, task.order);
    AppendTime(value, clock_.now());
    value.append(spec.payload);
    PutRow(Family::kTasks, layout::Tagged('p', id), std::move(value));
    batch_tasks_ = true;
    tasks_[id] = task;
    effects_->tasks.push_back(std::move(id));
  }

  if (!options_.bugs.undo_without_mark) {
    for (const auto& [method, request_id] : turn.marks) {
      std::string key = layout::Tagged(
          'u', layout::Id(cause.partition, *cause.tenant, method, request_id));
      std::string value;
      AppendTime(value, clock_.now());
      undo_marks_.insert(Fnv(key));
      PutRow(Family::kAnswers, std::move(key), std::move(value));
    }
  }
  return true;
}

void Core::RunCommand(CommandInput input, const Times& times) {
  ++report_.commands;
  Command& command = input.command;
  const auto answer = [&](absl::StatusOr<Answer> result) {
    if (!result.ok()) ++report_.refused;
    if (!result.ok() || !result->replayed) answers_rest_on_state_ = true;
    effects_->answers.emplace_back(std::move(input.done), std::move(result));
  };
  if (times.steady > input.deadline) {
    return answer(Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                        "the deadline passed while the command waited; it was not started"));
  }
  const auto handler = program_.commands.find(command.method);
  if (handler == program_.commands.end()) {
    return answer(Error(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                        absl::StrCat("this room has no command ", command.method)));
  }
  const std::string& tenant = command.principal.tenant;
  const uint32_t partition = PartitionOfTenant(tenant);
  const std::string id = layout::Id(partition, tenant, command.method, command.request_id);

  // A repeat is answered as before; a marked one is not done any more.
  if (!undo_marks_.empty()) {
    const std::string mark = layout::Tagged('u', id);
    if (undo_marks_.contains(Fnv(mark))) {
      const auto found = ReadRow(Family::kAnswers, mark);
      if (!found.ok()) return answer(found.status());
      if (found->has_value()) {
        return answer(FailedPrecondition(
            "UNDONE", "what this request asks for was undone before it came; it is not done"));
      }
    }
  }
  std::string answer_key = layout::Tagged('a', id);
  const auto stored = ReadRow(Family::kAnswers, answer_key);
  if (!stored.ok()) return answer(stored.status());
  if (stored->has_value()) {
    std::optional<layout::AnswerRow> row = layout::ParseAnswer(**stored);
    if (!row.has_value()) return answer(Damaged("answer"));
    if (row->fingerprint != input.fingerprint) {
      return answer(InvalidArgument(
          "REQUEST_ID_REUSED",
          "this request id was used for another request; use a new one for a new request"));
    }
    ++report_.replayed;
    Answer repeated;
    repeated.payload = std::move(row->payload);
    repeated.replayed = true;
    if (row->token_number > 0) {
      repeated.token = Token{program_.room, LogPartition(row->token_topic, partition),
                             row->token_topic, row->token_number};
    }
    return answer(std::move(repeated));
  }

  CoreTurn::Cause cause;
  cause.partition = partition;
  cause.tenant = &tenant;
  cause.principal = &command.principal;
  cause.request_id = &command.request_id;
  cause.id_scope = command.method;
  cause.id_key = command.request_id;
  cause.traceparent = &command.traceparent;
  turn_->Begin(cause);
  absl::StatusOr<std::string> result = handler->second(command.payload, *turn_);
  if (!result.ok()) return answer(result.status());
  if (!TurnFailure(result->size()).ok()) return answer(turn_->failure);

  Answer fresh;
  if (FinishTurn(&fresh.token)) {
    std::string row;
    row.reserve(64 + fresh.token.topic.size() + result->size());
    layout::AppendAnswer(row, input.fingerprint, clock_.now(), fresh.token.topic,
                         fresh.token.number, *result);
    AppendText(batch_answer_keys_, answer_key);
    batch_answer_bytes_ += static_cast<int64_t>(answer_key.size() + row.size());
    PutRow(Family::kAnswers, std::move(answer_key), std::move(row));
  }
  fresh.payload = *std::move(result);
  answer(std::move(fresh));
}

}  // namespace weft::engine
