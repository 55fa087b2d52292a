#include "tools/weft/batches.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"

namespace weft::cli {
namespace {

namespace v1 = erp::v1;

// Octets of text a call; as JSON it may double, the gateway takes 4 MiB.
constexpr size_t kBatchBytes = 1 << 20;
constexpr absl::Duration kPauseMax = absl::Seconds(10);
constexpr int kProblemsShown = 10;

bool MayRepeat(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kResourceExhausted ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

// The time the mesh asks for, else twice the last pause.
absl::Duration PauseAfter(const absl::Status& status, absl::Duration last) {
  for (const auto& [key, value] : MetadataOf(status)) {
    int64_t ms = 0;
    if (key == "retry_after_ms" && absl::SimpleAtoi(value, &ms)) return absl::Milliseconds(ms);
  }
  return std::min(kPauseMax, last * 2);
}

void Sum(const v1::MessageCounts& from, v1::MessageCounts& to) {
  to.set_applied(to.applied() + from.applied());
  to.set_unchanged(to.unchanged() + from.unchanged());
  to.set_older(to.older() + from.older());
  to.set_repeated(to.repeated() + from.repeated());
  to.set_parked(to.parked() + from.parked());
  to.set_waiting(to.waiting() + from.waiting());
}

}  // namespace

absl::Status BatchSender::Send(const NextLine& next, const std::function<void()>& sent) {
  std::string line;
  bool more = next(line);
  while (more) {
    std::string batch;
    int messages = 0;
    while (more && messages < options_.batch &&
           (batch.empty() || batch.size() + line.size() < kBatchBytes)) {
      ++lines_;
      bytes_ += static_cast<int64_t>(line.size()) + 1;
      if (lines_ > options_.skip && !absl::StripAsciiWhitespace(line).empty()) {
        absl::StrAppend(&batch, line, "\n");
        ++messages;
      }
      more = next(line);
    }
    if (messages == 0) continue;
    WEFT_RETURN_IF_ERROR(SendOne(batch));
    done_ = lines_;
    sent();
    const Terminal& terminal = session_.terminal();
    if (more && terminal.interrupted && terminal.interrupted()) {
      return Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
    }
  }
  return absl::OkStatus();
}

absl::Status BatchSender::SendOne(const std::string& batch) {
  Terminal& terminal = session_.terminal();
  const std::string target = absl::StrCat("/v1/erp/", Segment(options_.connection), ":ingest");
  v1::IngestRequest request;
  request.set_text(batch);
  // The same messages have the same key: sending them again is harmless.
  const std::string key = absl::StrCat("send-", Hex(Sha256(batch)).substr(0, 40));
  absl::Duration pause = absl::Milliseconds(50);
  v1::IngestResponse response;
  for (int attempt = 0;; ++attempt) {
    const absl::Status status = session_.Mutate(target, request, key, response);
    if (status.ok()) break;
    if (!MayRepeat(status) || attempt >= options_.retries) return status;
    pause = PauseAfter(status, pause);
    terminal.sleep(pause);
    if (terminal.interrupted && terminal.interrupted()) {
      return Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
    }
  }
  total_.set_messages(total_.messages() + response.messages());
  Sum(response.counts(), *total_.mutable_counts());
  for (const auto& problem : response.problems()) {
    if (total_.problems_size() < kProblemsShown) *total_.add_problems() = problem;
  }
  return absl::OkStatus();
}

int ShowIngested(Session& session, const v1::IngestResponse& total) {
  Terminal& terminal = session.terminal();
  const v1::MessageCounts& counts = total.counts();
  if (session.json()) {
    session.PrintJson(total);
  } else {
    terminal.out << "messages " << total.messages() << ": applied " << counts.applied()
                 << ", unchanged " << counts.unchanged() << ", older " << counts.older()
                 << ", repeated " << counts.repeated() << ", parked " << counts.parked()
                 << ", waiting " << counts.waiting() << "\n";
    for (const auto& problem : total.problems()) {
      terminal.out << "  " << problem.reason() << "  " << problem.message_id() << "  "
                   << problem.message() << "\n";
    }
  }
  if (counts.parked() + counts.waiting() > 0) {
    terminal.err << "some messages did not pass; see: weft erp parked list\n";
    return kConflict;
  }
  return kOk;
}

}  // namespace weft::cli
