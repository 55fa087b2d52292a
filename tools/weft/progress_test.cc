#include "tools/weft/progress.h"

#include <catch2/catch.hpp>
#include <sstream>

namespace weft::cli {
namespace {

struct Screen {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  absl::Duration now;
  Terminal terminal{.in = in, .out = out, .err = err, .steady = [this] { return now; }};
};

TEST_CASE("a bar shows share, count, rate and time left", "[cli]") {
  Screen screen;
  screen.terminal.err_is_terminal = true;
  Progress progress(screen.terminal, "auto", "sending", "messages", 1000);

  screen.now = absl::Seconds(2);
  progress.Update(250, 0);

  CHECK(screen.err.str() ==
        "\rsending [######..................]  25 %  250 messages  125/s  0:06 left\x1b[K");
  CHECK(screen.out.str().empty());
}

TEST_CASE("without a terminal there is one line in ten seconds and one at the end", "[cli]") {
  Screen screen;
  Progress progress(screen.terminal, "auto", "sending", "messages", 0);

  for (int second = 1; second <= 25; ++second) {
    screen.now = absl::Seconds(second);
    progress.Update(second * 10, second / 25.0);
  }
  progress.Finish();

  CHECK(screen.err.str() ==
        "sending  40 %  100 messages  10/s  0:15 left\n"
        "sending  80 %  200 messages  10/s  0:05 left\n"
        "sending 100 %  250 messages  10/s  in 0:25\n");
}

TEST_CASE("a bar is not redrawn more often than people see", "[cli]") {
  Screen screen;
  screen.terminal.err_is_terminal = true;
  Progress progress(screen.terminal, "auto", "sending", "messages", 100);

  for (int i = 1; i <= 100; ++i) {
    screen.now = absl::Milliseconds(i);
    progress.Update(i, 0);
  }

  CHECK(screen.err.str().find('\r') == screen.err.str().rfind('\r'));
}

TEST_CASE("progress can be switched off", "[cli]") {
  Screen screen;
  screen.terminal.err_is_terminal = true;
  {
    Progress progress(screen.terminal, "none", "sending", "messages", 100);
    screen.now = absl::Seconds(20);
    progress.Update(50, 0);
  }
  CHECK(screen.err.str().empty());
}

}  // namespace
}  // namespace weft::cli
