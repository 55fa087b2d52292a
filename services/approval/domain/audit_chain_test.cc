#include "services/approval/domain/audit_chain.h"

#include <catch2/catch.hpp>
#include <vector>

namespace weft::approval {
namespace {

std::vector<AuditEntry> Chain(int length) {
  std::vector<AuditEntry> chain;
  std::string before = NoHash();
  for (int i = 1; i <= length; ++i) {
    AuditEntry entry{.sequence = i,
                     .time = absl::FromUnixSeconds(i),
                     .actor = "ann",
                     .on_behalf_of = "bob",
                     .action = "order.submitted",
                     .subject = "orders/1",
                     .subject_revision = i,
                     .rule = "policies/default#1",
                     .detail = "ok",
                     .previous_hash = before};
    entry.hash = HashOf("demo", entry);
    before = entry.hash;
    chain.push_back(entry);
  }
  return chain;
}

int64_t FirstBroken(const std::vector<AuditEntry>& chain, const std::string& tenant = "demo") {
  ChainVerifier verifier(tenant, 1, NoHash());
  for (const AuditEntry& entry : chain) {
    if (!verifier.Take(entry)) break;
  }
  return verifier.broken();
}

TEST_CASE("a chain as it was written verifies", "[audit]") { CHECK(FirstBroken(Chain(5)) == 0); }

TEST_CASE("changing any field of an entry breaks the chain there", "[audit]") {
  const int field = GENERATE(range(0, 11));
  CAPTURE(field);
  std::vector<AuditEntry> chain = Chain(5);
  AuditEntry& entry = chain[2];
  switch (field) {
    case 0: entry.time += absl::Nanoseconds(1); break;
    case 1: entry.actor += "x"; break;
    case 2: entry.on_behalf_of.clear(); break;
    case 3: entry.action = "order.rejected"; break;
    case 4: entry.subject = "orders/2"; break;
    case 5: entry.subject_revision++; break;
    case 6: entry.rule.clear(); break;
    case 7: entry.detail = "o"; break;
    case 8: entry.previous_hash = chain[0].hash; break;
    case 9: entry.hash[0] = entry.hash[0] == '0' ? '1' : '0'; break;
    case 10: entry.sequence = 7; break;
  }
  CHECK(FirstBroken(chain) == 3);
}

TEST_CASE("moving octets from one field to the next breaks the chain", "[audit]") {
  std::vector<AuditEntry> chain = Chain(2);
  chain[0].actor = "an";
  chain[0].on_behalf_of = "nbob";
  CHECK(FirstBroken(chain) == 1);
}

TEST_CASE("an entry left out, put in or swapped breaks the chain", "[audit]") {
  std::vector<AuditEntry> gone = Chain(5);
  gone.erase(gone.begin() + 1);
  CHECK(FirstBroken(gone) == 2);
  std::vector<AuditEntry> twice = Chain(5);
  twice.insert(twice.begin() + 1, twice[1]);
  CHECK(FirstBroken(twice) == 3);
  std::vector<AuditEntry> swapped = Chain(5);
  std::swap(swapped[3], swapped[4]);
  CHECK(FirstBroken(swapped) == 4);
}

TEST_CASE("a rewritten entry with a fitting hash breaks at the next one", "[audit]") {
  std::vector<AuditEntry> chain = Chain(5);
  chain[2].actor = "eve";
  chain[2].hash = HashOf("demo", chain[2]);
  CHECK(FirstBroken(chain) == 4);
}

TEST_CASE("one tenant's chain is not another's", "[audit]") {
  CHECK(FirstBroken(Chain(2), "other") == 1);
}

}  // namespace
}  // namespace weft::approval
