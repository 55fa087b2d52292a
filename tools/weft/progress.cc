#include "tools/weft/progress.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace weft::cli {
namespace {

constexpr absl::Duration kBarEvery = absl::Milliseconds(100);
constexpr absl::Duration kLineEvery = absl::Seconds(10);
constexpr int kBarWidth = 24;

Progress::Style StyleOf(const Terminal& terminal, const std::string& setting) {
  if (setting == "none") return Progress::Style::kNone;
  if (setting == "plain" || !terminal.err_is_terminal) return Progress::Style::kPlain;
  return Progress::Style::kBar;
}

std::string ShowTime(absl::Duration d) {
  const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(d, absl::Seconds(1)));
  return seconds >= 3600
             ? absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
             : absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
}

}  // namespace

Progress::Progress(Terminal& terminal, const std::string& setting, std::string what,
                   std::string unit, int64_t total)
    : terminal_(terminal),
      style_(StyleOf(terminal, setting)),
      what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      began_(terminal.steady()),
      shown_(began_) {}

Progress::~Progress() { Finish(); }

void Progress::Update(int64_t done, double share) {
  done_ = done;
  share_ = std::clamp(total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : share,
                      0.0, 1.0);
  if (style_ == Style::kNone) return;
  const absl::Duration now = terminal_.steady();
  if (now - shown_ < (style_ == Style::kBar ? kBarEvery : kLineEvery)) return;
  shown_ = now;
  if (style_ == Style::kBar) {
    terminal_.err << "\r" << Line(true) << "\x1b[K" << std::flush;
    open_ = true;
  } else {
    terminal_.err << Line(false) << "\n" << std::flush;
  }
}

void Progress::Finish() {
  if (finished_) return;
  finished_ = true;
  if (style_ == Style::kBar) {
    terminal_.err << (open_ ? "\r" : "") << Line(true) << "\x1b[K\n" << std::flush;
  } else if (style_ == Style::kPlain) {
    terminal_.err << Line(false) << "\n" << std::flush;
  }
}

std::string Progress::Line(bool bar) const {
  const absl::Duration spent = terminal_.steady() - began_;
  const double seconds = absl::ToDoubleSeconds(spent);
  std::string line = what_;
  if (bar) {
    const int full = static_cast<int>(share_ * kBarWidth);
    absl::StrAppend(&line, " [", std::string(static_cast<size_t>(full), '#'),
                    std::string(static_cast<size_t>(kBarWidth - full), '.'), "]");
  }
  absl::StrAppendFormat(&line, " %3d %%  %d %s", static_cast<int>(share_ * 100), done_, unit_);
  if (seconds > 0) {
    absl::StrAppendFormat(&line, "  %.0f/s", static_cast<double>(done_) / seconds);
  }
  if (share_ > 0 && share_ < 1) {
    absl::StrAppend(&line, "  ", ShowTime(spent * ((1 - share_) / share_)), " left");
  } else if (share_ >= 1) {
    absl::StrAppend(&line, "  in ", ShowTime(spent));
  }
  return line;
}

}  // namespace weft::cli
