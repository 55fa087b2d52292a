#include "libs/engine/changelog_opening.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/layout.h"

namespace weft::engine {
namespace {

// Turns are written in lumps: one write a turn would be what a restore waits for.
constexpr size_t kLumpBytes = 1 << 20;
// How far a restore that was interrupted has to go again, at most.
constexpr int64_t kSaveEvery = 16 << 20;

absl::Status BaseGone(absl::string_view what) {
  return FailedPrecondition(
      "CHANGELOG_BASE_GONE",
      absl::StrCat(what, "; restore the newest checkpoint of this shard into an empty folder"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChangelogOpening>> ChangelogOpening::Begin(
    Store& store, Place place, const eventlog::Watermarks& marks) {
  std::unique_ptr<ChangelogOpening> opening(new ChangelogOpening(store, std::move(place)));
  opening->marks_ = marks;
  opening->target_ = marks.end;
  // What a crash of the process left unsynced counts as ours only from here on.
  WEFT_RETURN_IF_ERROR(store.Sync());
  WEFT_ASSIGN_OR_RETURN(opening->folder_, ReadChangelogFolder(store));
  ChangelogFolder& folder = opening->folder_;
  if (folder.folder.empty()) {
    folder.folder = opening->place_.new_folder;
    Batch batch;
    PutChangelogFolder(batch, folder.folder);
    WEFT_RETURN_IF_ERROR(store.Write(batch, /*sync=*/true));
  }
  if (folder.fold.has_value()) {
    opening->fold_ = *folder.fold;
    if (opening->fold_.claim().folder != folder.folder) {
      opening->foreign_ = opening->fold_.epoch();
    }
  }
  if (opening->fold_.next_offset() < marks.begin) {
    return BaseGone(absl::StrCat(
        "the changelog begins at offset ", marks.begin, " and this folder has followed it to ",
        opening->fold_.next_offset(), " only"));
  }
  if (opening->fold_.next_offset() > marks.end) {
    return DataLoss("LOG_CHANGED",
                    absl::StrCat("the changelog ends at offset ", marks.end,
                                 " and this folder has followed it to ",
                                 opening->fold_.next_offset(), "; it is another one, or lost its end"),
                    {{"topic", ChangelogTopic(opening->place_.room)},
                     {"partition", absl::StrCat(opening->place_.shard)}});
  }
  if (opening->fold_.epoch() >= 0) opening->other_ = opening->fold_.claim();
  if (opening->remaining() == 0) opening->step_ = Step::kClaim;
  return opening;
}

eventlog::StartPosition ChangelogOpening::start() const {
  return fold_.Start({ChangelogTopic(place_.room), place_.shard});
}

eventlog::NewRecord ChangelogOpening::claim() const {
  ChangelogClaim claim;
  claim.nonce = place_.nonce;
  claim.folder = folder_.folder;
  claim.room = place_.room;
  claim.owner = place_.owner;
  claim.shard = static_cast<uint64_t>(place_.shard);
  claim.shards = static_cast<uint64_t>(place_.shards);
  claim.base_id = folder_.base_id;
  claim.base_number = folder_.base_number;
  return MakeClaimRecord(claim);
}

void ChangelogOpening::Claimed(int64_t offset) {
  WEFT_CHECK(step_ == Step::kClaim);
  claimed_ = offset;
  target_ = offset + 1;
  step_ = Step::kReadClaim;
}

absl::Status ChangelogOpening::Feed(const std::vector<eventlog::Record>& records) {
  for (const eventlog::Record& record : records) {
    if (restart_ || step_ == Step::kOpen) return absl::OkStatus();
    WEFT_RETURN_IF_ERROR(FeedOne(record));
    if (restart_) return absl::OkStatus();
    if (pending_.bytes().size() >= kLumpBytes) WEFT_RETURN_IF_ERROR(Flush(record, false));
    if (step_ == Step::kAppend && fold_.number() == folder_.number) {
      return Finish(record);
    }
    if (fold_.next_offset() < target_ || step_ == Step::kAppend || step_ == Step::kClaim) continue;
    WEFT_RETURN_IF_ERROR(Flush(record, false));
    if (step_ == Step::kCatchUp) {
      WEFT_RETURN_IF_ERROR(CheckClaim());
      step_ = Step::kClaim;
    } else {
      WEFT_RETURN_IF_ERROR(AfterClaim());
      if (!restart_ && step_ == Step::kAppend && missing_.empty()) return Finish(record);
    }
  }
  return absl::OkStatus();
}

absl::Status ChangelogOpening::FeedOne(const eventlog::Record& record) {
  WEFT_ASSIGN_OR_RETURN(const ChangelogFold::Kind kind, fold_.Fold(record));
  if (kind == ChangelogFold::Kind::kClaim) {
    if (fold_.claim().nonce != place_.nonce) other_ = fold_.claim();
    if (fold_.claim().folder != folder_.folder) foreign_ = fold_.epoch();
    if (claimed_ >= 0 && record.offset > claimed_) {
      return Unavailable("OWNED_ELSEWHERE",
                         absl::StrCat("while this shard was opened, ", fold_.claim().owner,
                                      " opened it, too; run one of them"));
    }
    return absl::OkStatus();
  }
  if (kind != ChangelogFold::Kind::kTurn) return absl::OkStatus();
  const ChangelogTurn& turn = fold_.turn();
  if (turn.number == folder_.number && turn.origin != folder_.origin) return ThrowAway();
  if (turn.number <= folder_.number) return absl::OkStatus();
  if (fold_.base_id() != folder_.base_id || turn.number != folder_.number + 1) {
    return CheckClaim();  // Of another base: says so.
  }
  return Apply(turn);
}

// Whether the folder stands on what the partition's turns stand on.
absl::Status ChangelogOpening::CheckClaim() const {
  if (!other_.has_value()) return absl::OkStatus();
  const ChangelogClaim& claim = *other_;
  if (claim.room != place_.room || claim.shards != static_cast<uint64_t>(place_.shards) ||
      claim.shard != static_cast<uint64_t>(place_.shard)) {
    return FailedPrecondition(
        "STORE_MISMATCH",
        absl::StrCat("the changelog is that of shard ", claim.shard, " of ", claim.shards, " of ",
                     claim.room, ", not of shard ", place_.shard, " of ", place_.shards, " of ",
                     place_.room, "; correct the number of shards, or reshard"));
  }
  if (fold_.base_id() != folder_.base_id) {
    return BaseGone(absl::StrCat("the changelog goes on from ", fold_.base_id(),
                                 " and this folder is not that"));
  }
  if (fold_.number() > folder_.number) {
    return BaseGone(absl::StrCat("the changelog's next turn is ", fold_.number(),
                                 " and this folder has those up to ", folder_.number, " only"));
  }
  return absl::OkStatus();
}

absl::Status ChangelogOpening::AfterClaim() {
  if (fold_.claim().nonce != place_.nonce) {
    return DataLoss("LOG_CHANGED", "the changelog does not have the claim it has confirmed");
  }
  WEFT_RETURN_IF_ERROR(CheckClaim());
  if (folder_.number > fold_.number()) {
    // Somebody else went on from where the changelog was: what this folder has
    // beyond that was told to nobody.
    if (foreign_ > folder_.origin) return ThrowAway();
    missing_.clear();
    const auto it =
        store_.Scan(Family::kChangelog, layout::U64Value(fold_.number() + 1), "");
    for (uint64_t n = fold_.number() + 1; it->Valid(); it->Next(), ++n) {
      if (it->key() != layout::U64Value(n)) break;
      missing_.emplace_back(n, std::string(it->value()));
    }
    WEFT_RETURN_IF_ERROR(it->status());
    if (fold_.number() + missing_.size() != folder_.number) return ThrowAway();
  }
  step_ = Step::kAppend;
  return absl::OkStatus();
}

std::vector<eventlog::NewRecord> ChangelogOpening::missing() const {
  // The epoch each was decided under stands in its rows.
  std::vector<eventlog::NewRecord> records;
  for (const auto& [number, bytes] : missing_) {
    class Origin final : public Batch::Visitor {
     public:
      void Put(Family family, absl::string_view key, absl::string_view value) override {
        uint64_t number = 0;
        uint64_t epoch = 0;
        if (family == Family::kMeta && key == layout::kChangelogTurn &&
            layout::ParseTwoU64(value, number, epoch)) {
          origin = static_cast<int64_t>(epoch);
        }
      }
      void Delete(Family, absl::string_view) override {}
      void DeleteRange(Family, absl::string_view, absl::string_view) override {}
      int64_t origin = -1;
    };
    Origin origin;
    WEFT_CHECK(Batch::Visit(bytes, origin));
    records.push_back(MakeTurnRecord(fold_.epoch(), number, origin.origin, bytes));
  }
  return records;
}

absl::Status ChangelogOpening::Apply(const ChangelogTurn& turn) {
  class Nothing final : public Batch::Visitor {
   public:
    void Put(Family, absl::string_view, absl::string_view) override {}
    void Delete(Family, absl::string_view) override {}
    void DeleteRange(Family, absl::string_view, absl::string_view) override {}
  };
  Nothing nothing;
  if (!Batch::Visit(turn.batch, nothing)) {
    return DataLoss("CHANGELOG_DAMAGED", absl::StrCat("turn ", turn.number,
                                                      " of the changelog is not a batch"));
  }
  pending_.AppendBytes(turn.batch, 1);
  since_saved_ += static_cast<int64_t>(turn.batch.size());
  folder_.number = turn.number;
  folder_.origin = turn.origin;
  ++restored_turns_;
  return absl::OkStatus();
}

absl::Status ChangelogOpening::Flush(const eventlog::Record& last, bool sync) {
  if (sync || since_saved_ >= kSaveEvery) {
    since_saved_ = 0;
    PutChangelogFold(pending_, fold_.Save(last));
  }
  if (pending_.empty()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(store_.Write(pending_, sync));
  pending_.Clear();
  return absl::OkStatus();
}

absl::Status ChangelogOpening::Finish(const eventlog::Record& last) {
  // The turns are logged; events that were published and trimmed before stay away.
  const std::string end(64, '\xff');
  pending_.DeleteRange(Family::kChangelog, "", end);
  const std::string low(layout::kOutboxLow);
  WEFT_RETURN_IF_ERROR(Flush(last, true));
  WEFT_ASSIGN_OR_RETURN(const auto trimmed, store_.Get(Family::kMeta, low));
  if (trimmed.has_value()) {
    pending_.DeleteRange(Family::kOutbox, "", *trimmed);
    WEFT_RETURN_IF_ERROR(store_.Write(pending_, /*sync=*/true));
    pending_.Clear();
  }
  step_ = Step::kOpen;
  return absl::OkStatus();
}

absl::Status ChangelogOpening::ThrowAway() {
  if (marks_.begin > 0 || !fold_.base_id().empty()) {
    return BaseGone(
        "the folder has turns that another owner has overtaken, and the changelog does not go "
        "back to the beginning");
  }
  pending_.Clear();
  const std::string end(64, '\xff');
  for (int f = 0; f < kFamilies; ++f) pending_.DeleteRange(static_cast<Family>(f), "", end);
  PutChangelogFolder(pending_, folder_.folder);
  WEFT_RETURN_IF_ERROR(store_.Write(pending_, /*sync=*/true));
  pending_.Clear();
  const std::string name = folder_.folder;
  folder_ = ChangelogFolder();
  folder_.folder = name;
  fold_ = ChangelogFold();
  foreign_ = -1;
  other_.reset();
  missing_.clear();
  // As far as was to be read; what is behind our claim is no concern of ours.
  step_ = claimed_ >= 0 ? Step::kReadClaim : Step::kCatchUp;
  restart_ = true;
  thrown_away_ = true;
  restored_turns_ = 0;
  return absl::OkStatus();
}

}  // namespace weft::engine
