#include "services/approval/tasks.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/approval/convert.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::approval {

engine::TaskSpec PriceTask(const char* kind, const std::string& id,
                           const PriceQuestion& question) {
  pricing::v1::CalculatePricesRequest request;
  request.set_account(question.account);
  request.set_user(question.user);
  request.set_channel(question.channel);
  request.set_currency_code(question.currency_code);
  *request.mutable_as_of() =
      ToProto(absl::FromUnixMicros(absl::ToUnixMicros(question.as_of)));
  request.set_price_lock(question.price_lock);
  for (const v1::OrderLine& line : *question.lines) {
    pricing::v1::PriceRequestLine& out = *request.add_lines();
    out.set_sku(line.sku());
    out.set_customer_sku(line.customer_sku());
    *out.mutable_quantity() = line.quantity();
  }
  return {.kind = kind, .key = absl::StrCat(id, "/price"), .payload = request.SerializeAsString()};
}

absl::StatusOr<std::vector<PricedLine>> ReadPrices(const engine::TaskResult& result, int lines) {
  WEFT_RETURN_IF_ERROR(result.status);
  pricing::v1::CalculatePricesResponse response;
  if (!response.ParseFromString(result.answer) || response.lines_size() != lines) {
    return Internal("the answer of the price check does not fit the question");
  }
  // Who brings a lock counts on its prices: without them it is another order.
  const common::v1::Reason& lock = response.price_lock_use().reason();
  std::vector<PricedLine> priced;
  priced.reserve(static_cast<size_t>(lines));
  for (const pricing::v1::PriceLine& line : response.lines()) {
    PricedLine out;
    out.sku = line.sku();
    out.unit = line.quantity().unit();
    out.decision_id = line.decision_id();
    if (line.has_reason()) {
      out.reason = line.reason().reason();
      out.message = line.reason().message();
      if (out.reason.empty()) out.reason = "NO_PRICE";
    } else if (!lock.reason().empty()) {
      out.reason = lock.reason();
      out.message = lock.message();
    } else {
      WEFT_ASSIGN_OR_RETURN(out.net, FromProto(line.net()));
      out.unit_price = out.net;
      if (line.has_unit_price()) {
        WEFT_ASSIGN_OR_RETURN(out.unit_price, FromProto(line.unit_price()));
      }
    }
    priced.push_back(std::move(out));
  }
  return priced;
}

engine::TaskSpec ReserveTask(const std::string& id, const v1::Order& order, absl::Time expire) {
  inventory::v1::ReserveRequest request;
  request.set_request_id(absl::StrCat(id, "/reserve"));
  request.set_account(order.account());
  request.set_order(order.name());
  for (const v1::OrderLine& line : order.lines()) {
    inventory::v1::ReserveLine& out = *request.add_lines();
    out.set_sku(line.sku());
    *out.mutable_quantity() = line.quantity();
  }
  *request.mutable_expire_time() = ToProto(expire);
  return {.kind = kReserveTask,
          .key = request.request_id(),
          .payload = request.SerializeAsString()};
}

engine::TaskSpec ConfirmTask(const std::string& id, const v1::Order& order) {
  inventory::v1::ConfirmRequest request;
  request.set_name(order.reservation());
  request.set_request_id(absl::StrCat(id, "/confirm"));
  request.set_order(order.name());
  return {.kind = kConfirmTask,
          .key = request.request_id(),
          .payload = request.SerializeAsString()};
}

engine::TaskSpec ReleaseTask(const std::string& id, const v1::OrderRow& row) {
  inventory::v1::ReleaseRequest request;
  request.set_name(row.order().reservation().empty() ? "reservations/-"
                                                     : row.order().reservation());
  request.set_request_id(absl::StrCat(id, "/release"));
  request.set_undo_of(row.saga().reserve_key());
  request.set_reason(row.saga().ending_reason().reason());
  return {.kind = kReleaseTask,
          .key = request.request_id(),
          .payload = request.SerializeAsString()};
}

std::string IdOfTask(const std::string& key) { return key.substr(0, key.rfind('/')); }

engine::TaskExecutor CallRoom(rpc::Client* client, std::string method) {
  return [client, method = std::move(method)](const engine::TaskCall& call,
                                              engine::TaskDone done) {
    if (client == nullptr) {
      return done(Unavailable("ROOM_UNAVAILABLE", absl::StrCat("nobody serves ", method)));
    }
    rpc::CallOptions options;
    options.tenant = call.tenant;
    client->CallRaw(method, call.payload, options,
                    [done = std::move(done)](absl::StatusOr<rpc::RawAnswer> answer) {
                      if (!answer.ok()) return done(answer.status());
                      done(std::move(answer->payload));
                    });
  };
}

}  // namespace weft::approval
