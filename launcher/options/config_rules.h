// What two sections of the configuration cannot be together: one table, asked by all that reads a
// configuration and by the offers of `lockstep plan`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "launcher/options/config.h"
#include "launcher/options/options.h"

namespace lockstep {

/// A row: where `broken` holds, the configuration is refused with the place of `key` and the reason.
struct ConfigRule {
    std::string_view key;                  ///< whose value is at fault, and stands first in the message
    bool (*broken)(const Config&);         ///< of the values alone
    std::string (*reason)(const Config&);  ///< why, and what to do; asked where the rule is broken
    std::string_view choice = {};  ///< the key whose choice leaves `key` without a reader, where that is why
    bool when_given = false;  ///< a default is never at fault: the key, where given, would have no effect
    std::size_t (*which)(const Config&) = nullptr;  ///< of a repeated key: the value at fault
};

/// Throws ConfigError for the first rule that is broken, with the place of its key.
void check_rules(const Config& config, const ResolvedOptions& options);

/// Whether no rule is broken, of a configuration that no options stand behind: what could be chosen instead.
/// Rules on keys without effect are left out.
bool go_together(const Config& config);

}  // namespace lockstep
