#include "services/approval/domain/audit_chain.h"

#include "libs/base/hash.h"

namespace weft::approval {
namespace {

void AppendNumber(std::string& out, uint64_t value, int octets) {
  for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

void AppendField(std::string& out, absl::string_view field) {
  AppendNumber(out, field.size(), 4);
  out.append(field.data(), field.size());
}

}  // namespace

std::string NoHash() { return std::string(64, '0'); }

std::string HashOf(absl::string_view tenant, const AuditEntry& entry) {
  std::string bytes;
  bytes.push_back('\x01');
  AppendNumber(bytes, static_cast<uint64_t>(entry.sequence), 8);
  AppendNumber(bytes, static_cast<uint64_t>(absl::ToUnixNanos(entry.time)), 8);
  AppendField(bytes, entry.actor);
  AppendField(bytes, entry.on_behalf_of);
  AppendField(bytes, entry.action);
  AppendField(bytes, entry.subject);
  AppendField(bytes, std::to_string(entry.subject_revision));
  AppendField(bytes, entry.rule);
  AppendField(bytes, entry.detail);
  AppendField(bytes, entry.previous_hash);
  AppendField(bytes, tenant);
  return Hex(Sha256(bytes));
}

bool ChainVerifier::Take(const AuditEntry& entry) {
  if (broken_ != 0) return false;
  if (entry.sequence != next_ || entry.previous_hash != previous_hash_ ||
      entry.hash != HashOf(tenant_, entry)) {
    broken_ = next_;
    return false;
  }
  ++next_;
  previous_hash_ = entry.hash;
  return true;
}

}  // namespace weft::approval
