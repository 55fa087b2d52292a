#include "services/pricing/service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/arena.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "services/pricing/asking.h"
#include "services/pricing/decisions/sampler.h"
#include "services/pricing/rules_in_force.h"

namespace weft::pricing {
namespace {

constexpr char kService[] = "weft.pricing.v1.PricingService/";

// Runs `answer` once the request's `after` is applied here; everything of the call
// lives on one arena.
template <typename Request, typename Answer>
void Register(rpc::MethodRegistry& methods, engine::Shards& shards, const char* name,
              Answer answer) {
  methods.RegisterUnary(
      absl::StrCat(kService, name),
      [&shards, answer](const rpc::CallContext& context, std::string bytes, rpc::RawReply reply) {
        // Waits for nothing the second time.
        const auto run = [answer](const Principal& principal, const std::string& in,
                                  std::string& after) -> absl::StatusOr<std::string> {
          char block[8 << 10];
          google::protobuf::ArenaOptions options;
          options.initial_block = block;
          options.initial_block_size = sizeof(block);
          google::protobuf::Arena arena(options);
          auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
          if (!request->ParseFromString(in)) {
            return InvalidArgument("REQUEST_UNREADABLE", "the request message does not parse");
          }
          if constexpr (requires { request->after(); }) {
            if (!request->after().empty() && after.empty()) {
              after = request->after();
              return std::string();
            }
          }
          std::string out;
          WEFT_RETURN_IF_ERROR(answer(principal, *request, out));
          return out;
        };
        std::string after;
        absl::StatusOr<std::string> result = run(context.principal, bytes, after);
        if (after.empty()) return reply(std::move(result), {});
        const absl::StatusOr<engine::Token> token = engine::Token::FromText(after);
        if (!token.ok()) return reply(token.status(), {});
        shards.WaitFor(context.principal.tenant, *token, context.Remaining(),
                       [run, principal = context.principal, bytes = std::move(bytes), after,
                        reply](absl::Status status) mutable {
                         if (!status.ok()) return reply(std::move(status), {});
                         reply(run(principal, bytes, after), {});
                       });
      });
}

// The same for an answer that is made as a message.
template <typename Request, typename Response, typename Answer>
void Answers(rpc::MethodRegistry& methods, engine::Shards& shards, const char* name,
             Answer answer) {
  Register<Request>(methods, shards, name,
                    [answer](const Principal& principal, const Request& request,
                             std::string& out) -> absl::Status {
                      Response told;
                      WEFT_RETURN_IF_ERROR(answer(principal, request, told));
                      return AppendDeterministic(told, out)
                                 ? absl::OkStatus()
                                 : Internal("the answer does not serialise");
                    });
}

}  // namespace

Service::Service(Settings settings, FactMemory& memory, PriceChanges& changes,
                 engine::Shards& shards, const Clock& clock, absl::string_view mac_key,
                 const documents::DocumentReader* documents,
                 telemetry::MetricsScope* metrics)
    : settings_(std::move(settings)),
      memory_(memory),
      shards_(shards),
      clock_(clock),
      documents_(documents),
      lock_key_(PriceLockKey(mac_key)),
      lock_keys_({lock_key_.public_key()}),
      watchers_(memory, changes, clock,
                {.max_watchers = settings_.max_watchers,
                 .documents_at = [documents](const std::string& tenant) {
                   return RulesInForce(documents, tenant).At(0);
                 }}) {
  for (size_t i = 0; metrics != nullptr && i < notices_.size(); ++i) {
    notices_[i] = &metrics->GetCounter(
        "weft_pricing_rule_notices_total",
        "Lines whose rules said what somebody should look at, by the code of the rule.",
        {{"code", Waterfall::kCounted[i]}});
  }
  const Sha256Digest digest = HmacSha256(mac_key, "weft.pricing decision id 1");
  for (int i = 0; i < 8; ++i) {
    key_.k0 = key_.k0 << 8 | digest[i];
    key_.k1 = key_.k1 << 8 | digest[8 + i];
  }
}

absl::StatusOr<std::string> Service::ExplanationOf(const std::string& tenant,
                                                   const std::string& decision_id) {
  Principal principal;
  principal.tenant = tenant;
  principal.subject = "pricing";
  principal.roles = {"operator"};
  principal.accounts = {"*"};
  principal.channels = {"*"};
  principal.permissions = {"see-cost"};
  v1::GetDecisionRequest request;
  request.set_id(decision_id);
  v1::PriceExplanation explanation;
  WEFT_RETURN_IF_ERROR(GetDecision(principal, request, explanation));
  std::string bytes;
  if (!AppendDeterministic(explanation, bytes)) {
    return Internal("the explanation does not serialise");
  }
  return bytes;
}

void Service::Bind(rpc::MethodRegistry& methods) {
  Register<v1::CalculatePricesRequest>(
      methods, shards_, "CalculatePrices",
      [this](const Principal& principal, const v1::CalculatePricesRequest& request,
             std::string& out) -> absl::Status {
        WEFT_RETURN_IF_ERROR(Calculate(principal, request, out));
        if (sampler_ == nullptr) return absl::OkStatus();
        if (const int draw = sampler_->Draw(); draw >= 0) {
          sampler_->Offer(draw, principal.tenant, request, out);
        }
        return absl::OkStatus();
      });
  Answers<v1::ExplainPriceRequest, v1::PriceExplanation>(
      methods, shards_, "ExplainPrice",
      [this](const auto& who, const auto& asked, auto& told) { return Explain(who, asked, told); });
  Answers<v1::GetDecisionRequest, v1::PriceExplanation>(
      methods, shards_, "GetDecision", [this](const auto& who, const auto& asked, auto& told) {
        return GetDecision(who, asked, told);
      });
  Answers<v1::ReplayDecisionRequest, v1::DecisionReplay>(
      methods, shards_, "ReplayDecision", [this](const auto& who, const auto& asked, auto& told) {
        return ReplayDecision(who, asked, told);
      });
  Answers<v1::LockPricesRequest, v1::LockPricesResponse>(
      methods, shards_, "LockPrices", [this](const auto& who, const auto& asked, auto& told) {
        return LockPrices(who, asked, told);
      });
  Answers<v1::VerifyPriceLockRequest, v1::PriceLockVerification>(
      methods, shards_, "VerifyPriceLock", [this](const auto& who, const auto& asked, auto& told) {
        return VerifyPriceLock(who, asked, told);
      });
  Answers<v1::ListPriceLockKeysRequest, v1::ListPriceLockKeysResponse>(
      methods, shards_, "ListPriceLockKeys",
      [this](const auto&, const auto&, auto& told) { return ListPriceLockKeys(told); });
  Answers<v1::ComparePricesRequest, v1::PriceComparison>(
      methods, shards_, "ComparePrices", [this](const auto& who, const auto& asked, auto& told) {
        return ComparePrices(who, asked, told);
      });
  methods.ServerStream<v1::WatchPricesRequest, v1::WatchPricesResponse>(
      absl::StrCat(kService, "WatchPrices"),
      [this](const rpc::CallContext& context, const v1::WatchPricesRequest& request,
             rpc::Stream<v1::WatchPricesResponse> stream) {
        watchers_.Add(context.principal, request, std::move(stream));
      });
}

}  // namespace weft::pricing
