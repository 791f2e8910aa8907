// A forecast as `lockstep plan` prints it.
#pragma once

#include <nlohmann/json.hpp>

#include "launcher/forecast/forecast.h"

namespace lockstep {

void print_outlook(const Outlook& outlook, const Config& config);
nlohmann::ordered_json to_json(const Outlook& outlook, const Config& config);

}  // namespace lockstep
