// `weft import`: a shop's tables, looked through and loaded.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/erp-connector/json_writer.h"
#include "tools/weft/batches.h"
#include "tools/weft/commands.h"
#include "tools/weft/importing/check.h"
#include "tools/weft/importing/messages.h"
#include "tools/weft/importing/report.h"
#include "tools/weft/progress.h"
#include "tools/weft/table.h"

namespace weft::cli {
namespace {

namespace v1 = erp::v1;

// When the table was written: the same on every run with the same file.
absl::Time WrittenAt(const std::string& path) {
  std::error_code error;
  const auto at = std::filesystem::last_write_time(path, error);
  if (error) return absl::UnixEpoch();
  return absl::FromChrono(std::chrono::time_point_cast<std::chrono::system_clock::duration>(
      std::chrono::file_clock::to_sys(at)));
}

void ShowTables(const Shop& shop, const Load& load, std::ostream& out) {
  Table table({{"table"}, {"rows", Table::Align::kRight}, {"bad", Table::Align::kRight}});
  for (const Shop::File& file : shop.files) {
    table.Add({file.name, absl::StrCat(file.rows), absl::StrCat(file.bad)});
  }
  table.Print(out);
  out << "\nto load: " << load.items.size() << " items, " << load.accounts.size()
      << " accounts, " << load.books.size() << " books, " << load.prices.size() << " prices, "
      << load.contracts.size() << " contracts, " << load.stock.size() << " stock counts\n";
}

void Report(Session& session, const Shop& shop, const Load& load,
            const std::vector<Finding>& findings) {
  std::ostream& out = session.terminal().out;
  if (session.common().output == Output::kCsv) return WriteFindingsCsv(findings, out);
  if (session.json()) {
    erp::JsonWriter json;
    json.BeginObject().BeginObject("tables");
    for (const Shop::File& file : shop.files) {
      json.BeginObject(file.name)
          .Raw("rows", absl::StrCat(file.rows))
          .Raw("bad", absl::StrCat(file.bad))
          .EndObject();
    }
    json.EndObject()
        .Raw("messages", absl::StrCat(CountMessages(load)))
        .Raw("errors", absl::StrCat(CountErrors(findings)))
        .Raw("warnings",
             absl::StrCat(static_cast<int64_t>(findings.size()) - CountErrors(findings)))
        .Raw("findings", FindingsJson(findings))
        .EndObject();
    out << json.Take() << "\n";
    return;
  }
  ShowTables(shop, load, out);
  if (!findings.empty()) out << "\n";
  ShowFindings(findings, out);
}

// The name the load has on this connection: that of its content, and a number where
// the same content was loaded before and another one since. The load that is still
// open goes on; one that is over and the last stays as it is.
absl::StatusOr<std::string> NameOf(Session& session, const std::string& connection,
                                   const std::string& content, bool& loaded) {
  loaded = false;
  const std::string name = absl::StrCat("import-", content.substr(0, 16));
  int64_t before = 0;
  bool newest = true;
  std::string token;
  do {
    v1::ListLoadsResponse page;
    WEFT_RETURN_IF_ERROR(session.Get(
        absl::StrCat("/v1/erp/loads", Query({{"connection", connection},
                                             {"pageSize", "1000"},
                                             {"pageToken", token}})),
        page));
    for (const v1::Load& load : page.loads()) {
      const bool same = load.load() == name || load.load().rfind(name + "-", 0) == 0;
      if (newest && same && load.state() != v1::LOAD_STATE_ABANDONED) {
        loaded = load.state() != v1::LOAD_STATE_OPEN;
        return load.load();
      }
      newest = false;
      if (same) ++before;
    }
    token = page.next_page_token();
  } while (!token.empty());
  return before == 0 ? name : absl::StrCat(name, "-", before + 1);
}

}  // namespace

int Import(Session& session, const ImportOptions& options) {
  Terminal& terminal = session.terminal();
  ReadOptions reading;
  if (!absl::LoadTimeZone(options.time_zone, &reading.zone)) {
    return session.Fail(InvalidArgument("TIME_ZONE_UNKNOWN",
                                        absl::StrCat("'", options.time_zone,
                                                     "' is no time zone such as Europe/Berlin")),
                        "import");
  }
  reading.counted = WrittenAt(absl::StrCat(options.folder, "/stock.csv"));
  Shop shop;
  std::vector<Finding> findings;
  if (const auto s = ReadFolder(options.folder, reading, shop, findings); !s.ok()) {
    return session.Fail(s, "import");
  }
  Shop tables;
  tables.files = shop.files;
  const Load load = Check(std::move(shop), findings);
  const int64_t errors = CountErrors(findings);
  const int64_t messages = CountMessages(load);
  if (options.preview || errors > 0 || !session.json()) Report(session, tables, load, findings);
  if (options.preview) return errors > 0 ? kConflict : kOk;
  if (errors > 0 && !options.skip_bad) {
    terminal.err << "nothing was loaded: " << errors
                 << " errors; mend them, or leave those rows out with --skip-bad\n";
    return kConflict;
  }
  if (messages <= 2) {
    return session.Fail(FailedPrecondition("NOTHING_TO_LOAD", "no row is left to load"), "import");
  }

  bool loaded = false;
  const absl::StatusOr<std::string> name =
      NameOf(session, options.connection, ContentOf(load), loaded);
  if (!name.ok()) return session.Fail(name.status(), "import");
  if (loaded) {
    terminal.err << "these tables are loaded already (" << *name << "); nothing to do\n";
    return kOk;
  }

  // The messages are made as they are sent; a batch at a time is held.
  BatchSender sender(session, {.connection = options.connection,
                               .batch = options.batch,
                               .skip = options.skip,
                               .retries = options.retries});
  Progress progress(terminal, session.common().progress, "loading", "messages", messages);
  std::vector<std::string> held;
  absl::Status status;
  const auto flush = [&]() -> absl::Status {
    size_t next = 0;
    const absl::Status sent = sender.Send(
        [&](std::string& line) {
          if (next == held.size()) return false;
          line = std::move(held[next++]);
          return true;
        },
        [&] {
          progress.Update(sender.done(), static_cast<double>(sender.done()) /
                                             static_cast<double>(messages));
        });
    held.clear();
    if (!sent.ok()) return sent;
    if (terminal.interrupted && terminal.interrupted() && sender.lines() < messages) {
      return Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
    }
    return absl::OkStatus();
  };
  status = ForEachMessage(load, *name, [&](const std::string& message) {
    held.push_back(message);
    return held.size() < static_cast<size_t>(options.batch) ? absl::OkStatus() : flush();
  });
  if (status.ok()) status = flush();
  progress.Finish();
  if (!status.ok()) {
    const int exit = session.Fail(status, "import");
    // From the start would do as well: what is in is recognised.
    terminal.err << "  resume:  weft import " << options.folder << " --connection "
                 << options.connection << (options.skip_bad ? " --skip-bad" : "") << " --skip " << sender.done() << "\n";
    return exit;
  }
  const int exit = ShowIngested(session, sender.total());
  v1::ListLoadsResponse loads;
  if (session.Get(absl::StrCat("/v1/erp/loads", Query({{"connection", options.connection}})), loads)
          .ok()) {
    for (const v1::Load& one : loads.loads()) {
      if (one.load() != *name || one.state() != v1::LOAD_STATE_HELD) continue;
      terminal.err << "the load is held: it leaves out more of what was there than the connection "
                      "allows, and nothing was deleted.\n  next:    POST /v1/erp/loads/"
                   << one.id() << ":resolve with resolution KEEP or DELETE\n";
      return kConflict;
    }
  }
  return exit;
}

}  // namespace weft::cli
