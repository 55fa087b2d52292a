#include "libs/rpc/self_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "libs/base/error.h"
#include "libs/rpc/grpc_server.h"

namespace weft::rpc {
namespace {

// A listener that never accepts: connections succeed and nobody answers, like
// those of the dead listener.
class DeafListener {
 public:
  DeafListener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(fd_, 16);
    socklen_t length = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~DeafListener() { close(fd_); }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

TEST_CASE("a server that answers passes the probe", "[rpc][probe]") {
  GrpcServer server({.room = "test"});
  REQUIRE(server.Start().ok());

  CHECK(ProbeListener(server.target(), absl::Seconds(5)).ok());
}

TEST_CASE("a listener that does not answer fails the probe", "[rpc][probe]") {
  DeafListener deaf;

  const absl::Status probe = ProbeListener(deaf.target(), absl::Milliseconds(50));

  CHECK(ReasonOf(probe) == "LISTENER_DEAD");
}

TEST_CASE("a port nobody listens on fails the probe", "[rpc][probe]") {
  std::string target;
  {
    DeafListener gone;
    target = gone.target();
  }

  CHECK(ReasonOf(ProbeListener(target, absl::Seconds(1))) == "LISTENER_DEAD");
  CHECK(ReasonOf(ProbeListener("no port", absl::Seconds(1))) == "LISTENER_DEAD");
}

TEST_CASE("three failures in a row are reported once", "[rpc][probe]") {
  DeafListener deaf;
  Mutex mutex;
  CondVar changed;
  int reports = 0;

  SelfProbe probe({.target = deaf.target(),
                   .period = absl::Milliseconds(5),
                   .timeout = absl::Milliseconds(5)},
                  [&](absl::Status) {
                    MutexLock lock(mutex);
                    ++reports;
                    changed.NotifyAll();
                  });

  MutexLock lock(mutex);
  while (reports == 0) changed.Wait(mutex);
  CHECK(reports == 1);
}

TEST_CASE("a limit of open files that is too low is refused", "[rpc][probe]") {
  CHECK(RaiseFileLimit(16).ok());
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  CHECK(limit.rlim_cur == limit.rlim_max);

  CHECK((limit.rlim_cur == RLIM_INFINITY ||
         ReasonOf(RaiseFileLimit(static_cast<int64_t>(limit.rlim_max) + 1)) ==
             "FILE_LIMIT_TOO_LOW"));
}

}  // namespace
}  // namespace weft::rpc
