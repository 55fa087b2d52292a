#include "libs/engine/table.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/base/status_macros.h"
#include "libs/engine/wire.h"

namespace weft::engine {

void AppendBytesOf(const google::protobuf::MessageLite& message, std::string& out) {
  const size_t before = out.size();
  const size_t size = message.ByteSizeLong();
  out.resize(before + size);
  google::protobuf::io::ArrayOutputStream array(out.data() + before, static_cast<int>(size));
  google::protobuf::io::CodedOutputStream stream(&array);
  stream.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&stream);
  WEFT_CHECK(!stream.HadError());
}

Key& Key::Add(absl::string_view part) {
  for (char c : part) {
    bytes_.push_back(c);
    if (c == '\0') bytes_.push_back('\xff');
  }
  bytes_.push_back('\0');
  bytes_.push_back('\x01');
  return *this;
}

Key& Key::Add(int64_t part) {
  AppendU64(bytes_, static_cast<uint64_t>(part) ^ (uint64_t{1} << 63));
  return *this;
}

bool KeyReader::Next(std::string& part) {
  part.clear();
  for (size_t i = 0; i + 1 < rest_.size(); ++i) {
    if (rest_[i] != '\0') {
      part.push_back(rest_[i]);
      continue;
    }
    const char after = rest_[i + 1];
    if (after == '\x01') {
      rest_.remove_prefix(i + 2);
      return true;
    }
    if (after != '\xff') return false;
    part.push_back('\0');
    ++i;
  }
  return false;
}

bool KeyReader::Next(int64_t& part) {
  WireReader in(rest_);
  uint64_t v;
  if (!in.U64(v)) return false;
  part = static_cast<int64_t>(v ^ (uint64_t{1} << 63));
  rest_ = in.Rest();
  return true;
}

}  // namespace weft::engine
