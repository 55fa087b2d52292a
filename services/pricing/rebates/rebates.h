// Rebates of the room: what its owner remembers of facts and invoices, and what it
// answers and settles. Part of the owner's program, which keeps its state by itself.
//
//   rebates::Mount(program);                        // Events and commands.
//   rebates::Bind(methods, shards);                 // RPCs.
//
// Turnover is counted when it is asked for: from the invoices as they came, with the
// agreement, items, categories and accounts as they stand. A settlement keeps what it
// paid; the next one pays what is earned less what was paid, so settling again pays
// nothing, and late credits are taken back.
#pragma once

#include "libs/engine/event.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/engine/turn.h"
#include "libs/rpc/server.h"
#include "weft/pricing/v1/rebates.pb.h"

namespace weft::pricing::rebates {

inline constexpr char kErpOrdersTopic[] = "weft.erp.orders.v1";

void Mount(engine::Program& program);
void Bind(rpc::MethodRegistry& methods, engine::Shards& shards);

// Of weft.facts.v1: agreements, items, categories, accounts. Errors park the event
// with the reasons of CheckFact.
absl::Status OnFact(const engine::Event& event, engine::Turn& turn);
// Of weft.erp.orders.v1: invoices and credits. Errors: FACT_INCOMPLETE, AMOUNT_INVALID.
absl::Status OnErpOrder(const engine::Event& event, engine::Turn& turn);

// NOT_FOUND / REBATE_AGREEMENT_NOT_FOUND.
absl::Status AgreementNotFound(absl::string_view agreement);

// Settles; see the RPC. Each settlement goes on the timeline as a
// weft.pricing.v1.RebateSettlement.
// Errors: NOT_FOUND / REBATE_AGREEMENT_NOT_FOUND, ACCOUNT_NOT_FOUND; FAILED_PRECONDITION /
// REBATE_CURRENCY_CHANGED.
absl::StatusOr<v1::SettleRebatesResponse> Settle(const v1::SettleRebatesRequest& request,
                                                 engine::Turn& turn);

}  // namespace weft::pricing::rebates
