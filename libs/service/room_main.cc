#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/process.h"
#include "libs/service/settings.h"
#include "libs/telemetry/metrics.h"

namespace weft::service {

int RoomMain(int argc, char** argv, RoomSpec spec) {
  CLI::App app("The room " + spec.name + " of Weft.");
  std::string path;
  bool check_only = false;
  bool version = false;
  app.add_option("--config", path, "Settings in YAML, sections 'service' and 'room'");
  app.add_flag("--check_config", check_only, "Checks the settings and exits");
  app.add_flag("--version", version, "Prints the version and exits");
  CLI11_PARSE(app, argc, argv);
  if (version) {
    const telemetry::BuildInfo build = telemetry::GetBuildInfo();
    std::printf("%s %s (%s)\n", spec.name.c_str(), build.version.c_str(),
                build.revision.c_str());
    return 0;
  }
  ProcessOptions options{.name = spec.name};
  absl::Status status =
      config::LoadFile(path, config::ProcessEnvironment(),
                       {{"service", &options.service}, {"room", spec.config.get()}});
  if (status.ok()) {
    const auto settings = MakeSettings(options.service);
    status = settings.ok() && !spec.passes_callers_on ? CheckLogOfOneRoom(*settings)
                                                      : settings.status();
  }
  if (status.ok() && spec.check) status = spec.check(*spec.config);
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s (%s)\n", spec.name.c_str(),
                 std::string(status.message()).c_str(), ReasonOf(status).c_str());
    return 2;
  }
  if (check_only) {
    std::printf("the settings are good\n");
    return 0;
  }
  options.reload = [path, config = spec.config,
                    check = spec.check]() -> absl::StatusOr<v1::ServiceConfig> {
    v1::ServiceConfig service;
    const std::unique_ptr<google::protobuf::Message> room(config->New());
    WEFT_RETURN_IF_ERROR(config::LoadFile(path, config::ProcessEnvironment(),
                                          {{"service", &service}, {"room", room.get()}}));
    if (check) WEFT_RETURN_IF_ERROR(check(*room));
    return service;
  };
  options.rooms.push_back(std::move(spec));
  return RunRooms(std::move(options));
}

}  // namespace weft::service
