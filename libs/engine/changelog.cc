#include "libs/engine/changelog.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/layout.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

constexpr char kMagic = 'W';
constexpr char kVersion = 1;
constexpr char kClaim = 'C';
constexpr char kTurn = 'T';
constexpr char kMark = 'M';
constexpr size_t kFrame = 3 + 8;

// Octets in groups of eight, low octet first, the last one filled with zeroes;
// the length goes in, so that zeroes at the end are not lost.
uint64_t Checksum(absl::string_view bytes) {
  constexpr uint64_t kA = 0x9e3779b97f4a7c15;
  constexpr uint64_t kB = 0xbf58476d1ce4e5b9;
  uint64_t sum = kA ^ bytes.size();
  const auto mix = [&sum](uint64_t word) {
    sum ^= word * kA;
    sum = ((sum << 31) | (sum >> 33)) * kB;
  };
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);  // x86-64 and arm64 are low octet first.
    mix(word);
  }
  uint64_t last = 0;
  for (size_t shift = 0; i < bytes.size(); ++i, shift += 8) {
    last |= uint64_t{static_cast<unsigned char>(bytes[i])} << shift;
  }
  mix(last);
  return sum ^ (sum >> 29);
}

eventlog::NewRecord Frame(char kind, std::string bytes) {
  // `bytes` begins with room for the frame.
  std::string frame{kMagic, kVersion, kind};
  AppendU64(frame, Checksum(absl::string_view(bytes).substr(kFrame)));
  bytes.replace(0, kFrame, frame);
  eventlog::NewRecord record;
  record.value = std::move(bytes);
  return record;
}

void AppendClaim(std::string& out, const ChangelogClaim& claim) {
  AppendText(out, claim.nonce);
  AppendText(out, claim.folder);
  AppendText(out, claim.room);
  AppendText(out, claim.owner);
  AppendText(out, claim.base_id);
  AppendU64(out, claim.shard);
  AppendU64(out, claim.shards);
  AppendU64(out, claim.base_number);
  out.push_back(claim.sets_base ? 1 : 0);
}

bool TakeClaim(WireReader& in, ChangelogClaim& claim) {
  uint8_t sets = 0;
  if (!in.Text(claim.nonce) || !in.Text(claim.folder) || !in.Text(claim.room) ||
      !in.Text(claim.owner) || !in.Text(claim.base_id) || !in.U64(claim.shard) ||
      !in.U64(claim.shards) || !in.U64(claim.base_number) || !in.U8(sets)) {
    return false;
  }
  claim.sets_base = sets != 0;
  return true;
}

absl::Status ChangelogDamaged(int64_t offset) {
  return DataLoss("CHANGELOG_DAMAGED",
                  absl::StrCat("the changelog's record at offset ", offset,
                               " is not what was written; restore a checkpoint that is newer"));
}

}  // namespace

std::string ChangelogTopic(const std::string& room) {
  return absl::StrCat("weft.", room, ".changelog.v1");
}

eventlog::TopicOptions ChangelogTopicOptions() {
  eventlog::TopicOptions options;
  options.partitions = static_cast<int32_t>(kPartitions);
  options.max_record_bytes = kChangelogRecordBytesMax;
  return options;
}

eventlog::NewRecord MakeClaimRecord(const ChangelogClaim& claim) {
  std::string bytes(kFrame, '\0');
  AppendClaim(bytes, claim);
  return Frame(kClaim, std::move(bytes));
}

eventlog::NewRecord MakeTurnRecord(int64_t epoch, uint64_t number, int64_t origin,
                                   absl::string_view batch) {
  std::string bytes;
  bytes.reserve(kFrame + 24 + batch.size());
  bytes.append(kFrame, '\0');
  AppendU64(bytes, static_cast<uint64_t>(epoch));
  AppendU64(bytes, number);
  AppendU64(bytes, static_cast<uint64_t>(origin));
  bytes.append(batch.data(), batch.size());
  return Frame(kTurn, std::move(bytes));
}

eventlog::NewRecord MakeMarkRecord(int64_t epoch, uint64_t ticket) {
  std::string bytes(kFrame, '\0');
  AppendU64(bytes, static_cast<uint64_t>(epoch));
  AppendU64(bytes, ticket);
  return Frame(kMark, std::move(bytes));
}

absl::StatusOr<ChangelogFold::Kind> ChangelogFold::Fold(const eventlog::Record& record) {
  turn_ = ChangelogTurn();
  if (record.offset < next_offset_) return Kind::kNothing;
  const absl::string_view value =
      record.value.has_value() ? absl::string_view(*record.value) : absl::string_view();
  const bool ours = value.size() >= kFrame && value[0] == kMagic;
  if (ours && value[1] != kVersion) {
    return FailedPrecondition(
        "STORE_MISMATCH",
        absl::StrCat("the changelog's record at offset ", record.offset,
                     " was written by a newer release; start that one"));
  }
  Kind kind = Kind::kNothing;
  if (ours) {
    WireReader frame(value.substr(3));
    uint64_t sum = 0;
    if (!frame.U64(sum) || sum != Checksum(value.substr(kFrame))) {
      return ChangelogDamaged(record.offset);
    }
    WireReader in(value.substr(kFrame));
    switch (value[2]) {
      case kClaim: {
        ChangelogClaim claim;
        if (!TakeClaim(in, claim)) return ChangelogDamaged(record.offset);
        if (epoch_ >= 0 && claim.nonce == claim_.nonce) break;
        if (claim.sets_base) {
          base_id_ = claim.base_id;
          base_number_ = number_ = claim.base_number;
          origin_ = -1;
        }
        epoch_ = record.offset;
        claim_ = std::move(claim);
        kind = Kind::kClaim;
        break;
      }
      case kTurn: {
        ChangelogTurn turn;
        if (!in.I64(turn.epoch) || !in.U64(turn.number) || !in.I64(turn.origin)) {
          return ChangelogDamaged(record.offset);
        }
        if (turn.epoch != epoch_ || turn.number != number_ + 1) break;
        turn.batch = in.Rest();
        number_ = turn.number;
        origin_ = turn.origin;
        turn_ = turn;
        kind = Kind::kTurn;
        break;
      }
      case kMark: {
        ChangelogMark mark;
        if (!in.I64(mark.epoch) || !in.U64(mark.ticket)) return ChangelogDamaged(record.offset);
        if (mark.epoch != epoch_) break;
        mark_ = mark;
        kind = Kind::kMark;
        break;
      }
      default:
        return ChangelogDamaged(record.offset);
    }
  }
  next_offset_ = record.offset + 1;
  last_offset_ = record.offset;
  last_digest_.clear();
  return kind;
}

std::string ChangelogFold::Save(const eventlog::Record& last) {
  if (last.offset == last_offset_) last_digest_ = eventlog::RecordDigest(last);
  std::string bytes;
  AppendU64(bytes, static_cast<uint64_t>(next_offset_));
  AppendU64(bytes, static_cast<uint64_t>(last_offset_));
  AppendText(bytes, last_digest_);
  AppendU64(bytes, static_cast<uint64_t>(epoch_));
  AppendU64(bytes, number_);
  AppendU64(bytes, static_cast<uint64_t>(origin_));
  AppendText(bytes, base_id_);
  AppendU64(bytes, base_number_);
  AppendClaim(bytes, claim_);
  return bytes;
}

std::optional<ChangelogFold> ChangelogFold::Load(absl::string_view bytes) {
  WireReader in(bytes);
  ChangelogFold fold;
  if (!in.I64(fold.next_offset_) || !in.I64(fold.last_offset_) || !in.Text(fold.last_digest_) ||
      !in.I64(fold.epoch_) || !in.U64(fold.number_) || !in.I64(fold.origin_) ||
      !in.Text(fold.base_id_) || !in.U64(fold.base_number_) || !TakeClaim(in, fold.claim_)) {
    return std::nullopt;
  }
  return fold;
}

eventlog::StartPosition ChangelogFold::Start(const eventlog::TopicPartition& where) const {
  eventlog::StartPosition start;
  start.where = where;
  start.next_offset = next_offset_;
  if (last_offset_ >= 0 && !last_digest_.empty()) {
    start.last_applied = eventlog::StartPosition::Applied{last_offset_, last_digest_};
  }
  return start;
}

// --- The folder's rows -----------------------------------------------------------

absl::StatusOr<ChangelogFolder> ReadChangelogFolder(const Store& store) {
  const auto damaged = [] {
    return DataLoss("STORE_CORRUPT",
                    "the shard's changelog row does not parse; restore the last checkpoint");
  };
  ChangelogFolder folder;
  WEFT_ASSIGN_OR_RETURN(const auto turn, store.Get(Family::kMeta, layout::kChangelogTurn));
  if (turn.has_value()) {
    uint64_t origin = 0;
    if (!layout::ParseTwoU64(*turn, folder.number, origin)) return damaged();
    folder.origin = static_cast<int64_t>(origin);
  }
  WEFT_ASSIGN_OR_RETURN(const auto name, store.Get(Family::kMeta, layout::kChangelogFolder));
  folder.folder = name.value_or("");
  WEFT_ASSIGN_OR_RETURN(const auto base, store.Get(Family::kMeta, layout::kChangelogBase));
  if (base.has_value()) {
    WireReader in(*base);
    if (!in.U64(folder.base_number)) return damaged();
    folder.base_id = std::string(in.Rest());
  }
  WEFT_ASSIGN_OR_RETURN(const auto fold, store.Get(Family::kMeta, layout::kChangelogFold));
  if (fold.has_value()) {
    folder.fold = ChangelogFold::Load(*fold);
    if (!folder.fold.has_value()) return damaged();
  }
  return folder;
}

void PutChangelogTurn(Batch& batch, uint64_t number, int64_t origin) {
  batch.Put(Family::kMeta, layout::kChangelogTurn,
            layout::TwoU64Value(number, static_cast<uint64_t>(origin)));
}

void PutChangelogFolder(Batch& batch, const std::string& folder) {
  batch.Put(Family::kMeta, layout::kChangelogFolder, folder);
}

void PutChangelogBase(Batch& batch, const std::string& base_id, uint64_t base_number) {
  std::string value;
  AppendU64(value, base_number);
  value.append(base_id);
  batch.Put(Family::kMeta, layout::kChangelogBase, value);
}

void PutChangelogFold(Batch& batch, absl::string_view saved) {
  batch.Put(Family::kMeta, layout::kChangelogFold, saved);
}

}  // namespace weft::engine
