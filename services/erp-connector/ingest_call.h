// One Ingest call: cut into pieces that are one turn each, one after the other, so
// that a large call neither stalls a shard nor changes the order of its messages.
#pragma once

#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "weft/erp/v1/erp.pb.h"

namespace weft::erp {

// Most of a call, and of a piece of it.
inline constexpr size_t kPayloadBytesMax = 4 << 20;
inline constexpr size_t kPieceBytesMax = 256 << 10;
inline constexpr size_t kPieceMessagesMax = 2000;

// Answers when the last piece is durable. A call that fails in the middle has done
// what is before it; repeating it with its request id does the rest.
//
// Errors: PAYLOAD_EMPTY, PAYLOAD_TOO_LARGE, PAYLOAD_UNREADABLE, REQUEST_ID_REQUIRED,
// CONNECTION_UNKNOWN.
void StartIngest(engine::Shards& shards, const rpc::CallContext& context,
                 const v1::IngestRequest& request, rpc::Reply<v1::IngestResponse> reply);

}  // namespace weft::erp
