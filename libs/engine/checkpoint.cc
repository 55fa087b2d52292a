#include "libs/engine/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/engine/changelog.h"
#include "libs/engine/layout.h"
#include "libs/engine/rocks_store.h"

namespace weft::engine {
namespace {

namespace fs = std::filesystem;

constexpr char kManifest[] = "/MANIFEST";
constexpr char kFormatLine[] = "weft-checkpoint 1";

absl::Status CheckpointDamaged(absl::string_view what) {
  return DataLoss("CHECKPOINT_DAMAGED",
                  absl::StrCat("the checkpoint cannot be used: ", what, "; take another one"));
}

absl::StatusOr<std::string> ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in.good()) return CheckpointDamaged(absl::StrCat(path.string(), " cannot be read"));
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

// Paths below `folder`, sorted, without the manifest.
std::vector<std::string> FilesBelow(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::string path = fs::relative(entry.path(), folder).string();
    if (path != "MANIFEST") files.push_back(std::move(path));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ShardFolder(const std::string& folder, int shard) {
  return absl::StrCat(folder, "/shard-", shard);
}

absl::StatusOr<int64_t> CountRows(const Store& store) {
  int64_t rows = 0;
  for (int f = 0; f < kFamilies; ++f) {
    const auto it = store.Scan(static_cast<Family>(f), "", "");
    for (; it->Valid(); it->Next()) ++rows;
    WEFT_RETURN_IF_ERROR(it->status());
  }
  return rows;
}

}  // namespace

absl::Status SealCheckpoint(const std::string& folder, const std::string& room, int shards) {
  std::string text = absl::StrCat(kFormatLine, "\nroom ", room, "\nshards ", shards, "\n");
  for (const std::string& path : FilesBelow(folder)) {
    WEFT_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(fs::path(folder) / path));
    absl::StrAppend(&text, "file ", bytes.size(), " ", Hex(Sha256(bytes)), " ", path, "\n");
  }
  // Under its own name at the end only: a folder without one is not complete.
  const std::string temporary = absl::StrCat(folder, kManifest, ".new");
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text;
    out.flush();
    if (!out.good()) {
      return ResourceExhausted("DISK_FULL", "the checkpoint's manifest cannot be written");
    }
  }
  std::error_code error;
  fs::rename(temporary, folder + kManifest, error);
  if (error) return Internal(absl::StrCat("the checkpoint cannot be sealed: ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(const std::string& folder) {
  std::vector<CheckpointInfo> list;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path manifest = entry.path().string() + kManifest;
    struct stat made {};
    if (stat(manifest.c_str(), &made) != 0) continue;  // Not complete.
    CheckpointInfo info;
    info.folder = entry.path().string();
    info.made = absl::FromTimeT(made.st_mtime);
    WEFT_ASSIGN_OR_RETURN(const std::string text, ReadFile(manifest));
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
      int64_t bytes = 0;
      if (words.size() == 2 && words[0] == "room") info.room = words[1];
      if (words.size() == 2 && words[0] == "shards" &&
          !absl::SimpleAtoi(words[1], &info.shards)) {
        return CheckpointDamaged("its manifest");
      }
      if (words.size() == 4 && words[0] == "file" && absl::SimpleAtoi(words[1], &bytes)) {
        ++info.files;
        info.bytes += bytes;
      }
    }
    list.push_back(std::move(info));
  }
  std::sort(list.begin(), list.end(), [](const CheckpointInfo& a, const CheckpointInfo& b) {
    return std::tie(a.made, a.folder) < std::tie(b.made, b.folder);
  });
  return list;
}

absl::StatusOr<CheckpointInfo> VerifyCheckpoint(const std::string& folder) {
  if (!fs::exists(folder + kManifest)) {
    return NotFound("CHECKPOINT_NOT_FOUND",
                    absl::StrCat("there is no complete checkpoint in ", folder));
  }
  WEFT_ASSIGN_OR_RETURN(const std::string text, ReadFile(folder + kManifest));
  CheckpointInfo info;
  info.folder = folder;
  std::vector<std::string> listed;
  bool known = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (line == kFormatLine) {
      known = true;
    } else if (words.size() == 2 && words[0] == "room") {
      info.room = words[1];
    } else if (words.size() == 2 && words[0] == "shards") {
      if (!absl::SimpleAtoi(words[1], &info.shards)) return CheckpointDamaged("its manifest");
    } else if (words.size() == 4 && words[0] == "file") {
      WEFT_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(fs::path(folder) / words[3]));
      if (absl::StrCat(bytes.size()) != words[1] || Hex(Sha256(bytes)) != words[2]) {
        return CheckpointDamaged(absl::StrCat(words[3], " is not what was written"));
      }
      ++info.files;
      info.bytes += static_cast<int64_t>(bytes.size());
      listed.push_back(words[3]);
    } else {
      return CheckpointDamaged("its manifest");
    }
  }
  if (!known || info.shards < 1) return CheckpointDamaged("its manifest");
  if (listed != FilesBelow(folder)) return CheckpointDamaged("files were added");
  for (int i = 0; i < info.shards; ++i) {
    if (!fs::exists(ShardFolder(folder, i))) continue;  // Another process holds it.
    WEFT_ASSIGN_OR_RETURN(
        const std::unique_ptr<Store> store,
        OpenRocksStore({.folder = ShardFolder(folder, i), .read_only = true}));
    WEFT_ASSIGN_OR_RETURN(const int64_t rows, CountRows(*store));
    info.rows += rows;
    WEFT_ASSIGN_OR_RETURN(const ChangelogFolder changelog, ReadChangelogFolder(*store));
    ChangelogPosition position;
    position.shard = i;
    position.turn = changelog.number;
    position.base_id = changelog.base_id;
    if (changelog.fold.has_value()) {
      position.next_offset = changelog.fold->next_offset();
      position.epoch = changelog.fold->epoch();
    }
    info.changelog.push_back(std::move(position));
  }
  return info;
}

absl::Status RestoreCheckpoint(const std::string& checkpoint, const std::string& room_folder) {
  WEFT_ASSIGN_OR_RETURN(const CheckpointInfo info, VerifyCheckpoint(checkpoint));
  std::error_code error;
  fs::create_directories(room_folder, error);
  for (int i = 0; i < info.shards; ++i) {
    if (fs::exists(ShardFolder(room_folder, i))) {
      return FailedPrecondition(
          "FOLDER_NOT_EMPTY",
          absl::StrCat(room_folder, " holds shards already; move them away first"));
    }
  }
  for (int i = 0; i < info.shards; ++i) {
    const std::string from = ShardFolder(checkpoint, i);
    if (!fs::exists(from)) continue;
    // A name that is not taken for a shard until the copy is whole.
    const std::string partial = ShardFolder(room_folder, i) + ".restoring";
    fs::remove_all(partial, error);
    fs::copy(from, partial, fs::copy_options::recursive, error);
    if (!error) fs::rename(partial, ShardFolder(room_folder, i), error);
    if (error) {
      return ResourceExhausted("DISK_FULL", absl::StrCat("the checkpoint cannot be copied: ",
                                                         error.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckpointHouse(
    const std::vector<std::pair<std::string, Shards*>>& rooms,
    const std::function<absl::Status(const std::string& folder)>& log_checkpoint,
    const std::string& folder) {
  std::error_code error;
  if (!fs::create_directories(folder, error)) {
    return FailedPrecondition("CHECKPOINT_EXISTS",
                              absl::StrCat(folder, " exists or cannot be made; name a new one"));
  }
  {
    std::vector<std::unique_ptr<Pause>> pauses;
    for (const auto& [name, shards] : rooms) {
      WEFT_ASSIGN_OR_RETURN(std::unique_ptr<Pause> pause, shards->PauseTurns());
      pauses.push_back(std::move(pause));
    }
    for (size_t i = 0; i < rooms.size(); ++i) {
      WEFT_RETURN_IF_ERROR(pauses[i]->Checkpoint(absl::StrCat(folder, "/", rooms[i].first)));
    }
    if (log_checkpoint != nullptr) WEFT_RETURN_IF_ERROR(log_checkpoint(folder + "/log"));
  }
  for (const auto& [name, shards] : rooms) {
    WEFT_RETURN_IF_ERROR(SealCheckpoint(absl::StrCat(folder, "/", name), name, shards->count()));
  }
  return absl::OkStatus();
}

absl::Status WipeForRebuild(Store& store) {
  Batch batch;
  const std::string end(64, '\xff');  // Behind every key of ours.
  for (const Family family : {Family::kState, Family::kAnswers, Family::kTimers, Family::kTasks,
                              Family::kParked}) {
    batch.DeleteRange(family, "", end);
  }
  for (const char* tag : {"g", "i", "j", "o", "p"}) {
    const auto it = store.Scan(Family::kMeta, tag, PrefixEnd(tag));
    for (; it->Valid(); it->Next()) batch.Delete(Family::kMeta, it->key());
    WEFT_RETURN_IF_ERROR(it->status());
  }
  batch.Delete(Family::kMeta, layout::kLogIdentity);
  batch.Delete(Family::kMeta, layout::kAnswerTotals);
  batch.Put(Family::kMeta, layout::kRebuilding, "");
  return store.Write(batch, /*sync=*/true);
}

absl::Status PrepareRebuild(const std::string& room_folder, const Program& program,
                            bool even_with_commands) {
  if (!program.commands.empty() && !even_with_commands) {
    return FailedPrecondition(
        "ROOM_HAS_COMMANDS",
        absl::StrCat("what commands did in ", program.room,
                     " is in no topic; restore a checkpoint instead"));
  }
  for (const auto& entry : fs::directory_iterator(room_folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("shard-", 0) != 0) continue;
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                          OpenRocksStore({.folder = entry.path().string()}));
    WEFT_RETURN_IF_ERROR(WipeForRebuild(*store));
  }
  return absl::OkStatus();
}

}  // namespace weft::engine
