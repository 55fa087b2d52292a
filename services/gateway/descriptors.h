// The descriptors compiled into this process, with their comments.
#pragma once

#include "absl/strings/string_view.h"

namespace weft::gateway {

// A serialised FileDescriptorSet of all rooms' public protos.
absl::string_view RoomDescriptors();

}  // namespace weft::gateway
