#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/wire.h"

namespace weft::engine {

// --- Recordings ----------------------------------------------------------------
//
//   record = "o" options | "b" batch | "d" digest | "T" low digest | "t" low digest
//          | "p" topic partition offset-row | "s" topic partition reason
//          | "f" | "l" identity
//   batch  = wall boot steady now low results inputs

void Core::RecordInputs(const std::vector<Input>& inputs) {
  std::string record(1, 'b');
  AppendU64(record, static_cast<uint64_t>(absl::ToUnixNanos(times_.wall)));
  AppendU64(record, static_cast<uint64_t>(absl::ToInt64Nanoseconds(times_.boot)));
  AppendU64(record, static_cast<uint64_t>(absl::ToInt64Nanoseconds(times_.steady)));
  AppendTime(record, clock_.now());
  AppendU64(record, outbox_low_);
  AppendVarint(record, task_results_.size());
  for (const KnownResult& known : task_results_) {
    AppendText(record, known.id);
    AppendVarint(record, static_cast<uint64_t>(known.answer.status().code()));
    if (known.answer.ok()) {
      AppendText(record, *known.answer);
    } else {
      AppendText(record, ReasonOf(known.answer.status()));
      AppendText(record, std::string(known.answer.status().message()));
    }
  }
  EncodeInputs(inputs, record);
  options_.recorder->Append(record);
}

void Core::RecordOutcome(char tag, absl::string_view bytes) {
  std::string record(1, tag);
  AppendU64(record, outbox_low_);
  const Sha256Digest digest = Sha256(bytes);
  record.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  options_.recorder->Append(record);
}

void Core::RecordOffset(const eventlog::TopicPartition& where) {
  std::string record(1, 'p');
  AppendText(record, where.topic);
  AppendVarint(record, static_cast<uint64_t>(where.partition));
  record.append(layout::EncodeOffset(offsets_[{where.topic, where.partition}]));
  options_.recorder->Append(record);
}

void Core::BeginRecording() {
  std::string record(1, 'o');
  for (const int64_t v :
       {absl::ToInt64Microseconds(options_.answers_kept),
        absl::ToInt64Microseconds(options_.answers_kept_min), options_.answers_bytes_max,
        int64_t{options_.timers_per_batch_max}, int64_t{options_.trim_rows_min},
        int64_t{options_.dead_letters ? 1 : 0}}) {
    AppendU64(record, static_cast<uint64_t>(v));
  }
  options_.recorder->Append(record);
  for (const auto& [where, row] : offsets_) RecordOffset({where.first, where.second});
  for (const auto& [where, reason] : stopped_) {
    std::string stopped(1, 's');
    AppendText(stopped, where.topic);
    AppendVarint(stopped, static_cast<uint64_t>(where.partition));
    AppendText(stopped, reason);
    options_.recorder->Append(stopped);
  }
}

namespace {

absl::Status RecordDamaged() {
  return DataLoss("RECORDING_DAMAGED", "the recording does not parse; take another one");
}

}  // namespace

absl::StatusOr<CoreOptions> Core::RecordedOptions(absl::string_view record,
                                                  CoreOptions options) {
  if (record.empty() || record[0] != 'o') return RecordDamaged();
  WireReader in(record.substr(1));
  int64_t kept;
  int64_t kept_min;
  int64_t timers;
  int64_t trim;
  int64_t dead_letters;
  if (!in.I64(kept) || !in.I64(kept_min) || !in.I64(options.answers_bytes_max) ||
      !in.I64(timers) || !in.I64(trim) || !in.I64(dead_letters)) {
    return RecordDamaged();
  }
  options.answers_kept = absl::Microseconds(kept);
  options.answers_kept_min = absl::Microseconds(kept_min);
  options.timers_per_batch_max = static_cast<int>(timers);
  options.trim_rows_min = static_cast<int>(trim);
  options.dead_letters = dead_letters != 0;
  return options;
}

absl::StatusOr<Core::Replayed> Core::ReplayRecord(absl::string_view record) {
  Replayed replayed;
  if (record.empty()) return RecordDamaged();
  WireReader in(record.substr(1));
  const auto same_digest = [&](absl::string_view bytes) {
    const Sha256Digest digest = Sha256(bytes);
    return in.Rest() ==
           absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
  };
  switch (record[0]) {
    case 'b': {
      // A batch without an outcome before it ended the process: it left nothing.
      if (!written_) WEFT_RETURN_IF_ERROR(Write(/*sync=*/true));
      int64_t wall;
      int64_t boot;
      int64_t steady;
      absl::Time now;
      uint64_t results;
      if (!in.I64(wall) || !in.I64(boot) || !in.I64(steady) || !in.Time(now) ||
          !in.U64(outbox_low_) || !in.Varint(results)) {
        return RecordDamaged();
      }
      task_results_.clear();
      for (uint64_t i = 0; i < results; ++i) {
        std::string id;
        uint64_t code;
        std::string first;
        if (!in.Text(id) || !in.Varint(code) || !in.Text(first)) return RecordDamaged();
        absl::StatusOr<std::string> answer = first;
        if (code != 0) {
          std::string message;
          if (!in.Text(message)) return RecordDamaged();
          const auto as_code = static_cast<absl::StatusCode>(code);
          answer = first.empty() ? absl::Status(as_code, message)
                                 : Error(as_code, first, message);
        }
        task_results_.push_back(KnownResult{std::move(id), std::move(answer)});
      }
      std::vector<Input> inputs;
      if (!DecodeInputs(in.Rest(), inputs)) return RecordDamaged();
      replay_now_ = now;
      Decide(std::move(inputs), Times{absl::FromUnixNanos(wall), absl::Nanoseconds(boot),
                                      absl::Nanoseconds(steady)});
      replayed.batch = true;
      replayed.turns = report_.commands + report_.events + report_.timers + report_.tasks;
      return replayed;
    }
    case 'd': {
      uint64_t low;
      if (!in.U64(low)) return RecordDamaged();
      replayed.differs = !same_digest(batch_.bytes());
      WEFT_RETURN_IF_ERROR(Write(/*sync=*/true));
      while (Release()) {
      }
      return replayed;
    }
    case 't':
    case 'T': {
      if (!in.U64(outbox_low_)) return RecordDamaged();
      Batch batch;
      const bool all = record[0] == 'T';
      TrimOutbox(all ? 1 : static_cast<uint64_t>(options_.trim_rows_min), batch);
      TrimAnswers(all ? 20 : 2, batch);
      replayed.differs = !same_digest(batch.bytes());
      WEFT_RETURN_IF_ERROR(store_.Write(batch, /*sync=*/true));
      return replayed;
    }
    case 'p':
    case 's': {
      eventlog::TopicPartition where;
      uint64_t partition;
      if (!in.Text(where.topic) || !in.Varint(partition)) return RecordDamaged();
      where.partition = static_cast<int32_t>(partition);
      if (record[0] == 's') {
        std::string reason;
        if (!in.Text(reason)) return RecordDamaged();
        StopPartition(where, reason);
        return replayed;
      }
      const auto row = layout::ParseOffset(in.Rest());
      if (!row.has_value()) return RecordDamaged();
      offsets_[{where.topic, where.partition}] = *row;
      return replayed;
    }
    case 'f':
      // What failed to be written then was written here: nothing more agrees.
      return FailedPrecondition("RECORDING_ENDS",
                                "the disk was full here; the recording cannot go on");
    case 'l':
      WEFT_RETURN_IF_ERROR(SetLogIdentity(std::string(in.Rest())));
      return replayed;
    default:
      return RecordDamaged();
  }
}

}  // namespace weft::engine
