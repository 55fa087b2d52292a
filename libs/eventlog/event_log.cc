#include "libs/eventlog/event_log.h"

#include <memory>
#include <optional>
#include <utility>

#include "libs/base/hash.h"
#include "libs/base/sync.h"

namespace weft::eventlog {
namespace {

void AddNumber(uint64_t number, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(number >> shift));
  }
}

void AddString(const std::string& text, std::string& out) {
  AddNumber(text.size(), out);
  out += text;
}

// Shared with the callback, which may still be returning when the waiter leaves.
struct Waiter {
  Mutex mutex;
  CondVar arrived;
  std::optional<absl::StatusOr<int64_t>> result ABSL_GUARDED_BY(mutex);
};

}  // namespace

const std::string& Record::HeaderOr(const std::string& name) const {
  static const std::string* const kEmpty = new std::string();
  for (const Header& header : headers) {
    if (header.name == name) return header.value;
  }
  return *kEmpty;
}

absl::StatusOr<int64_t> AppendAndWait(EventLog& log, const TopicPartition& where,
                                      std::vector<NewRecord> records) {
  const auto waiter = std::make_shared<Waiter>();
  log.Append(where, std::move(records), [waiter](absl::StatusOr<int64_t> result) {
    MutexLock lock(waiter->mutex);
    waiter->result = std::move(result);
    waiter->arrived.NotifyAll();
  });
  MutexLock lock(waiter->mutex);
  while (!waiter->result.has_value()) waiter->arrived.Wait(waiter->mutex);
  return *waiter->result;
}

std::string RecordDigest(const Record& record) {
  std::string bytes;
  AddNumber(static_cast<uint64_t>(absl::ToUnixMicros(record.append_time)), bytes);
  AddString(record.key, bytes);
  AddNumber(record.headers.size(), bytes);
  for (const Header& header : record.headers) {
    AddString(header.name, bytes);
    AddString(header.value, bytes);
  }
  // A tombstone differs from an empty value.
  bytes.push_back(record.value.has_value() ? 1 : 0);
  if (record.value.has_value()) AddString(*record.value, bytes);
  return Hex(Sha256(bytes));
}

}  // namespace weft::eventlog
