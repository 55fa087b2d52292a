#include "libs/engine/recording.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/core.h"
#include "libs/engine/layout.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/rocks_store.h"
#include "libs/engine/wire.h"

namespace weft::engine {
namespace {

namespace fs = std::filesystem;

constexpr char kCommand = 'c';
constexpr char kRecords = 'r';
constexpr char kParked = 'p';
constexpr char kFollow = 'f';

// Numbers of the recordings in `folder`, oldest first.
std::vector<int64_t> Recordings(const std::string& folder) {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    int64_t number;
    if (name.rfind("recording-", 0) == 0 && absl::SimpleAtoi(name.substr(10), &number)) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void EncodeSet(const std::set<std::string>& set, std::string& out) {
  AppendVarint(out, set.size());
  for (const std::string& text : set) AppendText(out, text);
}

bool DecodeSet(WireReader& in, std::set<std::string>& set) {
  uint64_t n;
  if (!in.Varint(n)) return false;
  for (uint64_t i = 0; i < n; ++i) {
    std::string text;
    if (!in.Text(text)) return false;
    set.insert(std::move(text));
  }
  return true;
}

void EncodeCommand(const CommandInput& input, std::string& out) {
  const Command& c = input.command;
  AppendText(out, c.method);
  AppendText(out, c.request_id);
  AppendText(out, c.payload);
  AppendText(out, c.traceparent);
  AppendText(out, input.fingerprint);
  AppendU64(out, static_cast<uint64_t>(absl::ToInt64Nanoseconds(input.deadline)));
  const Principal& p = c.principal;
  for (const std::string* text :
       {&p.tenant, &p.subject, &p.user, &p.account, &p.channel, &p.language}) {
    AppendText(out, *text);
  }
  for (const auto* set : {&p.roles, &p.permissions, &p.accounts, &p.organisations, &p.channels}) {
    EncodeSet(*set, out);
  }
}

bool DecodeCommand(WireReader& in, CommandInput& input) {
  Command& c = input.command;
  uint64_t deadline;
  if (!in.Text(c.method) || !in.Text(c.request_id) || !in.Text(c.payload) ||
      !in.Text(c.traceparent) || !in.Text(input.fingerprint) || !in.U64(deadline)) {
    return false;
  }
  input.deadline = absl::Nanoseconds(static_cast<int64_t>(deadline));
  Principal& p = c.principal;
  for (std::string* text :
       {&p.tenant, &p.subject, &p.user, &p.account, &p.channel, &p.language}) {
    if (!in.Text(*text)) return false;
  }
  for (auto* set : {&p.roles, &p.permissions, &p.accounts, &p.organisations, &p.channels}) {
    if (!DecodeSet(in, *set)) return false;
  }
  return true;
}

void EncodeRecords(const RecordsInput& input, std::string& out) {
  AppendText(out, input.batch.where.topic);
  AppendVarint(out, static_cast<uint64_t>(input.batch.where.partition));
  AppendVarint(out, input.batch.records.size());
  for (const eventlog::Record& record : input.batch.records) {
    AppendU64(out, static_cast<uint64_t>(record.offset));
    AppendU64(out, static_cast<uint64_t>(absl::ToUnixNanos(record.append_time)));
    AppendText(out, record.key);
    AppendVarint(out, record.headers.size());
    for (const eventlog::Header& h : record.headers) {
      AppendText(out, h.name);
      AppendText(out, h.value);
    }
    out.push_back(record.value.has_value() ? 1 : 0);
    if (record.value.has_value()) AppendText(out, *record.value);
  }
}

bool DecodeRecords(WireReader& in, RecordsInput& input) {
  uint64_t partition;
  uint64_t records;
  if (!in.Text(input.batch.where.topic) || !in.Varint(partition) || !in.Varint(records)) {
    return false;
  }
  input.batch.where.partition = static_cast<int32_t>(partition);
  for (uint64_t i = 0; i < records; ++i) {
    eventlog::Record record;
    int64_t nanos;
    uint64_t headers;
    if (!in.I64(record.offset) || !in.I64(nanos) || !in.Text(record.key) ||
        !in.Varint(headers)) {
      return false;
    }
    record.append_time = absl::FromUnixNanos(nanos);
    for (uint64_t h = 0; h < headers; ++h) {
      eventlog::Header header;
      if (!in.Text(header.name) || !in.Text(header.value)) return false;
      record.headers.push_back(std::move(header));
    }
    uint8_t has_value;
    if (!in.U8(has_value)) return false;
    if (has_value != 0) {
      record.value.emplace();
      if (!in.Text(*record.value)) return false;
    }
    input.batch.records.push_back(std::move(record));
  }
  return true;
}

absl::Status RecordingDamaged() {
  return DataLoss("RECORDING_DAMAGED", "the recording does not parse; take another one");
}

}  // namespace

void EncodeInputs(const std::vector<Input>& inputs, std::string& out) {
  AppendVarint(out, inputs.size());
  for (const Input& input : inputs) {
    if (const auto* command = std::get_if<CommandInput>(&input)) {
      out.push_back(kCommand);
      EncodeCommand(*command, out);
    } else if (const auto* records = std::get_if<RecordsInput>(&input)) {
      out.push_back(kRecords);
      EncodeRecords(*records, out);
    } else if (const auto* follow = std::get_if<FollowInput>(&input)) {
      out.push_back(kFollow);
      AppendText(out, follow->where.topic);
      AppendVarint(out, static_cast<uint64_t>(follow->where.partition));
      AppendU64(out, static_cast<uint64_t>(follow->marks.begin));
      AppendU64(out, static_cast<uint64_t>(follow->marks.end));
    } else {
      const auto& parked = std::get<ParkedInput>(input);
      out.push_back(kParked);
      out.push_back(parked.action == ParkedInput::Action::kReplay ? 0 : 1);
      AppendU16(out, static_cast<uint16_t>(parked.partition));
      AppendU64(out, parked.number);
    }
  }
}

bool DecodeInputs(absl::string_view bytes, std::vector<Input>& inputs) {
  WireReader in(bytes);
  uint64_t count;
  if (!in.Varint(count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint8_t kind;
    if (!in.U8(kind)) return false;
    if (kind == kCommand) {
      CommandInput command;
      if (!DecodeCommand(in, command)) return false;
      inputs.emplace_back(std::move(command));
    } else if (kind == kRecords) {
      RecordsInput records;
      if (!DecodeRecords(in, records)) return false;
      inputs.emplace_back(std::move(records));
    } else if (kind == kFollow) {
      FollowInput follow;
      uint64_t partition;
      if (!in.Text(follow.where.topic) || !in.Varint(partition) || !in.I64(follow.marks.begin) ||
          !in.I64(follow.marks.end)) {
        return false;
      }
      follow.where.partition = static_cast<int32_t>(partition);
      inputs.emplace_back(std::move(follow));
    } else if (kind == kParked) {
      ParkedInput parked;
      uint8_t action;
      uint16_t partition;
      if (!in.U8(action) || !in.U16(partition) || !in.U64(parked.number)) return false;
      parked.action =
          action == 0 ? ParkedInput::Action::kReplay : ParkedInput::Action::kDiscard;
      parked.partition = partition;
      inputs.emplace_back(std::move(parked));
    } else {
      return false;
    }
  }
  return in.done();
}

struct FileRecorder::File {
  std::ofstream out;
};

FileRecorder::FileRecorder(std::string folder, int64_t bytes_max)
    : folder_(std::move(folder)), bytes_max_(bytes_max) {}

FileRecorder::~FileRecorder() = default;

bool FileRecorder::full() const { return file_ == nullptr || bytes_ >= bytes_max_; }

absl::Status FileRecorder::Begin(Store& store) {
  std::error_code error;
  fs::create_directories(folder_, error);
  std::vector<int64_t> numbers = Recordings(folder_);
  const int64_t next = numbers.empty() ? 1 : numbers.back() + 1;
  const std::string path = absl::StrCat(folder_, "/recording-", next);
  fs::create_directories(path, error);
  WEFT_RETURN_IF_ERROR(store.Checkpoint(path + "/checkpoint"));
  auto file = std::make_unique<File>();
  file->out.open(path + "/inputs", std::ios::binary);
  if (!file->out.good()) return Internal("the recording cannot be written");
  file_ = std::move(file);
  bytes_ = 0;
  numbers.push_back(next);
  for (size_t i = 0; i + 2 < numbers.size(); ++i) {
    fs::remove_all(absl::StrCat(folder_, "/recording-", numbers[i]), error);
  }
  return absl::OkStatus();
}

void FileRecorder::Append(absl::string_view record) {
  if (file_ == nullptr) return;
  std::string head;
  AppendU64(head, record.size());
  file_->out << head;
  file_->out.write(record.data(), static_cast<std::streamsize>(record.size()));
  file_->out.flush();  // A crash of the process must find it.
  bytes_ += static_cast<int64_t>(record.size() + head.size());
}

absl::StatusOr<std::string> RecordedRoom(const std::string& folder) {
  if (!fs::exists(folder + "/inputs")) {
    return NotFound("RECORDING_NOT_FOUND", absl::StrCat("there is no recording in ", folder));
  }
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                        OpenRocksStore({.folder = folder + "/checkpoint", .read_only = true}));
  WEFT_ASSIGN_OR_RETURN(const auto bytes, store->Get(Family::kMeta, layout::kShard));
  const auto shard = layout::ParseShard(bytes.value_or(""));
  if (!shard.has_value()) return RecordingDamaged();
  return shard->room;
}

absl::StatusOr<ReplayReport> Replay(const Program& program, const std::string& folder,
                                    const std::function<void(int64_t batch)>& before) {
  ReplayReport report;
  WEFT_ASSIGN_OR_RETURN(report.room, RecordedRoom(folder));
  MemStore memory;
  CoreOptions options;
  {
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                          OpenRocksStore({.folder = folder + "/checkpoint", .read_only = true}));
    for (int f = 0; f < kFamilies; ++f) {
      Batch batch;
      const auto it = store->Scan(static_cast<Family>(f), "", "");
      for (; it->Valid(); it->Next()) batch.Put(static_cast<Family>(f), it->key(), it->value());
      WEFT_RETURN_IF_ERROR(it->status());
      WEFT_RETURN_IF_ERROR(memory.Write(batch, /*sync=*/true));
    }
    WEFT_ASSIGN_OR_RETURN(const auto bytes, memory.Get(Family::kMeta, layout::kShard, nullptr));
    const auto shard = layout::ParseShard(bytes.value_or(""));
    if (!shard.has_value()) return RecordingDamaged();
    options.shard = static_cast<int>(shard->shard);
    options.shards = static_cast<int>(shard->shards);
  }
  std::ifstream file(folder + "/inputs", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)),
                          std::istreambuf_iterator<char>());
  std::unique_ptr<Core> core;
  WireReader in(bytes);
  while (!in.done()) {
    uint64_t size;
    if (!in.U64(size) || in.Rest().size() < size) break;  // Torn by the crash it ends with.
    const absl::string_view record = in.Rest().substr(0, size);
    in = WireReader(in.Rest().substr(size));
    if (core == nullptr) {
      WEFT_ASSIGN_OR_RETURN(options, Core::RecordedOptions(record, options));
      WEFT_ASSIGN_OR_RETURN(core, Core::Open(options, program, memory, Times{}));
      continue;
    }
    if (before != nullptr && !record.empty() && record[0] == 'b') before(report.batches);
    WEFT_ASSIGN_OR_RETURN(const Core::Replayed replayed, core->ReplayRecord(record));
    if (replayed.batch) ++report.batches;
    report.turns += replayed.turns;
    if (replayed.differs && report.first_difference < 0) {
      report.first_difference = report.batches - 1;
    }
  }
  return report;
}

}  // namespace weft::engine
