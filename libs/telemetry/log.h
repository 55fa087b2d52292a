// Structured log: one JSON object a line on stderr.
//
//   {"ts":"2026-03-01T12:00:00.000001Z","level":"info","service":"pricing",
//    "msg":"ready","port":50051}
//
// Order of members: ts (RFC 3339, microseconds), level, service, msg, then
// trace_id, request_id, tenant where known, then the fields. Never a token, a
// price of somebody, or a name of a person.
//
// Log() formats, hands the line to a thread that writes, and returns: a slow
// stderr blocks nobody. When 10,000 lines wait, further ones are dropped and
// counted, and the next line says how many.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"

namespace weft::telemetry {

enum class Level { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

const char* NameOf(Level level);  // "info"
// False for anything else.
bool LevelOf(absl::string_view name, Level& level);

struct Field {
  std::string name;
  std::variant<std::string, int64_t, double, bool> value;
  Field(std::string n, std::string v) : name(std::move(n)), value(std::move(v)) {}
  Field(std::string n, const char* v) : name(std::move(n)), value(std::string(v)) {}
  Field(std::string n, absl::string_view v) : name(std::move(n)), value(std::string(v)) {}
  Field(std::string n, bool v) : name(std::move(n)), value(v) {}
  Field(std::string n, double v) : name(std::move(n)), value(v) {}
  Field(std::string n, int v) : name(std::move(n)), value(static_cast<int64_t>(v)) {}
  Field(std::string n, int64_t v) : name(std::move(n)), value(v) {}
  Field(std::string n, uint64_t v) : name(std::move(n)), value(static_cast<int64_t>(v)) {}
};

// What a line belongs to; empty members are left out.
struct LogContext {
  std::string traceparent;
  std::string request_id;
  std::string tenant;
};

// Thread safe.
class Logger {
 public:
  // Writes a line, its newline included. Called from the logger's thread.
  using Sink = std::function<void(const std::string& line)>;

  // Writes to stderr.
  explicit Logger(std::string service, Level level = Level::kInfo);
  Logger(std::string service, Level level, Sink sink);
  // Writes what is waiting.
  ~Logger();

  bool Enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
  void SetLevel(Level level) { level_.store(level); }
  Level level() const { return level_.load(); }

  void Log(Level level, absl::string_view message, const std::vector<Field>& fields = {},
           const LogContext& context = {}) {
    LogAs(service_, level, message, fields, context);
  }
  // For a process of several rooms.
  void LogAs(absl::string_view service, Level level, absl::string_view message,
             const std::vector<Field>& fields = {}, const LogContext& context = {});
  // Waits until everything logged so far is written.
  void Flush();
  uint64_t dropped() const { return dropped_.load(); }

 private:
  void Run();

  const std::string service_;
  const Sink sink_;
  std::atomic<Level> level_;
  std::atomic<uint64_t> dropped_{0};
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_since_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// "code", "reason" and "error" of a status, for a log line.
std::vector<Field> StatusFields(const absl::Status& status);

// `text` as the inside of a JSON string; octets that are not UTF-8 become "?".
void AppendJsonText(absl::string_view text, std::string& out);

}  // namespace weft::telemetry
