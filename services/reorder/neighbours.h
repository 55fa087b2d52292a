// The rooms this room asks, and what it makes of their answers.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/rpc/client.h"
#include "services/reorder/domain/proposal.h"
#include "weft/approval/v1/approval.pb.h"

namespace weft::reorder {

// On whose behalf a neighbour is asked, and for how long.
struct Asking {
  std::string tenant;
  std::string user;
  std::string traceparent;
  absl::Duration timeout;
};

// Thread safe; constant after construction. Callbacks run on a client thread, or
// at once when a room is not there.
class Neighbours {
 public:
  explicit Neighbours(const std::map<std::string, rpc::Client*>& rooms);

  void GetOrder(const std::string& name, const Asking& asking,
                std::function<void(absl::StatusOr<approval::v1::Order>)> done) const;

  // Sends a serialised approval.v1.SubmitOrderRequest; the answer is a serialised
  // approval.v1.Order.
  void SubmitOrder(const std::string& request, const Asking& asking,
                   std::function<void(absl::StatusOr<std::string>)> done) const;

  // Shape: one answer per sku; STOCK_UNKNOWN where the room did not answer in time.
  void AskStock(const std::vector<std::string>& skus, const Asking& asking,
                std::function<void(std::map<std::string, StockAnswer>)> done) const;

  struct PriceQuestion {
    std::string account;
    std::string channel;
    std::string currency_code;
    struct Line {
      std::string sku;
      std::string quantity;
      std::string unit;
    };
    std::vector<Line> lines;
  };
  struct Prices {
    std::string currency_code;         // "" when pricing did not answer.
    std::vector<PriceAnswer> answers;  // One per line, in order.
  };
  // PRICE_UNKNOWN where the room did not answer in time.
  void AskPrices(const PriceQuestion& question, const Asking& asking,
                 std::function<void(Prices)> done) const;

 private:
  rpc::Client* approval_ = nullptr;
  rpc::Client* inventory_ = nullptr;
  rpc::Client* pricing_ = nullptr;
};

}  // namespace weft::reorder
