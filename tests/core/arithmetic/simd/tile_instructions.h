// AMX's tile instructions for a CPU that lacks them, so that the very machine code of bf16_amx.cpp is tested
// everywhere.
#pragma once

#include <csignal>

namespace lockstep::test {

/// Where the CPU or the kernel lacks AMX: while it lives, every tile instruction that a thread meets traps
/// and is carried out by plain code, as Intel's manual defines it (Intel 64 and IA-32 Architectures Software
/// Developer's Manual, volume 2: LDTILECFG, TDPBF16PS, TILELOADD, TILERELEASE, TILESTORED, TILEZERO). What
/// would fault on a CPU with AMX ends the process with a message. Elsewhere it does nothing.
class TileInstructions {
  public:
    TileInstructions();
    ~TileInstructions();
    TileInstructions(const TileInstructions&) = delete;
    TileInstructions& operator=(const TileInstructions&) = delete;

  private:
    bool emulated_;
    struct sigaction before_ {};
};

}  // namespace lockstep::test
