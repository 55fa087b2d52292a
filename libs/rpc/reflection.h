// grpc.reflection.v1alpha for grpcurl and its like. Behind a flag: it tells
// anybody the whole API.
#pragma once

namespace weft::rpc {

class GrpcServer;

// Registers the method; it describes what `server` has registered by the time
// it is asked, from the descriptors linked into the process.
void RegisterReflection(GrpcServer& server);

}  // namespace weft::rpc
