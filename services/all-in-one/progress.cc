#include "services/all-in-one/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "libs/base/clock.h"

namespace weft {
namespace {

constexpr int kBarWidth = 30;
constexpr absl::Duration kTerminalPause = absl::Milliseconds(100);
constexpr absl::Duration kPlainPause = absl::Seconds(10);

absl::Duration Now() { return SystemClock().Steady(); }

}  // namespace

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)), unit_(std::move(unit)), terminal_(isatty(STDERR_FILENO) == 1),
      started_(Now()), shown_(started_) {}

Progress::~Progress() {
  if (terminal_ && any_) std::fputc('\n', stderr);
}

void Progress::Show(int64_t done, int64_t total) {
  const absl::Duration now = Now();
  const bool last = done >= total;
  if (!last && now - shown_ < (terminal_ ? kTerminalPause : kPlainPause)) return;
  shown_ = now;
  any_ = true;
  const double seconds = absl::ToDoubleSeconds(now - started_);
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const long left =
      rate > 0 ? static_cast<long>(static_cast<double>(total - done) / rate) : 0;
  if (!terminal_) {
    std::fprintf(stderr, "%s: %lld of %lld %s, %.0f/s, %ld s left\n", what_.c_str(),
                 static_cast<long long>(done), static_cast<long long>(total), unit_.c_str(), rate,
                 left);
    return;
  }
  const int filled =
      total > 0 ? static_cast<int>(done * kBarWidth / total) : kBarWidth;
  std::string bar(filled, '#');
  bar.resize(kBarWidth, '.');
  std::fprintf(stderr, "\r%s [%s] %lld/%lld %s %.0f/s %ld s left \033[K", what_.c_str(),
               bar.c_str(), static_cast<long long>(done), static_cast<long long>(total),
               unit_.c_str(), rate, left);
  std::fflush(stderr);
}

}  // namespace weft
