// `weft erp send`: a file of messages, in batches, through the connector's door.
#include <algorithm>
#include <fstream>
#include <istream>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "tools/weft/commands.h"
#include "tools/weft/progress.h"
#include "weft/erp/v1/erp.pb.h"

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

int ErpSend(Session& session, const ErpSendOptions& options) {
  Terminal& terminal = session.terminal();
  std::ifstream file;
  int64_t size = 0;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary | std::ios::ate);
    if (!file) {
      return session.Fail(
          NotFound("FILE_UNREADABLE", absl::StrCat("cannot read '", options.file, "'")),
          "erp send");
    }
    size = static_cast<int64_t>(file.tellg());
    file.seekg(0);
  }
  std::istream& in = options.file == "-" ? terminal.in : file;
  const std::string target = absl::StrCat("/v1/erp/", Segment(options.connection), ":ingest");

  v1::IngestResponse total;
  int64_t lines = 0;  // Read so far, empty ones included.
  int64_t bytes = 0;
  int64_t sent = 0;   // Lines that are surely in.
  Progress progress(terminal, session.common().progress, "sending", "messages", 0);
  std::string line;
  bool more = static_cast<bool>(std::getline(in, line));
  while (more) {
    std::string batch;
    int messages = 0;
    while (more && messages < options.batch &&
           (batch.empty() || batch.size() + line.size() < kBatchBytes)) {
      ++lines;
      bytes += static_cast<int64_t>(line.size()) + 1;
      if (lines > options.skip && !absl::StripAsciiWhitespace(line).empty()) {
        absl::StrAppend(&batch, line, "\n");
        ++messages;
      }
      more = static_cast<bool>(std::getline(in, line));
    }
    if (messages == 0) continue;
    v1::IngestRequest request;
    request.set_text(batch);
    // The same messages have the same key: sending a file again is harmless.
    const std::string key = absl::StrCat("send-", Hex(Sha256(batch)).substr(0, 40));
    absl::Duration pause = absl::Milliseconds(50);
    v1::IngestResponse response;
    absl::Status status;
    for (int attempt = 0;; ++attempt) {
      status = session.Mutate(target, request, key, response);
      if (status.ok() || !MayRepeat(status) || attempt >= options.retries) break;
      pause = PauseAfter(status, pause);
      terminal.sleep(pause);
      if (terminal.interrupted && terminal.interrupted()) {
        status = Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
        break;
      }
    }
    if (!status.ok()) {
      progress.Finish();
      const int exit = session.Fail(status, "erp send");
      terminal.err << "  resume:  weft erp send " << options.file << " --connection "
                   << options.connection << " --skip " << sent << "\n";
      return exit;
    }
    sent = lines;
    total.set_messages(total.messages() + response.messages());
    Sum(response.counts(), *total.mutable_counts());
    for (const auto& problem : response.problems()) {
      if (total.problems_size() < kProblemsShown) *total.add_problems() = problem;
    }
    progress.Update(total.messages(),
                    size > 0 ? static_cast<double>(bytes) / static_cast<double>(size) : 0);
  }
  if (size == 0) progress.Update(total.messages(), 1);
  progress.Finish();

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
