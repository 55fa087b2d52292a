#include "libs/telemetry/log.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/telemetry/trace_context.h"

namespace weft::telemetry {
namespace {

constexpr size_t kLinesMax = 10'000;
constexpr size_t kTextBytesMax = 8'192;  // Of one member.

void WriteToStderr(const std::string& line) {
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (n < 0 && errno != EINTR) return;
    if (n > 0) done += static_cast<size_t>(n);
  }
}

// Octets of the UTF-8 character at the front of `text`, 0 when there is none.
size_t CharacterBytes(absl::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && at(1) < 0xA0) return 0;
  if (lead == 0xED && at(1) >= 0xA0) return 0;
  if (lead == 0xF0 && at(1) < 0x90) return 0;
  if (lead == 0xF4 && at(1) >= 0x90) return 0;
  return length;
}

void AppendMember(absl::string_view name, absl::string_view text, std::string& out) {
  absl::StrAppend(&out, out.size() > 1 ? ",\"" : "\"");
  AppendJsonText(name, out);
  absl::StrAppend(&out, "\":\"");
  AppendJsonText(text.substr(0, kTextBytesMax), out);
  out.push_back('"');
}

void AppendField(const Field& field, std::string& out) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    return AppendMember(field.name, *text, out);
  }
  absl::StrAppend(&out, ",\"");
  AppendJsonText(field.name, out);
  absl::StrAppend(&out, "\":");
  if (const auto* whole = std::get_if<int64_t>(&field.value)) {
    absl::StrAppend(&out, *whole);
  } else if (const auto* yes = std::get_if<bool>(&field.value)) {
    absl::StrAppend(&out, *yes ? "true" : "false");
  } else {
    const double number = std::get<double>(field.value);
    absl::StrAppend(&out, std::isfinite(number) ? absl::StrFormat("%.9g", number) : "null");
  }
}

}  // namespace

void AppendJsonText(absl::string_view text, std::string& out) {
  while (!text.empty()) {
    const size_t length = CharacterBytes(text);
    const char c = text[0];
    if (length == 0) {
      out.push_back('?');
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<int>(c));
    } else {
      out.append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

const char* NameOf(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "";
}

bool LevelOf(absl::string_view name, Level& level) {
  for (const Level one : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    if (name == NameOf(one)) {
      level = one;
      return true;
    }
  }
  return false;
}

Logger::Logger(std::string service, Level level)
    : Logger(std::move(service), level, &WriteToStderr) {}

Logger::Logger(std::string service, Level level, Sink sink)
    : service_(std::move(service)), sink_(std::move(sink)), level_(level),
      thread_([this] { Run(); }) {}

Logger::~Logger() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Logger::LogAs(absl::string_view service, Level level, absl::string_view message,
                   const std::vector<Field>& fields, const LogContext& context) {
  if (!Enabled(level)) return;
  std::string line = "{";
  line.reserve(256);
  AppendMember("ts",
               absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()), line);
  AppendMember("level", NameOf(level), line);
  AppendMember("service", service, line);
  AppendMember("msg", message, line);
  if (!context.traceparent.empty()) {
    if (const auto trace = TraceContext::FromText(context.traceparent)) {
      AppendMember("trace_id", trace->trace_id, line);
    }
  }
  if (!context.request_id.empty()) AppendMember("request_id", context.request_id, line);
  if (!context.tenant.empty()) AppendMember("tenant", context.tenant, line);
  for (const Field& field : fields) AppendField(field, line);
  MutexLock lock(mutex_);
  if (lines_.size() >= kLinesMax) {
    ++dropped_since_;
    dropped_.fetch_add(1);
    return;
  }
  if (dropped_since_ > 0) {
    AppendField(Field("dropped_before", dropped_since_), line);
    dropped_since_ = 0;
  }
  line += "}\n";
  lines_.push_back(std::move(line));
  changed_.NotifyAll();
}

void Logger::Flush() {
  MutexLock lock(mutex_);
  while (!lines_.empty() || writing_) changed_.Wait(mutex_);
}

void Logger::Run() {
  for (;;) {
    std::deque<std::string> lines;
    {
      MutexLock lock(mutex_);
      writing_ = false;
      changed_.NotifyAll();
      while (lines_.empty() && !stopping_) changed_.Wait(mutex_);
      if (lines_.empty()) return;
      lines.swap(lines_);
      writing_ = true;
    }
    for (const std::string& line : lines) sink_(line);
  }
}

std::vector<Field> StatusFields(const absl::Status& status) {
  std::vector<Field> fields;
  fields.emplace_back("code", absl::StatusCodeToString(status.code()));
  if (std::string reason = ReasonOf(status); !reason.empty()) {
    fields.emplace_back("reason", std::move(reason));
  }
  fields.emplace_back("error", status.message());
  return fields;
}

}  // namespace weft::telemetry
