// Prices the invoices that the owner keeps with two sets of rules: what
// DocumentService/Simulate asks the room for.
//
// Each invoice is asked as a request of its own, as of its own moment, with the facts
// as they are known now and without a channel; so only what the rules differ in makes a
// difference. Rows are read in portions of bounded size, and each portion is priced by
// all threads, each with facts of its own for a few invoices at a time.
#pragma once

#include "libs/engine/shards.h"
#include "libs/service/documents/service.h"
#include "services/pricing/memory/fact_memory.h"

namespace weft::pricing::simulate {

// `memory` (of the replica) and `shards` (of the owner) outlive it. `threads` 0 = as many
// as the machine has cores.
// Errors: FAILED_PRECONDITION / RULES_STALE when a scope's documents do not compile.
documents::Simulator MakeSimulator(FactMemory& memory, engine::Shards& shards, int threads = 0);

}  // namespace weft::pricing::simulate
