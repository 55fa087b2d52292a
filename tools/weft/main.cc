// weft: asks and steers a running mesh from the command line. See README.md.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "libs/base/clock.h"
#include "tools/weft/cli.h"

namespace {

volatile sig_atomic_t interrupts = 0;

void OnInterrupt(int) {
  interrupts = interrupts + 1;
  if (interrupts > 1) _exit(130);  // The second time nothing is waited for.
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const weft::SystemClock clock;
  const auto interrupted = [] { return interrupts > 0; };
  weft::cli::Terminal terminal{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .out_is_terminal = isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = isatty(STDERR_FILENO) == 1,
      .steady = [&] { return clock.Steady(); },
      .sleep =
          [&](absl::Duration d) {
            const absl::Duration until = clock.Steady() + d;
            while (clock.Steady() < until && !interrupted()) {
              std::this_thread::sleep_for(std::chrono::milliseconds(50));
            }
          },
      .interrupted = interrupted};
  const weft::cli::Environment environment{
      .self = argc > 0 ? argv[0] : "weft",
      .variable =
          [](const std::string& name) {
            const char* value = std::getenv(name.c_str());
            return std::string(value == nullptr ? "" : value);
          },
      .connect =
          [&](const std::string& server) {
            return weft::cli::HttpTransport(server, interrupted);
          }};
  return weft::cli::Run({argv + 1, argv + argc}, terminal, environment);
}
