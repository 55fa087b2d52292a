// A shard's inputs on disk, bounded, so that what happened can be stepped
// through again: `tools/dev replay FOLDER` under a debugger.
//
//   <recording>/checkpoint/    the store when the recording began
//   <recording>/inputs         { length(u64) record }
//
// A shard that records keeps the last two recordings; a new one begins when one
// has grown to its limit. Recording costs about a write of every input's bytes,
// unsynced: what a power cut loses of it is missed by nobody.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/engine/input.h"
#include "libs/engine/program.h"
#include "libs/engine/store.h"

namespace weft::engine {

// Where a core writes what it is given. Called on the sequencer.
class InputRecorder {
 public:
  virtual ~InputRecorder() = default;
  virtual void Append(absl::string_view record) = 0;
};

// Recordings of one shard below `folder`, named recording-<n>.
class FileRecorder final : public InputRecorder {
 public:
  FileRecorder(std::string folder, int64_t bytes_max);
  ~FileRecorder() override;
  FileRecorder(const FileRecorder&) = delete;
  FileRecorder& operator=(const FileRecorder&) = delete;

  void Append(absl::string_view record) override;
  // Whether a new recording is due.
  bool full() const;
  // Begins one: a checkpoint of `store` and an empty file; the oldest goes.
  absl::Status Begin(Store& store);

 private:
  struct File;
  const std::string folder_;
  const int64_t bytes_max_;
  std::unique_ptr<File> file_;
  int64_t bytes_ = 0;
};

// The inputs of one batch, as bytes and back.
void EncodeInputs(const std::vector<Input>& inputs, std::string& out);
bool DecodeInputs(absl::string_view bytes, std::vector<Input>& inputs);

struct ReplayReport {
  std::string room;
  int64_t batches = 0;   // Replayed.
  int64_t turns = 0;
  // The first batch that wrote other bytes than it did then; -1 = none.
  int64_t first_difference = -1;
};

// The room whose shard was recorded, to choose a program.
absl::StatusOr<std::string> RecordedRoom(const std::string& folder);

// Runs a recording through `program` on a store in memory and compares what
// each batch writes. `before` is called with the number of each batch before it
// runs: the place for a breakpoint.
// Errors: NOT_FOUND / RECORDING_NOT_FOUND, DATA_LOSS / RECORDING_DAMAGED (a torn
// last record is no damage).
absl::StatusOr<ReplayReport> Replay(const Program& program, const std::string& folder,
                                    const std::function<void(int64_t batch)>& before = nullptr);

}  // namespace weft::engine
