#include "libs/engine/core.h"

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/engine/core_internal.h"
#include "libs/engine/wire.h"

namespace weft::engine {

// --- The relay ---------------------------------------------------------------

void Core::FillRelayRows() {
  if (!relay_rows_.empty() && relay_rows_.front().sequence == relay_next_) return;
  WEFT_CHECK(relay_rows_.empty());
  const auto it = store_.Scan(Family::kOutbox, layout::SequenceKey(relay_next_),
                              layout::SequenceKey(outbox_released_));
  for (; it->Valid() &&
         relay_rows_.size() < static_cast<size_t>(options_.publish_rows_max) &&
         relay_rows_bytes_ < options_.publish_bytes_max;
       it->Next()) {
    auto row = layout::ParseOutbox(it->key(), it->value());
    WEFT_CHECK(row.has_value());
    relay_rows_bytes_ += static_cast<int64_t>(
        row->record.key.size() + (row->record.value.has_value() ? row->record.value->size() : 0));
    relay_rows_.push_back(*std::move(row));
  }
  WEFT_CHECK_OK(it->status());
}

std::vector<PublishGroup> Core::TakeRound(absl::Duration steady) {
  std::vector<PublishGroup> groups;
  if (!relay_failure_.ok() || steady < publish_at_) return groups;
  if (round_.empty()) {
    if (relay_next_ >= outbox_released_) return groups;
    FillRelayRows();
    ++round_id_;
    std::map<eventlog::TopicPartition, size_t> index;
    int64_t bytes = 0;
    for (int rows = 0; !relay_rows_.empty() && rows < options_.publish_rows_max &&
                       bytes < options_.publish_bytes_max;
         ++rows) {
      layout::OutboxRow& row = relay_rows_.front();
      const int64_t size = static_cast<int64_t>(
          row.record.key.size() + (row.record.value.has_value() ? row.record.value->size() : 0));
      bytes += size;
      relay_rows_bytes_ -= size;
      relay_next_ = row.sequence + 1;
      eventlog::TopicPartition where{std::move(row.topic), static_cast<int32_t>(row.partition)};
      const auto [it, inserted] = index.emplace(where, round_.size());
      if (inserted) round_.push_back(RoundGroup{std::move(where), {}, {}});
      round_[it->second].records.push_back(std::move(row.record));
      relay_rows_.pop_front();
    }
  } else {
    // To repeat: what was sent is read from the store again.
    for (RoundGroup& group : round_) {
      if (group.state != RoundGroup::State::kWaiting || !group.records.empty()) continue;
      const auto it = store_.Scan(Family::kOutbox, layout::SequenceKey(outbox_low_),
                                  layout::SequenceKey(relay_next_));
      for (; it->Valid(); it->Next()) {
        auto row = layout::ParseOutbox(it->key(), it->value());
        WEFT_CHECK(row.has_value());
        if (row->topic == group.where.topic &&
            static_cast<int32_t>(row->partition) == group.where.partition) {
          group.records.push_back(std::move(row->record));
        }
      }
      WEFT_CHECK_OK(it->status());
    }
  }
  for (size_t i = 0; i < round_.size(); ++i) {
    RoundGroup& group = round_[i];
    if (group.state != RoundGroup::State::kWaiting) continue;
    group.state = RoundGroup::State::kSent;
    groups.push_back(PublishGroup{round_id_, i, group.where, std::move(group.records)});
    group.records.clear();
  }
  return groups;
}

void Core::Published(uint64_t round, size_t index, const absl::Status& status,
                     absl::Duration steady) {
  if (round != round_id_ || index >= round_.size()) return;
  RoundGroup& group = round_[index];
  if (!status.ok()) {
    if (options_.observer != nullptr) options_.observer->PublishFailed(options_.shard, status);
    // The topic is another one: an operator decides what goes on.
    if (absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) {
      relay_failure_ = status;
      return;
    }
    if (absl::IsNotFound(status)) topic_missing_ = status;
    group.state = RoundGroup::State::kWaiting;
    publish_at_ = steady + options_.publish_pause;
    return;
  }
  group.state = RoundGroup::State::kDone;
  if (std::all_of(round_.begin(), round_.end(), [](const RoundGroup& g) {
        return g.state == RoundGroup::State::kDone;
      })) {
    round_.clear();
    topic_missing_ = absl::OkStatus();
    outbox_low_ = relay_next_;
    // Bytes before the first unpublished row.
    outbox_bytes_low_ = outbox_bytes_total_;
    if (!relay_rows_.empty()) {
      outbox_bytes_low_ = relay_rows_.front().bytes_before;
    } else if (relay_next_ < outbox_next_) {
      const auto row = store_.Get(Family::kOutbox, layout::SequenceKey(relay_next_));
      if (row.ok() && row->has_value()) {
        WireReader in(**row);
        in.U64(outbox_bytes_low_);
      }
    }
  }
}

void Core::TrimOutbox(uint64_t rows_min, Batch& batch) {
  const uint64_t rows = outbox_low_ - outbox_trimmed_;
  if (rows == 0 || rows < rows_min) return;
  if (rows >= 100) {
    batch.DeleteRange(Family::kOutbox, layout::SequenceKey(outbox_trimmed_),
                      layout::SequenceKey(outbox_low_));
  } else {
    for (uint64_t s = outbox_trimmed_; s < outbox_low_; ++s) {
      batch.Delete(Family::kOutbox, layout::SequenceKey(s));
    }
  }
  batch.Put(Family::kMeta, layout::kOutboxLow, layout::U64Value(outbox_low_));
  outbox_trimmed_ = outbox_low_;
}

void Core::TrimAnswers(int age_rows_max, Batch& batch) {
  for (int i = 0; i < age_rows_max; ++i) {
    if (answer_first_time_ == absl::InfiniteFuture()) return;
    const absl::Duration age = clock_.now() - answer_first_time_;
    const int64_t bytes = static_cast<int64_t>(answer_bytes_total_ - answer_first_bytes_);
    if (age < options_.answers_kept_min ||
        (age < options_.answers_kept && bytes <= options_.answers_bytes_max)) {
      return;
    }
    const auto it = store_.Scan(Family::kAnswers,
                                layout::TaggedSequence('t', answer_age_first_), PrefixEnd("t"));
    if (!it->Valid()) {
      // The oldest row is of the batch under construction: too young to go.
      return;
    }
    WireReader in(it->value());
    absl::Time time;
    uint64_t before;
    uint64_t own;
    WEFT_CHECK(in.Time(time) && in.U64(before) && in.U64(own));
    while (!in.done()) {
      absl::string_view key;
      if (!in.Text(key)) break;
      batch.Delete(Family::kAnswers, key);
    }
    batch.Delete(Family::kAnswers, it->key());
    ++answer_age_first_;
    it->Next();
    if (it->Valid()) {
      WireReader key(it->key().substr(1));
      WireReader value(it->value());
      WEFT_CHECK(key.U64(answer_age_first_) && value.Time(answer_first_time_) &&
                 value.U64(answer_first_bytes_));
    } else if (answer_age_first_ < answer_age_next_) {
      // Only the batch's own row is left.
      answer_first_time_ = clock_.now();
      answer_first_bytes_ = before + own;
    } else {
      answer_first_time_ = absl::InfiniteFuture();
      answer_first_bytes_ = answer_bytes_total_;
    }
  }
}

absl::Status Core::Trim(bool all) {
  WEFT_CHECK(written_);
  Batch batch;
  TrimOutbox(all ? 1 : static_cast<uint64_t>(options_.trim_rows_min), batch);
  TrimAnswers(all ? 20 : 2, batch);
  if (batch.empty()) return absl::OkStatus();
  if (options_.recorder != nullptr) RecordOutcome(all ? 'T' : 't', batch.bytes());
  return store_.Write(batch, /*sync=*/false);
}

}  // namespace weft::engine
