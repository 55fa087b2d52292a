// Messages through the connector's door, batch by batch, each repeated until it is in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "tools/weft/progress.h"
#include "tools/weft/session.h"
#include "weft/erp/v1/erp.pb.h"

namespace weft::cli {

struct BatchOptions {
  std::string connection = "canonical";
  int batch = 500;   // Messages a call.
  int64_t skip = 0;  // Lines that are in already.
  int retries = 20;  // After UNAVAILABLE, a call.
};

// Lines of messages; false at the end.
using NextLine = std::function<bool(std::string& line)>;

class BatchSender {
 public:
  // All outlive it.
  BatchSender(Session& session, BatchOptions options)
      : session_(session), options_(std::move(options)) {}

  // Sends until `next` ends; empty lines count, but are not sent. `sent` is called
  // after each batch with the messages that are in.
  // Errors: those of the mesh; CANCELLED / INTERRUPTED.
  absl::Status Send(const NextLine& next, const std::function<void()>& sent);

  int64_t lines() const { return lines_; }  // Read so far, empty ones included.
  int64_t bytes() const { return bytes_; }
  int64_t done() const { return done_; }    // Lines that are surely in.
  const erp::v1::IngestResponse& total() const { return total_; }

 private:
  absl::Status SendOne(const std::string& batch);

  Session& session_;
  const BatchOptions options_;
  int64_t lines_ = 0;
  int64_t bytes_ = 0;
  int64_t done_ = 0;
  erp::v1::IngestResponse total_;
};

// "messages 12: applied 10, …", the first problems, and the exit code.
int ShowIngested(Session& session, const erp::v1::IngestResponse& total);

}  // namespace weft::cli
