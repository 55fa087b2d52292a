// One function per use case: load rows, decide, apply, say the effects. Run by
// the shard's sequencer, one input at a time; pure but for the Turn.
//
// A turn that returns an error leaves nothing behind. Timers and task answers
// cannot be refused: what they no longer find, or find elsewhere, is no error.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "services/approval/config.h"
#include "weft/approval/v1/approval.pb.h"

namespace weft::approval::app {

// Names of timers. Their key is the id of what they are about.
inline constexpr char kApprovalDeadline[] = "approval-deadline";
inline constexpr char kQuoteExpiry[] = "quote-expiry";
inline constexpr char kErpSilent[] = "erp-silent";

// Orders (app_orders.cc).
absl::StatusOr<v1::Order> SubmitOrder(const Settings& settings,
                                      const v1::SubmitOrderRequest& request, engine::Turn& turn);
absl::StatusOr<v1::Order> CancelOrder(const Settings& settings,
                                      const v1::CancelOrderRequest& request, engine::Turn& turn);

// Answers of the saga's calls (app_saga.cc).
void OnPrices(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn);
void OnReserved(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn);
void OnConfirmed(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn);
void OnReleased(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn);

// Approvals (app_approvals.cc).
absl::StatusOr<v1::Approval> Decide(const Settings& settings, const v1::DecideRequest& request,
                                    engine::Turn& turn);
void OnApprovalDeadline(const Settings& settings, const engine::TimerFired& timer,
                        engine::Turn& turn);

// Quotes (app_quotes.cc).
absl::StatusOr<v1::Quote> CreateQuote(const Settings& settings,
                                      const v1::CreateQuoteRequest& request, engine::Turn& turn);
absl::StatusOr<v1::Quote> SendQuote(const Settings& settings, const v1::SendQuoteRequest& request,
                                    engine::Turn& turn);
absl::StatusOr<v1::Quote> AcceptQuote(const Settings& settings,
                                      const v1::AcceptQuoteRequest& request, engine::Turn& turn);
absl::StatusOr<v1::Quote> DeclineQuote(const Settings& settings,
                                       const v1::DeclineQuoteRequest& request,
                                       engine::Turn& turn);
void OnQuotePrices(const Settings& settings, const engine::TaskResult& result,
                   engine::Turn& turn);
void OnQuoteExpiry(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn);

// The ERP's word on orders (app_erp.cc).
absl::Status OnErpEvent(const Settings& settings, const engine::Event& event, engine::Turn& turn);
void OnErpSilent(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn);

// Accounts, credit, loads, people (app_facts.cc).
absl::Status OnFact(const Settings& settings, const engine::Event& event, engine::Turn& turn);
absl::Status OnDirectory(const Settings& settings, const engine::Event& event,
                         engine::Turn& turn);

// Policies (app_policy.cc).
absl::StatusOr<v1::Policy> SetPolicy(const Settings& settings, const v1::SetPolicyRequest& request,
                                     engine::Turn& turn);

}  // namespace weft::approval::app
