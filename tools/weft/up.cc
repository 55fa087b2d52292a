// `weft up`: becomes the all-in-one, `weftd`, which stands beside this program.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ostream>

#include "tools/weft/commands.h"

namespace weft::cli {

int Up(Terminal& terminal, const std::string& self, const std::vector<std::string>& arguments) {
  const size_t slash = self.rfind('/');
  const std::string program =
      slash == std::string::npos ? "weftd" : self.substr(0, slash + 1) + "weftd";
  std::vector<std::string> all = {program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  terminal.out.flush();
  ::execvp(program.c_str(), argv.data());
  terminal.err << "error: PROGRAM_MISSING\n  cause:   cannot start '" << program
               << "': " << std::strerror(errno)
               << "\n  next:    build the target weftd, or run weft from where weftd is\n";
  return kFailure;
}

}  // namespace weft::cli
