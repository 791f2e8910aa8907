// `lockstep info`: what this build is and what it runs on; under mpirun a line for every rank.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "comm/communicator.h"
#include "comm/mpi_runtime.h"
#include "core/arithmetic/dispatch/amx_support.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/threads.h"
#include "launcher/commands/commands.h"
#include "launcher/options/options_environment.h"
#include "launcher/run/launch_environment.h"
#include "launcher/run/printing.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// What differs from rank to rank.
Json rank_json(const std::string& host) {
    Json sets = Json::array();
    for (const InstructionSet isa : available_instruction_sets()) sets.push_back(name(isa));
    return {{"host", host},
            {"cpu_model", cpu_model()},
            {"instruction_sets", sets},
            {"instruction_set", name(instruction_set())},
            {"amx", why_no_amx().empty() ? "available" : "not used: " + why_no_amx()},
            {"cpus_bound", cpus_allowed()},
            {"threads", read_thread_variable().threads}};
}

Json build_json() {
    return {{"lockstep", kVersion},
            {"build_type", kBuildType},
            {"compiler", compiler()},
            {"mpi_library", MpiRuntime::library_version()}};
}

void print(const Json& json) {
    print_out("lockstep     {} ({}, {})\n", json["lockstep"].get<std::string>(),
              json["build_type"].get<std::string>(), json["compiler"].get<std::string>());
    print_out("MPI library  {}\n", json["mpi_library"].get<std::string>());
    for (std::size_t rank = 0; rank < json["ranks"].size(); ++rank) {
        const Json& of_rank = json["ranks"][rank];
        print_out("rank {:<7} {}: {}, {} in use of {}, bound to {} CPUs, {} threads; AMX {}\n", rank,
                  of_rank["host"].get<std::string>(), of_rank["cpu_model"].get<std::string>(),
                  of_rank["instruction_set"].get<std::string>(),
                  fmt::join(of_rank["instruction_sets"].get<std::vector<std::string>>(), ", "),
                  of_rank["cpus_bound"].get<int>(), of_rank["threads"].get<std::size_t>(),
                  of_rank["amx"].get<std::string>());
    }
}

/// `ranks`: what each says of itself, by rank_json.
void report(const std::vector<std::string>& ranks, bool as_json) {
    Json json = build_json();
    json["ranks"] = Json::array();
    for (const std::string& rank : ranks) json["ranks"].push_back(Json::parse(rank));
    if (as_json) {
        print_json(json);
    } else {
        print(json);
    }
}

}  // namespace

int command_info(Communicator& communicator, const CommandInput& input) {
    const std::vector<std::string> ranks = communicator.allgather(rank_json(communicator.host()).dump());
    if (communicator.rank() == 0) report(ranks, input.json);
    return 0;
}

int command_info_alone(const CommandInput& input) {
    report({rank_json(host_name()).dump()}, input.json);
    return 0;
}

}  // namespace lockstep
