#include "libs/engine/store.h"

#include "libs/engine/wire.h"

namespace weft::engine {
namespace {
constexpr char kPut = 1;
constexpr char kDelete = 2;
constexpr char kDeleteRange = 3;
}  // namespace

const char* FamilyName(Family family) {
  switch (family) {
    case Family::kMeta: return "meta";
    case Family::kState: return "state";
    case Family::kAnswers: return "answers";
    case Family::kOutbox: return "outbox";
    case Family::kTimers: return "timers";
    case Family::kTasks: return "tasks";
    case Family::kParked: return "parked";
    case Family::kChangelog: return "changelog";
  }
  return "unknown";
}

void Batch::Put(Family family, absl::string_view key, absl::string_view value) {
  bytes_.push_back(kPut);
  bytes_.push_back(static_cast<char>(family));
  AppendText(bytes_, key);
  AppendText(bytes_, value);
  ++count_;
}

void Batch::Delete(Family family, absl::string_view key) {
  bytes_.push_back(kDelete);
  bytes_.push_back(static_cast<char>(family));
  AppendText(bytes_, key);
  ++count_;
}

void Batch::DeleteRange(Family family, absl::string_view begin, absl::string_view end) {
  bytes_.push_back(kDeleteRange);
  bytes_.push_back(static_cast<char>(family));
  AppendText(bytes_, begin);
  AppendText(bytes_, end);
  ++count_;
}

void Batch::AppendBytes(absl::string_view other, int count) {
  bytes_.append(other.data(), other.size());
  count_ += count;
}

bool Batch::Visit(absl::string_view bytes, Visitor& visitor) {
  WireReader in(bytes);
  while (!in.done()) {
    uint8_t op;
    uint8_t family;
    absl::string_view a;
    absl::string_view b;
    if (!in.U8(op) || !in.U8(family) || family >= kFamilies || !in.Text(a)) return false;
    const Family f = static_cast<Family>(family);
    switch (op) {
      case kPut:
        if (!in.Text(b)) return false;
        visitor.Put(f, a, b);
        break;
      case kDelete:
        visitor.Delete(f, a);
        break;
      case kDeleteRange:
        if (!in.Text(b)) return false;
        visitor.DeleteRange(f, a, b);
        break;
      default:
        return false;
    }
  }
  return true;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace weft::engine
