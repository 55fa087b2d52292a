// One call of ReorderOrder on its way: find the source, say what becomes of each
// line, ask stock and prices, keep the result, submit.
//
//   Start → (approval GetOrder) → Propose → stock → prices → Record → (submit) → reply
//
// Nothing blocks: each step ends in a callback. What is asked of the neighbours
// may be repeated by a repeat of the call; the first result that is recorded
// stays. A submission is a task of the engine and so happens in any case; the call
// also makes it itself, with the same key, to answer with the order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/reorder/config.h"
#include "services/reorder/neighbours.h"
#include "weft/reorder/v1/reorder.pb.h"
#include "weft/reorder/v1/state.pb.h"

namespace weft::reorder {

class ReorderCall : public std::enable_shared_from_this<ReorderCall> {
 public:
  // `shards` and `neighbours` outlive the call.
  ReorderCall(engine::Shards& shards, const Neighbours& neighbours, const Settings& settings,
              rpc::CallContext context, v1::ReorderOrderRequest request,
              rpc::Reply<v1::Reorder> reply);

  void Start();

 private:
  absl::Status Begin();
  void AskOrder();
  void Propose();
  void AskStock();
  void AskPrices();
  void Record();
  void Submit(v1::Reorder reorder, rpc::ReplyInfo info);
  void Finish(absl::StatusOr<v1::Reorder> answer, rpc::ReplyInfo info = {});
  absl::Status CheckLines() const;
  Asking AskingNow(double share) const;

  engine::Shards& shards_;
  const Neighbours& neighbours_;
  const Settings& settings_;
  const rpc::CallContext context_;
  const v1::ReorderOrderRequest request_;
  const rpc::Reply<v1::Reorder> reply_;

  std::string id_;
  std::string user_;
  std::string request_hash_;
  bool answered_ = false;  // By Begin(), from an earlier call.
  v1::SourceRow source_;
  std::vector<ProposedLine> lines_;
  std::string currency_code_;
};

}  // namespace weft::reorder
