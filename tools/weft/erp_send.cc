// `weft erp send`: a file of messages, in batches, through the connector's door.
#include <fstream>
#include <istream>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "tools/weft/batches.h"
#include "tools/weft/commands.h"
#include "tools/weft/progress.h"

namespace weft::cli {

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
  BatchSender sender(session, {.connection = options.connection,
                               .batch = options.batch,
                               .skip = options.skip,
                               .retries = options.retries});
  Progress progress(terminal, session.common().progress, "sending", "messages", 0);
  const absl::Status status = sender.Send(
      [&](std::string& line) { return static_cast<bool>(std::getline(in, line)); },
      [&] {
        progress.Update(sender.total().messages(),
                        size > 0 ? static_cast<double>(sender.bytes()) / static_cast<double>(size)
                                 : 0);
      });
  if (status.ok() && size == 0) progress.Update(sender.total().messages(), 1);
  progress.Finish();
  if (!status.ok()) {
    const int exit = session.Fail(status, "erp send");
    terminal.err << "  resume:  weft erp send " << options.file << " --connection "
                 << options.connection << " --skip " << sender.done() << "\n";
    return exit;
  }
  return ShowIngested(session, sender.total());
}

}  // namespace weft::cli
