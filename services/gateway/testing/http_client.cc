#include "services/gateway/testing/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace weft::gateway {

HttpClient::HttpClient(int port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Close();
}

HttpClient::~HttpClient() { Close(); }

void HttpClient::Close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool HttpClient::Send(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

bool HttpClient::Fill() {
  char chunk[16384];
  const ssize_t n = ::recv(socket_, chunk, sizeof(chunk), 0);
  if (n <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(n));
  return true;
}

std::string HttpClient::ReceiveUntil(const std::string& until) {
  while (true) {
    const size_t at = buffer_.find(until);
    if (at != std::string::npos) {
      std::string text = buffer_.substr(0, at + until.size());
      buffer_.erase(0, at + until.size());
      return text;
    }
    if (!Fill()) return "";
  }
}

bool HttpClient::Ended() {
  while (Fill()) {
  }
  return true;
}

Reply HttpClient::Receive(bool head) {
  Reply reply;
  const std::string text = ReceiveUntil("\r\n\r\n");
  if (text.size() < 12) return reply;
  const std::vector<std::string> lines = absl::StrSplit(text, "\r\n", absl::SkipEmpty());
  if (!absl::SimpleAtoi(lines[0].substr(9, 3), &reply.status)) return reply;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
    reply.headers[absl::AsciiStrToLower(pair.first)] = pair.second;
  }
  if (head || reply.status == 204 || reply.status == 304) return reply;
  if (reply.Header("transfer-encoding") == "chunked") {
    while (true) {
      const std::string line = ReceiveUntil("\r\n");
      const size_t size = std::strtoul(line.c_str(), nullptr, 16);
      while (buffer_.size() < size + 2 && Fill()) {
      }
      reply.body += buffer_.substr(0, size);
      buffer_.erase(0, std::min(buffer_.size(), size + 2));
      if (size == 0) return reply;
    }
  }
  size_t size = 0;
  if (!absl::SimpleAtoi(reply.Header("content-length"), &size)) return reply;
  while (buffer_.size() < size && Fill()) {
  }
  reply.body = buffer_.substr(0, size);
  buffer_.erase(0, std::min(buffer_.size(), size));
  return reply;
}

Reply HttpClient::Do(const std::string& method, const std::string& target,
                     const std::map<std::string, std::string>& headers, const std::string& body) {
  std::string request = absl::StrCat(method, " ", target, " HTTP/1.1\r\n");
  if (headers.count("Host") == 0) absl::StrAppend(&request, "Host: localhost\r\n");
  for (const auto& [name, value] : headers) absl::StrAppend(&request, name, ": ", value, "\r\n");
  if (!body.empty()) absl::StrAppend(&request, "Content-Length: ", body.size(), "\r\n");
  absl::StrAppend(&request, "\r\n", body);
  Send(request);
  return Receive(method == "HEAD");
}

}  // namespace weft::gateway
