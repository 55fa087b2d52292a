// The demo of `weft up --demo`: sends a year of a real business through the ERP
// connector like any ERP would, then plays that ERP.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "libs/service/process.h"
#include "tools/demo/player.h"

namespace weft {

class DemoSession {
 public:
  // `process` outlives the session; `data_file` is the compressed CSV.
  DemoSession(service::Process& process, std::string data_file);
  // Stops; the feed goes on with the next message the next time.
  ~DemoSession();
  DemoSession(const DemoSession&) = delete;
  DemoSession& operator=(const DemoSession&) = delete;

  // Starts to feed and then to play, on a thread of its own. Says on stderr how
  // far it is: a bar on a terminal, otherwise a line every 10 seconds. What was
  // sent before (the folder has data) is not sent again.
  void Start();
  void Stop();

 private:
  void Run();
  absl::Status Feed();
  absl::Status Ingest(const std::string& request_id, const std::string& text);

  service::Process& process_;
  const std::string data_file_;
  std::unique_ptr<demo::Player> player_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace weft
