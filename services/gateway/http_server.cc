#include "services/gateway/http_server.h"

#include <array>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/sync.h"
#include "services/gateway/domain/headers.h"

namespace weft::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using Parser = http::request_parser<http::string_body>;

constexpr size_t kReadSize = 8 << 10;
constexpr size_t kBodyReadSize = 64 << 10;
// What is read and thrown away of a request that was refused.
constexpr size_t kLingerBytesMax = 64 << 20;
constexpr absl::Duration kLingerTimeMax = absl::Seconds(2);
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

SteadyClock::time_point In(absl::Duration d) {
  return SteadyClock::now() + absl::ToChronoNanoseconds(d);
}

// "Date: …", made once a second and thread.
const std::string& DateHeader() {
  thread_local int64_t second = -1;
  thread_local std::string text;
  const absl::Time now = absl::Now();
  if (absl::ToUnixSeconds(now) != second) {
    second = absl::ToUnixSeconds(now);
    text = absl::FormatTime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", now, absl::UTCTimeZone());
  }
  return text;
}

// A header value cannot end its line.
void AppendHeader(absl::string_view name, absl::string_view value, std::string& out) {
  absl::StrAppend(&out, name, ": ");
  for (const char c : value) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  absl::StrAppend(&out, "\r\n");
}

class Core;

// The parts that threads share of one exchange.
struct ExchangeState {
  HttpRequest request;
  std::atomic<bool> answered = false;  // Respond or BeginStream was called.
  std::atomic<bool> ended = false;     // Respond or EndStream was called.
  std::atomic<bool> gone = false;
  std::atomic<size_t> waiting = 0;     // Octets of a stream not yet written.
  Mutex mutex;
  std::function<void()> on_gone ABSL_GUARDED_BY(mutex);
};

// One I/O thread.
struct Lane {
  Lane() : context(1), work(asio::make_work_guard(context)) {}
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
};

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Core> core, tcp::socket socket)
      : core_(std::move(core)), socket_(std::move(socket)), timer_(socket_.get_executor()),
        later_(socket_.get_executor()) {}
  ~Connection();

  void Start() {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    NextRequest();
  }
  // On the lane's thread: closes when nothing is under way, else afterwards.
  void Drain() {
    if (phase_ == Phase::kIdle) Close();
  }
  void Close();
  tcp::socket::executor_type executor() { return socket_.get_executor(); }
  bool finished() const;
  // The server stops: this answer is the connection's last. Asked of the server,
  // not told to the connection, for another lane may be told later than a client
  // sees the first one close.
  bool draining() const;

  // Exchange's side; on the lane's thread.
  void Respond(const std::shared_ptr<ExchangeState>& state, HttpResponse response);
  void BeginStream(const std::shared_ptr<ExchangeState>& state, HttpResponse head);
  void Piece(const std::shared_ptr<ExchangeState>& state, std::string piece, bool last);
  void After(const std::shared_ptr<ExchangeState>& state, absl::Duration delay,
             std::function<void()> then);

 private:
  enum class Phase { kIdle, kHeader, kBody, kWorking, kWriting, kLingering, kClosed };

  void NextRequest();
  void Parse();
  void Read();
  void OnRead(error_code error, size_t size);
  bool CheckHeader();
  void Dispatch();
  void Refuse(const absl::Status& status);
  void FailParse(error_code error);
  std::string Head(const HttpResponse& response, bool chunked);
  void WriteAll(std::string head, std::string body);
  void WriteQueue();
  void AnswerDone();
  void Linger();
  void Gone();
  // The connection must have moved on by then.
  void Limit(absl::Duration time);
  void OnTimer();
  HttpRequest TakeRequest();

  // Owns the thread's context, so it goes last.
  const std::shared_ptr<Core> core_;
  tcp::socket socket_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::kIdle;
  bool header_checked_ = false;
  bool reading_ = false;
  bool keep_alive_ = true;
  bool http11_ = true;
  bool head_request_ = false;
  bool lingers_ = false;  // After the answer: read the rest, then close.
  size_t lingered_ = 0;

  asio::steady_timer timer_;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  SteadyClock::time_point armed_ = SteadyClock::time_point::max();
  asio::steady_timer later_;

  std::shared_ptr<ExchangeState> current_;
  // The answer under way: of a stream, pieces and whether the last is queued.
  std::string out_head_;
  std::string out_body_;
  bool streaming_ = false;
  bool chunked_ = false;
  bool last_queued_ = false;
  bool writing_ = false;
  std::deque<std::pair<std::string, size_t>> queue_;  // Framed piece, payload size.
};

class ExchangeImpl final : public Exchange {
 public:
  ExchangeImpl(std::shared_ptr<Connection> connection, std::shared_ptr<ExchangeState> state,
               size_t waiting_max)
      : connection_(std::move(connection)), state_(std::move(state)), waiting_max_(waiting_max) {}
  ~ExchangeImpl() override {
    if (!state_->answered) {
      Respond({.status = 500, .headers = {}, .body = "", .close = true});
    } else if (!state_->ended) {
      EndStream("");
    }
  }

  const HttpRequest& request() const override { return state_->request; }

  void Respond(HttpResponse response) override {
    if (state_->answered.exchange(true)) return;
    state_->ended = true;
    ForgetGone();
    Run([response = std::move(response)](Connection& c, const auto& state) mutable {
      c.Respond(state, std::move(response));
    });
  }
  void BeginStream(HttpResponse head) override {
    if (state_->answered.exchange(true)) return;
    Run([head = std::move(head)](Connection& c, const auto& state) mutable {
      c.BeginStream(state, std::move(head));
    });
  }
  bool Write(std::string piece) override {
    if (state_->gone || state_->ended) return false;
    if (state_->waiting.load() + piece.size() > waiting_max_) return false;
    state_->waiting += piece.size();
    Run([piece = std::move(piece)](Connection& c, const auto& state) mutable {
      c.Piece(state, std::move(piece), /*last=*/false);
    });
    return true;
  }
  void EndStream(std::string last) override {
    if (state_->ended.exchange(true)) return;
    ForgetGone();
    state_->waiting += last.size();
    Run([last = std::move(last)](Connection& c, const auto& state) mutable {
      c.Piece(state, std::move(last), /*last=*/true);
    });
  }
  void OnGone(std::function<void()> gone) override {
    {
      MutexLock lock(state_->mutex);
      if (!state_->gone) {
        state_->on_gone = std::move(gone);
        return;
      }
    }
    gone();
  }
  void After(absl::Duration delay, std::function<void()> then) override {
    Run([delay, then = std::move(then)](Connection& c, const auto& state) mutable {
      c.After(state, delay, std::move(then));
    });
  }

 private:
  // What waits for the client to leave may own this exchange.
  void ForgetGone() {
    std::function<void()> gone;
    MutexLock lock(state_->mutex);
    gone.swap(state_->on_gone);
  }
  template <typename F>
  void Run(F f) {
    if (connection_->finished()) return;
    asio::dispatch(connection_->executor(),
                   [connection = connection_, state = state_, f = std::move(f)]() mutable {
                     f(*connection, state);
                   });
  }

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<ExchangeState> state_;
  const size_t waiting_max_;
};

// What connections share. Lives until the last of them, and every exchange of
// theirs, is gone; its threads end with Stop().
class Core final : public std::enable_shared_from_this<Core> {
 public:
  Core(HttpServerOptions o, HttpServer::Handler h, HttpServer::Refusal r)
      : options(std::move(o)), handler(std::move(h)), refusal(std::move(r)) {}

  absl::Status Listen() {
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
      return InvalidArgument("ADDRESS_INVALID",
                             absl::StrCat("'", options.address, "' is no IP address"));
    }
    for (int i = 0; i < std::max(1, options.threads); ++i) {
      lanes_.push_back(std::make_unique<Lane>());
    }
    acceptor_.emplace(lanes_[0]->context);
    accept_timer_.emplace(lanes_[0]->context);
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options.port));
    acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Unavailable("ADDRESS_IN_USE",
                         absl::StrCat("cannot listen on ", options.address, ":", options.port,
                                      ": ", error.message(), "; choose another port"));
    }
    port_ = acceptor_->local_endpoint().port();
    Accept();
    for (auto& lane : lanes_) {
      lane->thread = std::thread([context = &lane->context] { context->run(); });
    }
    return absl::OkStatus();
  }

  int port() const { return port_; }
  size_t connections() const {
    MutexLock lock(mutex_);
    return open_.size();
  }
  bool finished() const { return finished_; }
  bool stopped() const { return stopped_; }

  void Stop(absl::Duration grace) {
    if (lanes_.empty() || stopped_.exchange(true)) return;
    asio::post(lanes_[0]->context, [this] {
      error_code ignored;
      if (acceptor_.has_value()) acceptor_->close(ignored);
      if (accept_timer_.has_value()) accept_timer_->cancel();
    });
    EachConnection([](Connection& c) { c.Drain(); });
    WaitUntilEmpty(grace);
    EachConnection([](Connection& c) { c.Close(); });
    WaitUntilEmpty(absl::Seconds(1));
    finished_ = true;
    for (auto& lane : lanes_) {
      lane->work.reset();
      lane->context.stop();
      if (lane->thread.joinable()) lane->thread.join();
      // What was cancelled still holds its connection until it has run.
      lane->context.restart();
      lane->context.poll();
    }
    acceptor_.reset();
    accept_timer_.reset();
  }

  void Remove(Connection* connection) {
    MutexLock lock(mutex_);
    if (open_.erase(connection) > 0) gone_.NotifyAll();
  }

  const HttpServerOptions options;
  const HttpServer::Handler handler;
  const HttpServer::Refusal refusal;

 private:
  void Accept() {
    Lane& lane = *lanes_[next_lane_++ % lanes_.size()];
    acceptor_->async_accept(lane.context, [this, &lane](error_code error, tcp::socket socket) {
      if (stopped_ || !acceptor_->is_open()) return;
      if (error) {
        // Out of descriptors, most likely: wait until some are free.
        accept_timer_->expires_after(absl::ToChronoMilliseconds(kAcceptPause));
        accept_timer_->async_wait([this](error_code cancelled) {
          if (!cancelled) Accept();
        });
        return;
      }
      if (connections() < options.connections_max) {
        auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket));
        {
          MutexLock lock(mutex_);
          open_.emplace(connection.get(), connection);
        }
        asio::post(lane.context, [connection] { connection->Start(); });
      }
      Accept();
    });
  }

  void WaitUntilEmpty(absl::Duration limit) {
    const absl::Time until = absl::Now() + limit;
    MutexLock lock(mutex_);
    while (!open_.empty() && absl::Now() < until) gone_.WaitFor(mutex_, until - absl::Now());
  }

  template <typename F>
  void EachConnection(F f) {
    std::vector<std::shared_ptr<Connection>> all;
    {
      MutexLock lock(mutex_);
      for (const auto& [key, weak] : open_) {
        if (auto connection = weak.lock()) all.push_back(std::move(connection));
      }
    }
    for (auto& connection : all) {
      asio::post(connection->executor(), [connection, f] { f(*connection); });
    }
  }

  std::vector<std::unique_ptr<Lane>> lanes_;
  // Used on the first lane's thread.
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> accept_timer_;
  size_t next_lane_ = 0;
  int port_ = 0;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> finished_ = false;
  mutable Mutex mutex_;
  CondVar gone_;
  // Connections that are open; they own themselves through what they wait for.
  std::unordered_map<Connection*, std::weak_ptr<Connection>> open_ ABSL_GUARDED_BY(mutex_);
};

class Server final : public HttpServer {
 public:
  explicit Server(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~Server() override { core_->Stop(absl::ZeroDuration()); }
  int port() const override { return core_->port(); }
  size_t connections() const override { return core_->connections(); }
  void Stop(absl::Duration grace) override { core_->Stop(grace); }

 private:
  const std::shared_ptr<Core> core_;
};

bool Connection::finished() const { return core_->finished(); }
bool Connection::draining() const { return core_->stopped(); }

Connection::~Connection() { core_->Remove(this); }

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  error_code ignored;
  timer_.cancel();
  later_.cancel();
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  core_->Remove(this);
  Gone();
}

// Tells whoever works on the current request that nobody waits any more.
void Connection::Gone() {
  if (current_ == nullptr) return;
  std::function<void()> gone;
  {
    MutexLock lock(current_->mutex);
    current_->gone = true;
    gone = std::move(current_->on_gone);
    current_->on_gone = nullptr;
  }
  current_ = nullptr;
  if (gone) gone();
}

void Connection::Limit(absl::Duration time) {
  deadline_ = In(time);
  if (armed_ <= deadline_) return;  // It wakes before and looks again.
  armed_ = deadline_;
  timer_.expires_at(armed_);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->OnTimer();
  });
}

void Connection::OnTimer() {
  armed_ = SteadyClock::time_point::max();
  if (phase_ == Phase::kClosed) return;
  // Only a stream's reader is waited for while a request is worked on.
  if (phase_ == Phase::kWorking && !(streaming_ && writing_)) return;
  if (SteadyClock::now() < deadline_) {
    armed_ = deadline_;
    timer_.expires_at(armed_);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->OnTimer();
    });
    return;
  }
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHeader:
    case Phase::kBody:
      return Refuse(Error(absl::StatusCode::kDeadlineExceeded, "REQUEST_TIMEOUT",
                          phase_ == Phase::kIdle ? "no request came in time; connect again"
                                                 : "the request did not come in time; send it faster"));
    default:
      return Close();
  }
}

void Connection::NextRequest() {
  if (draining()) return Close();
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(core_->options.header_bytes_max));
  parser_->body_limit(core_->options.body_bytes_max);
  header_checked_ = false;
  phase_ = Phase::kIdle;
  if (buffer_.size() > 0) return Parse();
  Limit(core_->options.idle_time_max);
  Read();
}

void Connection::Read() {
  if (reading_) return;
  reading_ = true;
  socket_.async_read_some(
      buffer_.prepare(phase_ == Phase::kBody ? kBodyReadSize : kReadSize),
      [self = shared_from_this()](error_code error, size_t size) { self->OnRead(error, size); });
}

void Connection::OnRead(error_code error, size_t size) {
  reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error == asio::error::eof && phase_ == Phase::kWriting) {
    keep_alive_ = false;  // It sends no more but may still read this answer.
    return;
  }
  if (error) return Close();
  buffer_.commit(size);
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHeader:
    case Phase::kBody:
      return Parse();
    case Phase::kLingering:
      lingered_ += buffer_.size();
      buffer_.consume(buffer_.size());
      if (lingered_ > kLingerBytesMax) return Close();
      return Read();
    default:
      return;  // Pipelined; waits until the answer before it is written.
  }
}

void Connection::Parse() {
  while (true) {
    if (buffer_.size() == 0) break;
    error_code error;
    const bool in_body = header_checked_;
    const size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (error == http::error::need_more) break;
    if (error) return FailParse(error);
    if (!header_checked_ && parser_->is_header_done()) {
      if (!CheckHeader()) return;
      header_checked_ = true;
      parser_->eager(true);
    }
    if (parser_->is_done()) return Dispatch();
    if (used == 0 && in_body) break;
  }
  if (!header_checked_) {
    if (phase_ == Phase::kIdle) {
      phase_ = Phase::kHeader;
      Limit(core_->options.header_time_max);
    }
  } else if (phase_ != Phase::kBody) {
    phase_ = Phase::kBody;
    Limit(core_->options.body_time_max);
  }
  Read();
}

bool Connection::CheckHeader() {
  const auto& message = parser_->get();
  if (message.target().size() > core_->options.url_bytes_max) {
    Refuse(ResourceExhausted(
        "URL_TOO_LONG", absl::StrCat("the URL has more than ", core_->options.url_bytes_max,
                                     " octets; send long values in a body")));
    return false;
  }
  if (message.version() == 11 && message.count(http::field::host) != 1) {
    Refuse(InvalidArgument("REQUEST_MALFORMED", "a request has exactly one Host header"));
    return false;
  }
  if (message.version() == 11 && beast::iequals(message[http::field::expect], "100-continue")) {
    // A few octets into an empty send buffer: this does not block.
    error_code ignored;
    socket_.non_blocking(true, ignored);
    asio::write(socket_, asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), ignored);
  }
  return true;
}

void Connection::FailParse(error_code error) {
  if (error == http::error::header_limit) {
    // Where the request line itself has no end, the URL is what is too long.
    const bool line_read = parser_->get().target().size() > 0;
    if (!line_read || parser_->get().target().size() > core_->options.url_bytes_max) {
      return Refuse(ResourceExhausted(
          "URL_TOO_LONG", absl::StrCat("the URL has more than ", core_->options.url_bytes_max,
                                       " octets; send long values in a body")));
    }
    return Refuse(ResourceExhausted(
        "HEADERS_TOO_LARGE",
        absl::StrCat("the headers have more than ", core_->options.header_bytes_max,
                     " octets; send fewer")));
  }
  if (error == http::error::body_limit) {
    return Refuse(ResourceExhausted(
        "BODY_TOO_LARGE", absl::StrCat("the body has more than ", core_->options.body_bytes_max,
                                       " octets; send it in parts")));
  }
  Refuse(InvalidArgument("REQUEST_MALFORMED",
                         absl::StrCat("this is no HTTP/1.1 request: ", error.message())));
}

HttpRequest Connection::TakeRequest() {
  auto& message = parser_->get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  // absolute-form: what a proxy would be sent.
  for (const char* scheme : {"http://", "https://"}) {
    if (absl::StartsWithIgnoreCase(request.target, scheme)) {
      const size_t slash = request.target.find('/', std::string(scheme).size());
      request.target = slash == std::string::npos ? "/" : request.target.substr(slash);
    }
  }
  request.headers.reserve(8);
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(message.body());
  http11_ = message.version() >= 11;
  head_request_ = request.method == "HEAD";
  return request;
}

void Connection::Dispatch() {
  keep_alive_ = parser_->keep_alive() && !draining();
  auto state = std::make_shared<ExchangeState>();
  state->request = TakeRequest();
  if (state->request.target.empty() || state->request.target[0] != '/') {
    return Refuse(InvalidArgument("REQUEST_MALFORMED", "the URL does not start with '/'"));
  }
  current_ = state;
  phase_ = Phase::kWorking;
  // Reads ahead, which notices a client that leaves. What is pipelined already
  // stays where it is: the buffer cannot be parsed while it is read into.
  if (buffer_.size() == 0) Read();
  core_->handler(std::make_shared<ExchangeImpl>(shared_from_this(), std::move(state),
                                                 core_->options.stream_bytes_max));
}

void Connection::Refuse(const absl::Status& status) {
  HttpRequest request;
  if (parser_.has_value()) request = TakeRequest();
  HttpResponse response = core_->refusal(status, request);
  lingers_ = true;
  keep_alive_ = false;
  std::string head = Head(response, /*chunked=*/false);
  WriteAll(std::move(head), std::move(response.body));
}

std::string Connection::Head(const HttpResponse& response, bool chunked) {
  std::string head = absl::StrCat(http11_ ? "HTTP/1.1 " : "HTTP/1.0 ", response.status, " ",
                                  ReasonPhrase(response.status), "\r\n", DateHeader());
  for (const auto& [name, value] : response.headers) AppendHeader(name, value, head);
  if (streaming_) {
    if (chunked) absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  } else if (response.status != 204 && response.status != 304) {
    absl::StrAppend(&head, "Content-Length: ", response.body.size(), "\r\n");
  }
  if (!keep_alive_ || response.close) {
    absl::StrAppend(&head, "Connection: close\r\n");
  } else if (!http11_) {
    absl::StrAppend(&head, "Connection: keep-alive\r\n");
  }
  absl::StrAppend(&head, "\r\n");
  return head;
}

void Connection::Respond(const std::shared_ptr<ExchangeState>& state, HttpResponse response) {
  if (current_ != state || phase_ != Phase::kWorking) return;
  if (response.close || draining()) keep_alive_ = false;
  std::string head = Head(response, /*chunked=*/false);
  const bool bodyless = head_request_ || response.status == 204 || response.status == 304;
  current_ = nullptr;
  later_.cancel();
  WriteAll(std::move(head), bodyless ? std::string() : std::move(response.body));
}

void Connection::WriteAll(std::string head, std::string body) {
  phase_ = Phase::kWriting;
  out_head_ = std::move(head);
  out_body_ = std::move(body);
  Limit(core_->options.write_time_max);
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(out_head_),
                                                     asio::buffer(out_body_)};
  asio::async_write(socket_, buffers, [self = shared_from_this()](error_code error, size_t) {
    if (self->phase_ == Phase::kClosed) return;
    if (error) return self->Close();
    self->AnswerDone();
  });
}

void Connection::BeginStream(const std::shared_ptr<ExchangeState>& state, HttpResponse head) {
  if (current_ != state || phase_ != Phase::kWorking) return;
  streaming_ = true;
  chunked_ = http11_;
  last_queued_ = false;
  if (!chunked_ || draining()) keep_alive_ = false;  // The end of the connection is the end.
  queue_.emplace_back(Head(head, chunked_), 0);
  if (!head.body.empty()) {
    state->waiting += head.body.size();
    Piece(state, std::move(head.body), /*last=*/false);
  }
  WriteQueue();
}

void Connection::Piece(const std::shared_ptr<ExchangeState>& state, std::string piece, bool last) {
  if (current_ != state || !streaming_ || last_queued_) return;
  const size_t size = piece.size();
  std::string framed;
  if (size > 0) {
    framed = chunked_ ? absl::StrCat(absl::Hex(size), "\r\n", piece, "\r\n") : std::move(piece);
  }
  if (last) {
    last_queued_ = true;
    if (chunked_) framed += "0\r\n\r\n";
  }
  if (head_request_) framed.clear();
  queue_.emplace_back(std::move(framed), size);
  WriteQueue();
}

void Connection::WriteQueue() {
  if (writing_ || phase_ == Phase::kClosed) return;
  if (queue_.empty()) {
    if (!last_queued_) return;
    streaming_ = false;
    current_ = nullptr;
    later_.cancel();
    return AnswerDone();
  }
  writing_ = true;
  Limit(core_->options.write_time_max);
  asio::async_write(socket_, asio::buffer(queue_.front().first),
                    [self = shared_from_this()](error_code error, size_t) {
                      self->writing_ = false;
                      if (self->phase_ == Phase::kClosed) return;
                      if (error) return self->Close();
                      if (self->current_ != nullptr) {
                        self->current_->waiting -= self->queue_.front().second;
                      }
                      self->queue_.pop_front();
                      self->WriteQueue();
                    });
}

void Connection::After(const std::shared_ptr<ExchangeState>& state, absl::Duration delay,
                       std::function<void()> then) {
  if (current_ != state) return;
  later_.expires_after(absl::ToChronoNanoseconds(delay));
  later_.async_wait([self = shared_from_this(), state, then = std::move(then)](error_code error) {
    if (!error && self->current_ == state) then();
  });
}

void Connection::AnswerDone() {
  out_body_.clear();
  if (lingers_) return Linger();
  if (!keep_alive_) {
    // Say that no more comes and wait for the client's end, so that nothing it
    // is still sending resets the connection under the answer.
    return Linger();
  }
  NextRequest();
}

void Connection::Linger() {
  phase_ = Phase::kLingering;
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  buffer_.consume(buffer_.size());
  Limit(kLingerTimeMax);
  Read();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              Handler handler, Refusal refusal) {
  auto core = std::make_shared<Core>(std::move(options), std::move(handler), std::move(refusal));
  if (absl::Status status = core->Listen(); !status.ok()) return status;
  return std::unique_ptr<HttpServer>(std::make_unique<Server>(std::move(core)));
}

}  // namespace weft::gateway
