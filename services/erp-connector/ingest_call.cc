#include "services/erp-connector/ingest_call.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "services/erp-connector/domain/payload.h"
#include "services/erp-connector/program.h"

namespace weft::erp {
namespace {

constexpr int kProblemsMax = 100;
constexpr size_t kRequestIdMax = 240;

struct Piece {
  std::string data;
  int64_t messages = 0;
};

std::vector<Piece> Gather(const std::vector<absl::string_view>& messages) {
  std::vector<Piece> pieces;
  for (const absl::string_view message : messages) {
    if (pieces.empty() || pieces.back().messages >= static_cast<int64_t>(kPieceMessagesMax) ||
        pieces.back().data.size() + message.size() > kPieceBytesMax) {
      pieces.emplace_back();
    }
    Piece& piece = pieces.back();
    piece.data += kMessageSeparator;
    piece.data.append(message.data(), message.size());
    ++piece.messages;
  }
  return pieces;
}

void Add(const v1::MessageCounts& more, v1::MessageCounts& counts) {
  counts.set_applied(counts.applied() + more.applied());
  counts.set_unchanged(counts.unchanged() + more.unchanged());
  counts.set_older(counts.older() + more.older());
  counts.set_repeated(counts.repeated() + more.repeated());
  counts.set_parked(counts.parked() + more.parked());
  counts.set_waiting(counts.waiting() + more.waiting());
}

class IngestCall : public std::enable_shared_from_this<IngestCall> {
 public:
  IngestCall(engine::Shards& shards, const rpc::CallContext& context, std::string connection,
             std::string request_id, std::vector<Piece> pieces,
             rpc::Reply<v1::IngestResponse> reply)
      : shards_(shards),
        context_(context),
        connection_(std::move(connection)),
        request_id_(std::move(request_id)),
        pieces_(std::move(pieces)),
        reply_(std::move(reply)) {}

  void Next() {
    v1::IngestRequest request;
    request.set_connection(connection_);
    request.set_data(std::move(pieces_[next_].data));
    engine::Command command;
    command.method = absl::StrCat(kErpService, "Ingest");
    command.request_id = pieces_.size() == 1 ? request_id_ : absl::StrCat(request_id_, "#", next_);
    request.set_request_id(command.request_id);
    command.principal = context_.principal;
    command.payload = request.SerializeAsString();
    command.traceparent = context_.traceparent;
    command.timeout = context_.Remaining();
    shards_.Submit(std::move(command),
                   [self = shared_from_this()](absl::StatusOr<engine::Answer> answer) {
                     self->Take(std::move(answer));
                   });
  }

 private:
  void Take(absl::StatusOr<engine::Answer> answer) {
    if (!answer.ok()) return reply_(answer.status(), {});
    v1::IngestResponse part;
    if (!part.ParseFromString(answer->payload)) {
      return reply_(Internal("an answer of Ingest does not parse"), {});
    }
    Add(part.counts(), *response_.mutable_counts());
    for (v1::IngestProblem& problem : *part.mutable_problems()) {
      if (response_.problems_size() >= kProblemsMax) break;
      problem.set_index(problem.index() + response_.messages());
      *response_.add_problems() = std::move(problem);
    }
    response_.set_messages(response_.messages() + part.messages());
    info_.replayed = answer->replayed;
    // A piece that changed nothing has no token; the last one that did counts.
    const std::string token = answer->token.ToText();
    if (!token.empty()) info_.token = token;
    if (++next_ < pieces_.size()) return Next();
    reply_(std::move(response_), std::move(info_));
  }

  engine::Shards& shards_;
  const rpc::CallContext context_;
  const std::string connection_;
  const std::string request_id_;
  std::vector<Piece> pieces_;
  size_t next_ = 0;
  v1::IngestResponse response_;
  rpc::ReplyInfo info_;
  rpc::Reply<v1::IngestResponse> reply_;
};

}  // namespace

void StartIngest(engine::Shards& shards, const rpc::CallContext& context,
                 const v1::IngestRequest& request, rpc::Reply<v1::IngestResponse> reply) {
  const std::string& payload = request.has_data() ? request.data() : request.text();
  if (request.request_id().empty()) {
    return reply(InvalidArgument("REQUEST_ID_REQUIRED", "request_id is required"), {});
  }
  if (payload.size() > kPayloadBytesMax) {
    return reply(InvalidArgument("PAYLOAD_TOO_LARGE",
                                 absl::StrCat("the payload has ", payload.size(),
                                              " bytes; send at most ", kPayloadBytesMax,
                                              " a call")),
                 {});
  }
  const absl::StatusOr<std::vector<absl::string_view>> messages = SplitPayload(payload);
  if (!messages.ok()) return reply(messages.status(), {});
  if (messages->empty()) {
    return reply(InvalidArgument("PAYLOAD_EMPTY", "the payload holds no message"), {});
  }
  std::string request_id = request.request_id();
  if (request_id.size() > kRequestIdMax) {
    request_id = DeriveId(context.principal.tenant, context.method, request_id);
  }
  std::make_shared<IngestCall>(shards, context, request.connection(), std::move(request_id),
                               Gather(*messages), std::move(reply))
      ->Next();
}

}  // namespace weft::erp
