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
  bool explain = false;
};
int Price(Session& session, const PriceOptions& options);

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
