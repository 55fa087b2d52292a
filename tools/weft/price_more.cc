// `weft price calculate|lock|verify-lock|lock-keys|watch|replay`.
#include <fstream>
#include <iterator>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/jwk.h"
#include "services/pricing/price_lock.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::cli {
namespace {

namespace v1 = pricing::v1;

// "SKU=QUANTITY[:UNIT]"; a SKU may hold '=' and ':', a quantity may not.
absl::Status ReadLine(const std::string& text, v1::PriceRequestLine& line) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return InvalidArgument("LINE_MALFORMED",
                           absl::StrCat("'", text, "' is no line; write SKU=QUANTITY or "
                                                   "SKU=QUANTITY:UNIT, such as 85123A=6:EA"));
  }
  line.set_sku(text.substr(0, equals));
  const std::string quantity = text.substr(equals + 1);
  const size_t colon = quantity.find(':');
  line.mutable_quantity()->set_value(quantity.substr(0, colon));
  if (colon != std::string::npos) line.mutable_quantity()->set_unit(quantity.substr(colon + 1));
  return absl::OkStatus();
}

template <typename Request>
absl::Status Fill(Session& session, const PriceLinesOptions& options, Request& request) {
  request.set_account(options.account);
  request.set_channel(options.channel);
  request.set_currency_code(options.currency);
  request.set_user(session.common().user);
  if (!options.as_of.empty() &&
      !google::protobuf::util::TimeUtil::FromString(options.as_of, request.mutable_as_of())) {
    return InvalidArgument("TIME_MALFORMED",
                           absl::StrCat("--as-of '", options.as_of,
                                        "' is no time such as 2026-03-01T07:00:00Z"));
  }
  for (const std::string& line : options.lines) {
    WEFT_RETURN_IF_ERROR(ReadLine(line, *request.add_lines()));
  }
  return absl::OkStatus();
}

// Of "-" standard input; without the line end behind it.
absl::StatusOr<std::string> ReadAll(Session& session, const std::string& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(session.terminal().in), {});
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      return NotFound("FILE_UNREADABLE", absl::StrCat("cannot read '", path, "'"));
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  return std::string(absl::StripAsciiWhitespace(text));
}

template <typename Lines>
void ShowLines(const Lines& lines, bool list_price, std::ostream& out) {
  std::vector<Table::Column> columns = {{"sku"},
                                        {"quantity", Table::Align::kRight},
                                        {"unit price", Table::Align::kRight},
                                        {"net", Table::Align::kRight}};
  if (list_price) columns.push_back({"list price", Table::Align::kRight});
  columns.push_back({"note"});
  Table table(std::move(columns));
  for (const v1::PriceLine& line : lines) {
    std::string note = line.has_net() ? line.next_tier().message()
                                      : absl::StrCat(line.reason().reason(), ": ",
                                                     line.reason().message());
    if (!line.price_lock().empty()) note = absl::StrCat("by ", line.price_lock());
    std::vector<std::string> cells = {line.sku(), Show(line.quantity()), Show(line.unit_price()),
                                      Show(line.net())};
    if (list_price) cells.push_back(Show(line.list_price()));
    cells.push_back(std::move(note));
    table.Add(std::move(cells));
  }
  table.Print(out);
  for (const v1::PriceLine& line : lines) {
    if (line.tiers().empty()) continue;
    out << "\n" << line.sku() << " from";
    for (const v1::LadderStep& step : line.tiers()) {
      out << "  " << step.minimum_quantity() << ": " << Show(step.unit_price());
    }
    out << "\n";
  }
}

void ShowLock(const v1::PriceLock& lock, std::ostream& out) {
  out << "lock      " << lock.id() << "\naccount   " << lock.account() << "\nexpires   "
      << Show(lock.expire_time()) << "\n";
  if (!lock.reference().empty()) out << "reference " << lock.reference() << "\n";
  Table table({{"sku"},
               {"quantity", Table::Align::kRight},
               {"unit price", Table::Align::kRight},
               {"net", Table::Align::kRight},
               {"holds for"}});
  for (const v1::LockedLine& line : lock.lines()) {
    table.Add({line.sku(), Show(line.quantity()), Show(line.unit_price()), Show(line.net()),
               line.quantity_rule() == v1::LOCKED_QUANTITY_TIERS
                   ? absl::StrCat("quantities from ", line.tiers(0).minimum_quantity())
                   : "this quantity"});
  }
  table.Print(out);
}

int ShowVerdict(Session& session, const v1::PriceLockVerification& told) {
  if (session.json()) {
    session.PrintJson(told);
  } else {
    std::ostream& out = session.terminal().out;
    out << (told.valid() ? "the lock holds"
                         : absl::StrCat(told.reason().reason(), ": ", told.reason().message()))
        << "\n";
    if (told.has_contents()) ShowLock(told.contents(), out);
  }
  return told.valid() ? kOk : kConflict;
}

// Without a server: with the keys of a file.
absl::Status VerifyHere(const std::string& lock, const std::string& keys,
                        const PriceVerifyOptions& options, v1::PriceLockVerification& told) {
  WEFT_ASSIGN_OR_RETURN(const rpc::JsonWebKeySet set, rpc::JsonWebKeySet::Parse(keys));
  absl::StatusOr<v1::PriceLock> contents = pricing::ReadPriceLock(set, lock);
  absl::Status status = contents.status();
  if (contents.ok()) {
    status = pricing::CheckPriceLock(
        *contents,
        {.tenant = options.tenant, .account = options.account, .at = absl::Now()});
    *told.mutable_contents() = *std::move(contents);
  }
  told.set_valid(status.ok());
  if (!status.ok()) {
    told.mutable_reason()->set_reason(ReasonOf(status));
    told.mutable_reason()->set_message(std::string(status.message()));
  }
  return absl::OkStatus();
}

}  // namespace

int PriceCalculate(Session& session, const PriceLinesOptions& options) {
  v1::CalculatePricesRequest request;
  absl::Status status = Fill(session, options, request);
  if (status.ok() && !options.lock_file.empty()) {
    const absl::StatusOr<std::string> lock = ReadAll(session, options.lock_file);
    status = lock.status();
    if (lock.ok()) request.set_price_lock(*lock);
  }
  if (options.list_price) request.add_include(v1::INCLUDE_LIST_PRICE);
  if (options.tiers) request.add_include(v1::INCLUDE_TIERS);
  v1::CalculatePricesResponse response;
  if (status.ok()) status = session.Post("/v1/prices:calculate", request, response);
  if (!status.ok()) return session.Fail(status, "price");
  if (session.json()) {
    session.PrintJson(response);
  } else {
    std::ostream& out = session.terminal().out;
    ShowLines(response.lines(), options.list_price, out);
    if (response.has_total()) out << "total     " << Show(response.total()) << "\n";
    if (response.price_lock_use().has_reason()) {
      out << "the lock was not used: " << response.price_lock_use().reason().reason() << ": "
          << response.price_lock_use().reason().message() << "\n";
    }
  }
  return response.has_total() ? kOk : kConflict;
}

int PriceLock(Session& session, const PriceLinesOptions& options) {
  v1::LockPricesRequest request;
  absl::Status status = Fill(session, options, request);
  request.set_include_tiers(options.tiers);
  request.set_reference(options.reference);
  if (options.hours > 0) {
    *request.mutable_expire_time() = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
        absl::ToUnixMicros(absl::Now() + absl::Hours(options.hours)));
  }
  v1::LockPricesResponse response;
  if (status.ok()) {
    status = session.Mutate("/v1/prices:lock", request, session.RequestId(), response);
  }
  if (!status.ok()) return session.Fail(status, "price");
  std::ostream& out = session.terminal().out;
  if (!options.out_file.empty()) {
    std::ofstream file(options.out_file, std::ios::binary);
    file << response.price_lock() << "\n";
    if (!file.flush()) {
      return session.Fail(Unavailable("FILE_NOT_WRITTEN",
                                      absl::StrCat("cannot write '", options.out_file, "'")),
                          "price");
    }
  }
  if (session.common().output == Output::kName) {
    out << response.price_lock() << "\n";
  } else if (session.json()) {
    session.PrintJson(response);
  } else {
    ShowLock(response.contents(), out);
    for (const v1::PriceLine& line : response.lines()) {
      if (line.has_reason()) {
        out << "not locked: " << line.sku() << ": " << line.reason().reason() << ": "
            << line.reason().message() << "\n";
      }
    }
    if (options.out_file.empty()) out << "\n" << response.price_lock() << "\n";
  }
  return response.contents().lines_size() == response.lines_size() ? kOk : kConflict;
}

int PriceVerifyLock(Session& session, const PriceVerifyOptions& options) {
  const absl::StatusOr<std::string> lock = ReadAll(session, options.file);
  if (!lock.ok()) return session.Fail(lock.status(), "price");
  v1::PriceLockVerification told;
  absl::Status status;
  if (!options.key_file.empty()) {
    const absl::StatusOr<std::string> keys = ReadAll(session, options.key_file);
    status = keys.ok() ? VerifyHere(*lock, *keys, options, told) : keys.status();
  } else {
    v1::VerifyPriceLockRequest request;
    request.set_price_lock(*lock);
    request.set_account(options.account);
    status = session.Post("/v1/price-locks:verify", request, told);
  }
  return status.ok() ? ShowVerdict(session, told) : session.Fail(status, "price");
}

int PriceLockKeys(Session& session) {
  v1::ListPriceLockKeysResponse response;
  const absl::Status status = session.Get("/v1/price-locks/keys", response);
  if (!status.ok()) return session.Fail(status, "price");
  session.PrintJson(response);  // A key set is JSON, for people, too.
  return kOk;
}

int PriceWatch(Session& session, const PriceWatchOptions& options) {
  std::vector<std::pair<std::string, std::string>> query = {{"resumeToken", options.resume}};
  for (const std::string& account : options.accounts) query.emplace_back("accounts", account);
  for (const std::string& sku : options.skus) query.emplace_back("skus", sku);
  v1::WatchPricesResponse message;
  int messages = 0;
  std::string token = options.resume;
  const absl::Status status =
      session.Watch(absl::StrCat("/v1/prices:watch", Query(query)), message, [&] {
        std::ostream& out = session.terminal().out;
        token = message.resume_token();
        if (session.json()) {
          session.PrintJson(message);
        } else if (!message.heartbeat()) {
          out << message.resume_token();
          if (message.all()) out << "  all";
          if (message.skus_size() > 0) out << "  items " << absl::StrJoin(message.skus(), " ");
          if (message.accounts_size() > 0) {
            out << "  accounts " << absl::StrJoin(message.accounts(), " ");
          }
          for (const v1::ChangedAccountItem& one : message.account_items()) {
            out << "  " << one.account() << ":" << one.sku();
          }
          out << "\n";
        }
        out.flush();
        return ++messages != options.count;
      });
  if (options.count > 0 && messages == options.count) return kOk;
  const int exit = status.ok() ? kOk : session.Fail(status, "price");
  if (!token.empty()) {
    session.terminal().err << "  resume:  weft price watch --resume " << token << "\n";
  }
  return exit;
}

int PriceReplay(Session& session, const PriceReplayOptions& options) {
  v1::ReplayDecisionRequest request;
  std::string currency = options.currency;
  v1::DecisionReplay response;
  const std::string target = absl::StrCat("/v1/decisions/", Segment(options.id), ":replay");
  absl::Status status;
  if (currency.empty() && !(options.net.empty() && options.unit_price.empty())) {
    status = session.Post(target, request, response);
    currency = response.then().currency_code();
  }
  for (const auto& [amount, money] :
       {std::pair{&options.net, &v1::ReplayDecisionRequest::mutable_net},
        std::pair{&options.unit_price, &v1::ReplayDecisionRequest::mutable_unit_price}}) {
    if (amount->empty()) continue;
    (request.*money)()->set_amount(*amount);
    (request.*money)()->set_currency_code(currency);
  }
  if (status.ok()) status = session.Post(target, request, response);
  if (!status.ok()) return session.Fail(status, "price");
  if (session.json()) {
    session.PrintJson(response);
  } else {
    std::ostream& out = session.terminal().out;
    const v1::PriceLine& then = response.then().line();
    Table table({{""},
                 {"quantity", Table::Align::kRight},
                 {"unit price", Table::Align::kRight},
                 {"net", Table::Align::kRight}});
    table.Add({"then", Show(then.quantity()), Show(then.unit_price()), Show(then.net())});
    const v1::PriceLine& now = response.now();
    table.Add({"now", Show(now.quantity()), Show(now.unit_price()),
               now.has_reason() ? now.reason().reason() : Show(now.net())});
    table.Print(out);
    if (response.outcome() == v1::REPLAY_OUTCOME_SAME) out << "it is what was shown\n";
    if (response.outcome() == v1::REPLAY_OUTCOME_DIFFERENT) {
      out << "it is not what was shown";
      if (response.has_net_difference()) out << ": " << Show(response.net_difference());
      out << "\n";
    }
  }
  return response.outcome() == v1::REPLAY_OUTCOME_DIFFERENT ? kConflict : kOk;
}

}  // namespace weft::cli
