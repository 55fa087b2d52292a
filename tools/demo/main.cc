// Prints the demo feed, one message a line, for `weft erp send` and for reading.
//
//   weft-demo-feed tests/data/online-retail/online-retail.csv.xz [--no-invoices] > feed.ndjson
#include <cstdio>
#include <cstring>

#include "absl/time/clock.h"
#include "tools/demo/catalogue.h"
#include "tools/demo/feed.h"
#include "tools/demo/online_retail.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: weft-demo-feed FILE.csv.xz [--no-invoices]\n");
    return 2;
  }
  auto lines = weft::demo::ReadOnlineRetail(argv[1]);
  if (!lines.ok()) {
    std::fprintf(stderr, "%s\n", lines.status().ToString().c_str());
    return 1;
  }
  const weft::demo::Catalogue catalogue = weft::demo::MakeCatalogue(*std::move(lines));
  const weft::demo::Feed feed(
      catalogue, {.shift = weft::demo::ShiftTo(catalogue, absl::Now()),
                  .invoices = argc < 3 || std::strcmp(argv[2], "--no-invoices") != 0});
  const absl::Status status = feed.ForEach([](const std::string& message) {
    std::fwrite(message.data(), 1, message.size(), stdout);
    std::fputc('\n', stdout);
    return std::ferror(stdout) != 0 ? absl::UnavailableError("cannot write") : absl::OkStatus();
  });
  return status.ok() ? 0 : 1;
}
