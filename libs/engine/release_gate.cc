#include "libs/engine/release_gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::engine {

void ReleaseGate::Push(Waiting batch) {
  if (batch.has_record()) backlog_bytes_ += static_cast<int64_t>(batch.record.value->size());
  batches_.push_back(std::move(batch));
}

void ReleaseGate::WrittenTurn(uint64_t number, absl::string_view batch) {
  Waiting waiting;
  waiting.number = number;
  waiting.record = MakeTurnRecord(epoch_, number, epoch_, batch);
  Push(std::move(waiting));
}

void ReleaseGate::WrittenNothing(bool rests_on_state) {
  Waiting waiting;
  if (rests_on_state) {
    waiting.ticket = ++last_ticket_;
    waiting.record = MakeMarkRecord(epoch_, waiting.ticket);
  }
  Push(std::move(waiting));
}

std::vector<ReleaseGate::Append> ReleaseGate::TakeAppends(absl::Duration steady) {
  std::vector<Append> appends;
  if (lost_ || steady < append_at_) return appends;
  if (failed_) {
    // Once all have come back, so that none of the earlier ones lands between.
    if (in_flight_ > 0) return appends;
    failed_ = false;
    next_ = 0;
    first_id_ = last_id_ + 1;
  }
  for (; next_ < batches_.size(); ++next_) {
    Waiting& batch = batches_[next_];
    if (!batch.has_record() || IsRead(batch)) continue;
    batch.id = ++last_id_;
    ++in_flight_;
    appends.push_back(Append{batch.id, batch.record});
  }
  return appends;
}

void ReleaseGate::Appended(uint64_t id, const absl::Status& status, absl::Duration steady) {
  if (in_flight_ > 0) --in_flight_;
  if (id < first_id_) return;
  if (!status.ok()) {
    failed_ = true;
    append_at_ = steady + options_.append_pause;
    return;
  }
  if (!options_.no_claim_check) return;
  for (Waiting& batch : batches_) {
    if (batch.id == id) batch.logged = true;
  }
}

absl::Status ReleaseGate::Read(std::vector<eventlog::Record> records) {
  if (lost_) return Unavailable("OWNED_ELSEWHERE", "this shard has another owner");
  for (const eventlog::Record& record : records) {
    WEFT_ASSIGN_OR_RETURN(const ChangelogFold::Kind kind, fold_.Fold(record));
    if (options_.no_claim_check) continue;
    if (kind == ChangelogFold::Kind::kClaim) {
      lost_ = true;
      return Unavailable("OWNED_ELSEWHERE",
                         absl::StrCat("shard ", fold_.claim().shard, " of ", fold_.claim().room,
                                      " was claimed by ", fold_.claim().owner, " at offset ",
                                      record.offset, "; this process gives it up"));
    }
    if (kind == ChangelogFold::Kind::kTurn) read_ = fold_.number();
    if (kind == ChangelogFold::Kind::kMark) {
      read_ticket_ = std::max(read_ticket_, fold_.mark().ticket);
    }
  }
  if (!records.empty()) last_record_ = std::move(records.back());
  return absl::OkStatus();
}

bool ReleaseGate::IsRead(const Waiting& batch) const {
  if (options_.no_claim_check && batch.logged) return true;
  if (batch.number > 0) return batch.number <= read_;
  return batch.ticket <= read_ticket_;
}

size_t ReleaseGate::releasable() const {
  size_t count = 0;
  if (lost_) return 0;
  while (count < batches_.size() && IsRead(batches_[count])) ++count;
  return count;
}

void ReleaseGate::Released() {
  const Waiting& batch = batches_.front();
  if (batch.has_record()) backlog_bytes_ -= static_cast<int64_t>(batch.record.value->size());
  if (options_.no_claim_check) read_ = std::max(read_, batch.number);
  batches_.pop_front();
  if (next_ > 0) --next_;
}

absl::Duration ReleaseGate::NextWake() const {
  if (lost_ || (failed_ && in_flight_ > 0)) return absl::InfiniteDuration();
  if (failed_ || next_ < batches_.size()) return append_at_;
  return absl::InfiniteDuration();
}

}  // namespace weft::engine
