// What the commands do, without how their arguments are parsed (cli.cc). Each
// returns its exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/weft/session.h"

namespace weft::cli {

// --- status.cc ----------------------------------------------------------------
int Status(Session& session);

// --- price.cc -----------------------------------------------------------------
struct PriceOptions {
  std::string sku;
  std::string quantity = "1";
  std::string unit;
  std::string account;
  std::string channel;
  std::string currency;
  std::string as_of;  // RFC 3339.
  std::string after;  // Token of what must be visible.
  bool explain = false;
};
int Price(Session& session, const PriceOptions& options);

// --- price_more.cc ------------------------------------------------------------
struct PriceLinesOptions {
  std::vector<std::string> lines;  // "SKU=QUANTITY[:UNIT]"
  std::string account;
  std::string channel;
  std::string currency;
  std::string as_of;
  std::string lock_file;   // To calculate with.
  bool list_price = false;
  bool tiers = false;      // Also of a lock.
  std::string reference;   // Of a lock.
  double hours = 0;        // Of a lock; 0 = the room's.
  std::string out_file;    // Of a lock.
};
int PriceCalculate(Session& session, const PriceLinesOptions& options);
int PriceLock(Session& session, const PriceLinesOptions& options);
struct PriceVerifyOptions {
  std::string file;      // "-" = standard input.
  std::string key_file;  // JSON Web Key Set; "" = ask the mesh.
  std::string account;
  std::string tenant;
};
int PriceVerifyLock(Session& session, const PriceVerifyOptions& options);
int PriceLockKeys(Session& session);
struct PriceWatchOptions {
  std::vector<std::string> accounts;
  std::vector<std::string> skus;
  std::string resume;
  int count = 0;  // Messages until it ends; 0 = for ever.
};
int PriceWatch(Session& session, const PriceWatchOptions& options);
struct PriceReplayOptions {
  std::string id;
  std::string net;
  std::string unit_price;
  std::string currency;
};
int PriceReplay(Session& session, const PriceReplayOptions& options);

// --- price_compare.cc ---------------------------------------------------------
struct PriceCompareOptions {
  std::string file;
  std::string channel;
  std::string currency;
  std::string as_of;
  std::string tolerance = "0.01";
  std::string time_zone = "UTC";
  int64_t noise = 0;
  std::string different_max;  // Percent.
  std::string risk_max;
  int batch = 1000;
  int limit = 10;
};
int PriceCompare(Session& session, const PriceCompareOptions& options);

// --- import.cc ----------------------------------------------------------------
struct ImportOptions {
  std::string folder;
  std::string connection = "canonical";
  std::string time_zone = "UTC";
  bool preview = false;
  bool skip_bad = false;
  int batch = 500;
  int64_t skip = 0;
  int retries = 20;
};
int Import(Session& session, const ImportOptions& options);

// --- audit.cc -----------------------------------------------------------------
struct AuditOptions {
  std::string file;
  std::string folder;  // Of the tables; "" = the file's own.
  std::string tolerance = "0.01";
  std::string time_zone = "UTC";
  int limit = 10;
};
int AuditInvoices(Session& session, const AuditOptions& options);

// --- stock.cc -----------------------------------------------------------------
struct StockOptions {
  std::vector<std::string> skus;
  std::vector<std::string> locations;
  std::string quantity;
  std::string unit;
};
int Stock(Session& session, const StockOptions& options);

// --- order.cc -----------------------------------------------------------------
struct OrderSubmitOptions {
  std::vector<std::string> lines;  // "SKU=QUANTITY[:UNIT]"
  std::string account;
  std::string channel;
  std::string external_id;  // "" = made from the request id.
  std::string currency;
  std::string reference;
  std::string requested_date;
  std::string notes;
};
int OrderSubmit(Session& session, const OrderSubmitOptions& options);
int OrderGet(Session& session, const std::string& id);
struct OrderListOptions {
  std::string account;
  std::string state;  // "sent"
  int limit = 50;
};
int OrderList(Session& session, const OrderListOptions& options);
struct OrderWatchOptions {
  std::string id;
  std::string until;  // "acknowledged"; "" = until it cannot change any more.
};
int OrderWatch(Session& session, const OrderWatchOptions& options);
struct OrderCancelOptions {
  std::string id;
  std::string reason;
  std::vector<int> lines;
};
int OrderCancel(Session& session, const OrderCancelOptions& options);
struct OrderReorderOptions {
  std::string id;
  std::string account;
  std::string external_id;
  bool submit = false;
};
int OrderReorder(Session& session, const OrderReorderOptions& options);

// --- approval.cc --------------------------------------------------------------
int ApprovalList(Session& session, int limit);
int ApprovalGet(Session& session, const std::string& id);
struct ApprovalDecideOptions {
  std::string id;
  bool approve = true;
  std::string comment;
};
int ApprovalDecide(Session& session, const ApprovalDecideOptions& options);

// --- suggestion.cc ------------------------------------------------------------
struct SuggestionOptions {
  std::string account;
  std::string as_of;
  int within_days = -1;  // Below 0 = the server's default.
  int limit = 50;
};
int SuggestionList(Session& session, const SuggestionOptions& options);

// --- erp_send.cc --------------------------------------------------------------
struct ErpSendOptions {
  std::string file;  // "-" = standard input.
  std::string connection = "canonical";
  int batch = 500;   // Messages a call.
  int64_t skip = 0;  // Lines already sent.
  int retries = 20;  // After UNAVAILABLE, a call.
};
int ErpSend(Session& session, const ErpSendOptions& options);

// --- erp.cc -------------------------------------------------------------------
struct ErpListOptions {
  std::string connection;
  int limit = 50;
};
int ErpConnections(Session& session);
int ErpParkedList(Session& session, const ErpListOptions& options);
int ErpParkedShow(Session& session, const std::string& id);
// `file`: the edited message; "" = as it is.
int ErpParkedReplay(Session& session, const std::string& id, const std::string& file);
int ErpParkedDiscard(Session& session, const std::string& id);
int ErpExports(Session& session, const ErpListOptions& options);
// Goes on from `page_token` when it is given.
int ErpReseed(Session& session, const std::string& connection, const std::string& page_token);

// --- document.cc --------------------------------------------------------------
// What may be named: files and folders, or documents as "id", "Kind/id",
// "Kind/id@organisation/branch/channel", each with ":version".
struct DocumentOptions {
  std::vector<std::string> what;
  std::vector<std::string> removed;
  std::string kind;
  std::string reason;
  std::string from;  // RFC 3339.
  std::string to;
  std::string account;
  std::string as_of;
  std::string source;  // history, decisions, suites.
  std::vector<std::string> suites;
  std::string share;   // Percent.
  int64_t activation = 0;
  bool replace = false;
  bool validate_only = false;
  bool platform = false;
};
int DocumentShadowStart(Session& session, const DocumentOptions& options);
int DocumentShadowEnd(Session& session, const DocumentOptions& options);
int DocumentShadowShow(Session& session);
int DocumentDecisions(Session& session, const std::string& account, int limit);
int DocumentRerun(Session& session, int most);
int DocumentSave(Session& session, const DocumentOptions& options);
int DocumentCheck(Session& session, const DocumentOptions& options, bool tests_only);
int DocumentDiff(Session& session, const DocumentOptions& options);
int DocumentSimulate(Session& session, const DocumentOptions& options);
int DocumentDecide(Session& session, const DocumentOptions& options, bool approve);
int DocumentPublish(Session& session, const DocumentOptions& options);
int DocumentRollback(Session& session, const DocumentOptions& options);
int DocumentList(Session& session, const DocumentOptions& options);
int DocumentActivations(Session& session, int limit);
int DocumentShow(Session& session, const DocumentOptions& options);
int DocumentExport(Session& session, const DocumentOptions& options);

// --- token.cc -----------------------------------------------------------------
struct TokenOptions {
  std::string key_file;      // PKCS#8 PEM, Ed25519.
  std::string new_key_file;  // Makes a key there and prints its JWKS.
  bool jwks = false;         // Prints the JWKS of the key instead of a token.
  std::string issuer;
  std::string audience = "weft";
  std::string tenant;
  std::string subject;
  std::string user;
  std::string account;
  std::vector<std::string> roles;
  std::vector<std::string> permissions;
  std::vector<std::string> accounts;
  std::vector<std::string> channels;
  std::string channel;
  absl::Duration lifetime = absl::Hours(1);
};
int Token(Terminal& terminal, const TokenOptions& options);

// --- up.cc --------------------------------------------------------------------
// Becomes `weftd`, which stands beside this program, with the arguments.
// Returns only when that fails.
int Up(Terminal& terminal, const std::string& self, const std::vector<std::string>& arguments);

}  // namespace weft::cli
