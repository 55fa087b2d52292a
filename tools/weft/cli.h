// The command line: from arguments to a command.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/weft/terminal.h"
#include "tools/weft/transport.h"

namespace weft::cli {

struct Environment {
  std::string self = "weft";  // Path of this program, for `up`.
  // "" where a variable is not set.
  std::function<std::string(const std::string&)> variable;
  // Makes the transport to a server.
  std::function<absl::StatusOr<std::unique_ptr<Transport>>(const std::string& server)> connect;
};

// `arguments` without the program's name. Returns the exit code.
int Run(const std::vector<std::string>& arguments, Terminal& terminal,
        const Environment& environment);

}  // namespace weft::cli
