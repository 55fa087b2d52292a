// A room's binary from outside: flags, signals, exit codes.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/rpc/grpc_client.h"
#include "libs/testing/paths.h"
#include "weft/bench/v1/bench.pb.h"

namespace weft::service {
namespace {

constexpr char kEcho[] = "weft.bench.v1.BenchService/Echo";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Child {
 public:
  Child(const testing::TempDir& folder, std::vector<std::string> arguments)
      : out_(folder.path() + "/out"), err_(folder.path() + "/err") {
    const std::string binary = testing::BinDir() + "/service_test_room";
    pid_ = fork();
    if (pid_ == 0) {
      dup2(open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      dup2(open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      std::vector<char*> argv = {const_cast<char*>(binary.c_str())};
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      execv(binary.c_str(), argv.data());
      _exit(127);
    }
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }
  void Signal(int signal) { kill(pid_, signal); }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string out() const { return ReadAll(out_); }
  std::string err() const { return ReadAll(err_); }
  // Watches the log for a line; the log is all a process says from outside.
  bool LogShows(const std::string& text) {
    for (int i = 0; i < 2'000; ++i) {
      if (err().find(text) != std::string::npos) return true;
      if (waitpid(pid_, nullptr, WNOHANG) != 0) return false;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  std::string target() const {
    const std::string log = err();
    const std::string key = "\"target\":\"";
    const size_t at = log.find(key) + key.size();
    return log.substr(at, log.find('"', at) - at);
  }

 private:
  const std::string out_;
  const std::string err_;
  pid_t pid_ = -1;
};

std::string ConfigIn(const testing::TempDir& folder, const std::string& room = "") {
  const std::string path = folder.path() + "/config.yaml";
  std::ofstream(path) << "service:\n  grpc_address: 127.0.0.1:0\n  health_address: none\n"
                         "  admin_address: none\n  drain_pause: 0s\n  drain_grace: 20s\n"
                         "  open_files_min: 64\n  identity: {open_loopback: true}\n"
                         "  data_dir: "
                      << folder.path() << "/data\n  event_log: {embedded_dir: "
                      << folder.path() << "/log}\n"
                      << room;
  return "--config=" + path;
}

TEST_CASE("settings are checked without starting", "[service][main]") {
  const auto [room, code, text] = GENERATE(table<const char*, int, const char*>({
      {"", 0, "the settings are good"},
      {"room: {answer_bytes: 5}\n", 0, "the settings are good"},
      {"room: {answer_bytes: -5}\n", 2, "CONFIG_VALUE_INVALID"},
      {"room: {answer_byte: 5}\n", 2, "nearest known key is 'answer_bytes'"},
      {"rooms: {}\n", 2, "CONFIG_KEY_UNKNOWN"},
  }));
  CAPTURE(room);
  testing::TempDir folder;
  Child child(folder, {ConfigIn(folder, room), "--check_config"});

  CHECK(child.Wait() == code);
  CHECK((child.out() + child.err()).find(text) != std::string::npos);
}

TEST_CASE("a room alone without a log refuses to start and says what to set", "[service][main]") {
  testing::TempDir folder;
  const std::string path = folder.path() + "/config.yaml";
  std::ofstream(path) << "service: {health_address: none, admin_address: none}\n";
  Child child(folder, {"--config=" + path});

  CHECK(child.Wait() == 2);
  CHECK(child.err().find("service.event_log.kafka.bootstrap_servers") != std::string::npos);
  CHECK(child.err().find("EVENT_LOG_MISSING") != std::string::npos);
}

TEST_CASE("a missing file and an unknown flag are usage errors", "[service][main]") {
  testing::TempDir folder;
  {
    Child child(folder, {"--config=/nowhere/x.yaml"});
    CHECK(child.Wait() == 2);
    CHECK(child.err().find("CONFIG_FILE_MISSING") != std::string::npos);
  }
  Child child(folder, {"--nonsense"});
  CHECK(child.Wait() != 0);
}

TEST_CASE("the environment overrides the file", "[service][main]") {
  testing::TempDir folder;
  setenv("WEFT_ROOM__ANSWER_BYTES", "-1", 1);
  Child child(folder, {ConfigIn(folder), "--check_config"});
  unsetenv("WEFT_ROOM__ANSWER_BYTES");

  CHECK(child.Wait() == 2);
}

TEST_CASE("SIGTERM and SIGINT stop in order with exit code 0", "[service][main]") {
  const int signal = GENERATE(SIGTERM, SIGINT);
  testing::TempDir folder;
  Child child(folder, {ConfigIn(folder)});
  REQUIRE(child.LogShows("\"msg\":\"ready\""));

  child.Signal(signal);

  CHECK(child.Wait() == 0);
  CHECK(child.err().find("\"msg\":\"stopped\"") != std::string::npos);
}

TEST_CASE("a second SIGTERM stops at once", "[service][main]") {
  testing::TempDir folder;
  Child child(folder, {ConfigIn(folder)});
  REQUIRE(child.LogShows("\"msg\":\"ready\""));
  rpc::ClientPool pool({});
  const auto client = pool.Room({.room = "echo", .target = child.target()});
  bench::v1::EchoRequest hold;
  hold.set_payload("hold");
  std::promise<absl::Status> end;
  client->CallRaw(kEcho, hold.SerializeAsString(), {.timeout = absl::Minutes(1)},
                  [&](absl::StatusOr<rpc::RawAnswer> answer) { end.set_value(answer.status()); });
  std::promise<void> echoed;  // The held call came before this one.
  client->CallRaw(kEcho, "", {.timeout = absl::Minutes(1)},
                  [&](absl::StatusOr<rpc::RawAnswer>) { echoed.set_value(); });
  echoed.get_future().wait();

  child.Signal(SIGTERM);
  REQUIRE(child.LogShows("\"msg\":\"draining\""));
  child.Signal(SIGTERM);

  CHECK(child.Wait() == 1);
  CHECK(end.get_future().get().code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace weft::service
