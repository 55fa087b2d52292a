#include "libs/service/engine_telemetry.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace weft::service {

using telemetry::Labels;
using telemetry::Level;

struct EngineTelemetry::ShardSeries {
  telemetry::Counter* commands;
  telemetry::Counter* events;
  telemetry::Counter* timers;
  telemetry::Counter* tasks;
  telemetry::Counter* refused;
  telemetry::Counter* replayed;
  telemetry::Counter* repeats;
  telemetry::Counter* batches;
  telemetry::Counter* bytes;
  telemetry::Counter* backward;
  telemetry::Counter* forward;
  telemetry::Counter* publish_failures;
  telemetry::Counter* turn_failures;
  telemetry::Histogram* decide;
  telemetry::Histogram* write;
  telemetry::Histogram* sync;
  telemetry::Gauge* outbox_rows;
  telemetry::Gauge* outbox_bytes;
  telemetry::Gauge* pending_tasks;
  telemetry::Gauge* parked;
  telemetry::Gauge* shard_time;
  telemetry::Gauge* queue;
  telemetry::Gauge* changelog_bytes;
  telemetry::Gauge* restore;
  telemetry::Gauge* owned;
};

EngineTelemetry::EngineTelemetry(std::string room, int shards, telemetry::MetricsScope metrics,
                                 telemetry::Logger& log)
    : room_(std::move(room)), metrics_(std::move(metrics)), log_(log) {
  for (int shard = 0; shard < shards; ++shard) {
    const Labels labels = {{"shard", absl::StrCat(shard)}};
    const auto counter = [&](const char* name, const char* help, Labels more = {}) {
      more.insert(more.end(), labels.begin(), labels.end());
      return &metrics_.GetCounter(name, help, more);
    };
    const auto gauge = [&](const char* name, const char* help) {
      return &metrics_.GetGauge(name, help, labels);
    };
    const auto turns = [&](const char* cause) {
      return counter("weft_engine_turns_total", "Inputs taken, by what they are.",
                     {{"cause", cause}});
    };
    const auto steps = [&](const char* direction) {
      return counter("weft_engine_clock_steps_total",
                     "Steps of the wall clock that shard time did not follow at once.",
                     {{"direction", direction}});
    };
    shards_.push_back(std::make_unique<ShardSeries>(ShardSeries{
        .commands = turns("command"),
        .events = turns("event"),
        .timers = turns("timer"),
        .tasks = turns("task"),
        .refused = counter("weft_engine_commands_refused_total",
                           "Commands that their handler answered with an error."),
        .replayed = counter("weft_engine_commands_replayed_total",
                            "Commands answered from a stored answer."),
        .repeats = counter("weft_engine_repeats_total", "Records dropped as repeats."),
        .batches = counter("weft_engine_batches_total", "Batches of turns."),
        .bytes = counter("weft_engine_written_bytes_total", "Bytes of batches written."),
        .backward = steps("backward"),
        .forward = steps("forward"),
        .publish_failures = counter("weft_engine_publish_failures_total",
                                    "Times the log refused rows of the outbox."),
        .turn_failures = counter("weft_engine_turn_failures_total",
                                 "Turns that broke a rule and left nothing behind."),
        .decide = &metrics_.GetHistogram("weft_engine_decide_seconds",
                                         "Time a batch's turns took to decide.", labels),
        .write = &metrics_.GetHistogram("weft_engine_write_seconds",
                                        "Time a batch took to write, without its sync.", labels),
        .sync = &metrics_.GetHistogram(
            "weft_engine_sync_seconds",
            "Time the disk took to make durable what was written.", labels),
        .outbox_rows = gauge("weft_engine_outbox_rows", "Events not yet taken by the log."),
        .outbox_bytes = gauge("weft_engine_outbox_bytes", "Size of these events."),
        .pending_tasks = gauge("weft_engine_tasks_pending", "Calls to others not yet answered."),
        .parked = gauge("weft_engine_parked_records", "Records that could not be applied."),
        .shard_time = gauge("weft_engine_shard_timestamp_seconds",
                            "Shard time of the last batch, seconds since 1970."),
        .queue = gauge("weft_engine_queue_commands", "Commands waiting for the sequencer."),
        .changelog_bytes = gauge("weft_engine_changelog_bytes",
                                 "Turns written and not yet read back from the changelog."),
        .restore = gauge("weft_state_restore_remaining_records",
                         "Records of the changelog that an opening shard has yet to read."),
        .owned = gauge("weft_engine_shard_owned",
                       "1 while the shard is ours by its changelog; always 0 without one."),
    }));
    for (const char* reason : {"SHARD_BUSY", "LOG_BEHIND", "WRONG_SHARD"}) {
      counter("weft_engine_door_refusals_total", "Commands refused before they waited.",
              {{"reason", reason}});
    }
  }
}

EngineTelemetry::~EngineTelemetry() = default;

EngineTelemetry::ShardSeries& EngineTelemetry::Of(int shard) {
  return *shards_[static_cast<size_t>(shard) % shards_.size()];
}

void EngineTelemetry::BatchDone(const engine::BatchReport& report) {
  ShardSeries& series = Of(report.shard);
  const auto add = [](telemetry::Counter* counter, int64_t count) {
    if (count > 0) counter->Add(static_cast<uint64_t>(count));
  };
  series.batches->Add();
  add(series.commands, report.commands);
  add(series.events, report.events);
  add(series.timers, report.timers);
  add(series.tasks, report.tasks);
  add(series.refused, report.refused);
  add(series.replayed, report.replayed);
  add(series.repeats, report.repeats);
  add(series.bytes, report.bytes);
  series.backward->AdvanceTo(static_cast<uint64_t>(report.backward_clock_steps));
  series.forward->AdvanceTo(static_cast<uint64_t>(report.forward_clock_steps));
  series.decide->Observe(report.decide_time);
  if (report.write_time > absl::ZeroDuration()) series.write->Observe(report.write_time);
  series.shard_time->Set(absl::ToDoubleSeconds(report.shard_time - absl::UnixEpoch()));
}

void EngineTelemetry::Levels(int shard, const engine::ShardLevels& levels) {
  ShardSeries& series = Of(shard);
  series.outbox_rows->Set(static_cast<double>(levels.outbox_rows));
  series.outbox_bytes->Set(static_cast<double>(levels.outbox_bytes));
  series.pending_tasks->Set(static_cast<double>(levels.pending_tasks));
  series.parked->Set(static_cast<double>(levels.parked));
  series.changelog_bytes->Set(static_cast<double>(levels.changelog_bytes));
}

void EngineTelemetry::Synced(int shard, absl::Duration took) { Of(shard).sync->Observe(took); }

void EngineTelemetry::QueueLength(int shard, int64_t commands) {
  Of(shard).queue->Set(static_cast<double>(commands));
}

void EngineTelemetry::RefusedAtDoor(int shard, const std::string& reason) {
  metrics_
      .GetCounter("weft_engine_door_refusals_total", "Commands refused before they waited.",
                  {{"reason", reason}, {"shard", absl::StrCat(shard)}})
      .Add();
}

void EngineTelemetry::Parked(int shard, const std::string& topic, const std::string& reason) {
  metrics_
      .GetCounter("weft_engine_parked_total", "Records parked, by reason.",
                  {{"topic", topic}, {"reason", reason}})
      .Add();
  log_.LogAs(room_, Level::kWarning, "record parked",
             {{"shard", shard}, {"topic", topic}, {"reason", reason}});
}

void EngineTelemetry::PartitionStopped(int shard, const std::string& topic, int32_t partition,
                                       const std::string& reason) {
  metrics_
      .GetCounter("weft_engine_partitions_stopped_total",
                  "Partitions that are not read any more, by reason.",
                  {{"topic", topic}, {"reason", reason}})
      .Add();
  log_.LogAs(room_, Level::kError, "partition stopped",
             {{"shard", shard}, {"topic", topic}, {"partition", partition}, {"reason", reason}});
}

void EngineTelemetry::EventsLost(int shard, const std::string& topic, int32_t partition,
                                 const std::string& source, int64_t first, int64_t last) {
  metrics_
      .GetCounter("weft_engine_events_lost_total",
                  "Events that will never be applied here: what they stood on is gone.",
                  {{"topic", topic}, {"source", source}})
      .Add(static_cast<uint64_t>(last - first + 1));
  log_.LogAs(room_, Level::kError, "events lost",
             {{"shard", shard},
              {"topic", topic},
              {"partition", partition},
              {"source", source},
              {"first", first},
              {"last", last}});
}

void EngineTelemetry::TaskAnswered(int /*shard*/, const std::string& kind, bool known) {
  metrics_
      .GetCounter("weft_engine_tasks_answered_total",
                  "Answers of calls to others, by whether the outcome is known.",
                  {{"kind", kind}, {"known", known ? "true" : "false"}})
      .Add();
}

void EngineTelemetry::PublishFailed(int shard, const absl::Status& status) {
  Of(shard).publish_failures->Add();
  log_.LogAs(room_, Level::kWarning, "events not taken by the log",
             telemetry::StatusFields(status));
}

void EngineTelemetry::TurnFailed(int shard, const absl::Status& status) {
  Of(shard).turn_failures->Add();
  log_.LogAs(room_, Level::kError, "turn broke a rule", telemetry::StatusFields(status));
}

void EngineTelemetry::Restoring(int shard, int64_t remaining_records) {
  Of(shard).restore->Set(static_cast<double>(remaining_records));
}

void EngineTelemetry::FolderThrownAway(int shard) {
  log_.LogAs(room_, Level::kWarning,
             "the folder held turns that another owner had overtaken; it is restored from the "
             "changelog",
             {{"shard", shard}});
}

void EngineTelemetry::Owned(int shard, int64_t epoch) {
  Of(shard).owned->Set(1);
  log_.LogAs(room_, Level::kInfo, "shard owned", {{"shard", shard}, {"epoch", epoch}});
}

void EngineTelemetry::Lost(int shard, const absl::Status& why) {
  Of(shard).owned->Set(0);
  std::vector<telemetry::Field> fields = telemetry::StatusFields(why);
  fields.emplace_back("shard", shard);
  log_.LogAs(room_, Level::kError, "shard lost", fields);
}

}  // namespace weft::service
