// What `lockstep verify` is told by flags of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

struct VerifyInput {
    std::vector<std::size_t> ranks{1, 2, 3, 4};
    std::size_t steps = 20;
    std::vector<std::size_t> threads;  ///< none: as the configuration has it
    std::vector<std::string> shards;   ///< of comm.shard; none: as the configuration has it
    /// The words before the number of ranks and the program.
    std::vector<std::string> launcher{"mpirun", "--oversubscribe", "--bind-to", "none", "-n"};
};

/// Throws ConfigError that names the flag. Flags that it does not know are left alone.
void set_verify_flag(VerifyInput& verify, std::string_view name, const std::string& value);

}  // namespace lockstep
