// A room's client that is there before anybody knows where the room is: calls
// before Set() are UNAVAILABLE / ROOM_UNAVAILABLE.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/sync.h"
#include "libs/rpc/client.h"

namespace weft::service {

class LateClient final : public rpc::Client {
 public:
  explicit LateClient(std::string room) : room_(std::move(room)) {}

  void Set(std::unique_ptr<rpc::Client> client) {
    MutexLock lock(mutex_);
    client_ = std::move(client);
  }

  void CallRaw(const std::string& method, std::string request, const rpc::CallOptions& options,
               rpc::RawAnswerCallback done) override {
    const std::shared_ptr<rpc::Client> client = Get();
    if (client == nullptr) return done(Away());
    client->CallRaw(method, std::move(request), options, std::move(done));
  }
  std::unique_ptr<rpc::StreamHandle> StreamRaw(const std::string& method, std::string request,
                                               const rpc::CallOptions& options,
                                               rpc::StreamCallbacks callbacks) override {
    const std::shared_ptr<rpc::Client> client = Get();
    if (client == nullptr) {
      callbacks.end(Away());
      return std::make_unique<Nothing>();
    }
    return client->StreamRaw(method, std::move(request), options, std::move(callbacks));
  }

 private:
  struct Nothing final : rpc::StreamHandle {
    void Cancel() override {}
  };

  std::shared_ptr<rpc::Client> Get() {
    MutexLock lock(mutex_);
    return client_;
  }
  absl::Status Away() const {
    return Unavailable("ROOM_UNAVAILABLE",
                       absl::StrCat("room ", room_, " is not known yet or not configured"),
                       {{"room", room_}});
  }

  const std::string room_;
  Mutex mutex_;
  std::shared_ptr<rpc::Client> client_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::service
