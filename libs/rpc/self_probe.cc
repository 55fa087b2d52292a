#include "libs/rpc/self_probe.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"

namespace weft::rpc {
namespace {

// Client preface and an empty SETTINGS frame. Source: RFC 9113 §3.4, §6.5.
constexpr char kHello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
constexpr size_t kFrameHeaderBytes = 9;
constexpr unsigned char kSettings = 4;

class Socket {
 public:
  explicit Socket(int family)
      : fd_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Dead(const std::string& target, absl::string_view what) {
  return Unavailable("LISTENER_DEAD", absl::StrCat("our own listener on ", target, ": ", what),
                     {{"target", target}});
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// The first address of "host:port"; null when there is none.
Addresses Resolve(const std::string& target) {
  const size_t colon = target.rfind(':');
  std::string host = target.substr(0, colon);
  if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (colon == std::string::npos ||
      getaddrinfo(host.c_str(), target.c_str() + colon + 1, &hints, &found) != 0) {
    found = nullptr;
  }
  return Addresses(found, &freeaddrinfo);
}

bool WaitFor(int fd, short events, absl::Time deadline) {
  const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
  pollfd one{.fd = fd, .events = events, .revents = 0};
  return left > 0 && poll(&one, 1, static_cast<int>(left)) == 1;
}

}  // namespace

absl::Status ProbeListener(const std::string& target, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const Addresses address = Resolve(target);
  if (address == nullptr) return Dead(target, "no such address");
  const Socket socket(address->ai_family);
  if (socket.fd() < 0) return Dead(target, strerror(errno));
  if (connect(socket.fd(), address->ai_addr, address->ai_addrlen) != 0 &&
      errno != EINPROGRESS) {
    return Dead(target, strerror(errno));
  }
  if (!WaitFor(socket.fd(), POLLOUT, deadline)) return Dead(target, "no connection in time");
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Dead(target, strerror(error));
  if (send(socket.fd(), kHello, sizeof(kHello) - 1, MSG_NOSIGNAL) !=
      static_cast<ssize_t>(sizeof(kHello) - 1)) {
    return Dead(target, "the hello was not taken");
  }
  unsigned char frame[kFrameHeaderBytes];
  size_t got = 0;
  while (got < sizeof(frame)) {
    if (!WaitFor(socket.fd(), POLLIN, deadline)) return Dead(target, "no answer in time");
    const ssize_t n = recv(socket.fd(), frame + got, sizeof(frame) - got, 0);
    if (n == 0) return Dead(target, "closed the connection");
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) continue;
      return Dead(target, strerror(errno));
    }
    got += static_cast<size_t>(n);
  }
  if (frame[3] != kSettings) return Dead(target, "does not speak HTTP/2");
  return absl::OkStatus();
}

absl::Status RaiseFileLimit(int64_t required) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur != RLIM_INFINITY && static_cast<int64_t>(limit.rlim_cur) < required) {
    return FailedPrecondition(
        "FILE_LIMIT_TOO_LOW",
        absl::StrCat("this process may open ", limit.rlim_cur, " files, ", required,
                     " are needed; raise the hard limit (ulimit -Hn)"),
        {{"required", absl::StrCat(required)}});
  }
  return absl::OkStatus();
}

SelfProbe::SelfProbe(Options options, std::function<void(absl::Status)> dead)
    : options_(options), dead_(std::move(dead)), thread_([this] { Run(); }) {}

SelfProbe::~SelfProbe() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void SelfProbe::Run() {
  int failed = 0;
  for (;;) {
    {
      MutexLock lock(mutex_);
      const absl::Time due = absl::Now() + options_.period;
      for (absl::Duration left = options_.period; !stopping_ && left > absl::ZeroDuration();
           left = due - absl::Now()) {
        changed_.WaitFor(mutex_, left);
      }
      if (stopping_) return;
    }
    const absl::Status probe = ProbeListener(options_.target, options_.timeout);
    failed = probe.ok() ? 0 : failed + 1;
    if (failed >= options_.failures) {
      dead_(probe);
      return;
    }
  }
}

}  // namespace weft::rpc
