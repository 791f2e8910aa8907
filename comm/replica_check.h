// Compares the replicas' parameters by their digests, and says which ranks hold others.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "comm/communicator.h"
#include "core/base/digest.h"

namespace lockstep {

/// One layer's parameters on this rank.
struct LayerDigest {
    std::string name;
    Digest128 digest;
};

/// The replicas' parameters differ. Thrown on all ranks alike. Exit code 7.
class ReplicaError : public CollectiveError {
  public:
    explicit ReplicaError(const std::string& message) : CollectiveError(ExitCode::kReplicasDiffer, message) {}
};

/// The digest of the layers' digests and names, in order: 16 bytes that stand for the whole replica.
Digest128 combined_digest(std::span<const LayerDigest> layers);

/// Throws ReplicaError on every rank unless all ranks hold the same layers. The message names the ranks in
/// the minority, with their hosts, and the first layer that differs; if no more than half of the ranks agree,
/// it says that there is no majority and lists the groups. `moment` says when, for the message: "after step
/// 1200".
///
/// Collective. Cost: an allgather of 16 bytes a rank; on a mismatch also one of 16 bytes a layer.
void check_replicas(const Communicator& comm, std::span<const LayerDigest> layers, const std::string& moment);

}  // namespace lockstep
