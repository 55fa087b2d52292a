// `weft erp reseed`: a connection's facts anew, for a log that was lost.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "tools/weft/commands.h"
#include "tools/weft/progress.h"
#include "weft/erp/v1/erp.pb.h"

namespace weft::cli {
namespace {

namespace v1 = erp::v1;

constexpr int kPageSize = 1000;

}  // namespace

int ErpReseed(Session& session, const std::string& connection, const std::string& page_token) {
  Terminal& terminal = session.terminal();
  Progress progress(terminal, session.common().progress, "reseed", "facts", 0);
  v1::ReseedFactsRequest request;
  request.set_page_size(kPageSize);
  request.set_page_token(page_token);
  int64_t emitted = 0;
  int64_t left_out = 0;
  const std::string id = session.RequestId();
  int64_t page = 0;
  const auto go_on = [&] {
    return absl::StrCat("weft erp reseed ", connection,
                        request.page_token().empty() ? "" : " --from " + request.page_token());
  };
  while (true) {
    if (terminal.interrupted()) {
      progress.Finish();
      terminal.err << "interrupted; go on with: " << go_on() << "\n";
      return kInterrupted;
    }
    v1::ReseedFactsResponse response;
    const absl::Status done =
        session.Mutate(absl::StrCat("/v1/erp/", Segment(connection), ":reseed"), request,
                       absl::StrCat(id, "-", page++), response);
    if (!done.ok()) {
      progress.Finish();
      const int exit = session.Fail(done, "erp");
      terminal.err << "  go on:   " << go_on() << "\n";
      return exit;
    }
    emitted += response.emitted();
    left_out += response.left_out();
    progress.Update(emitted, 0);
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  progress.Finish();
  if (session.json()) {
    v1::ReseedFactsResponse total;
    total.set_emitted(emitted);
    total.set_left_out(left_out);
    session.PrintJson(total);
  } else {
    terminal.out << emitted << " facts written, " << left_out
                 << " objects without one (what has happened)\n";
  }
  return kOk;
}

}  // namespace weft::cli
