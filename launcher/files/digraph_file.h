// Digraphs as text, in the manner of weights_file.h.
//
//   # A flip-flop: set and reset are held, q is where it was.
//   input  set    mode=clamped       an input that stays as the sample has it
//   input  reset  mode=clamped
//   input  q                         mode=initial: its state at time 0; then it goes on like any neuron
//   edge   q      q  1               from, to, weight
//   edge   set    q  1
//   edge   reset  q  -1
//   output q
//
//   neuron NAME [activation=saturated|step|relu|identity|sigmoid|tanh] [bias=0] [initial=0]
//   input NAME [mode=initial|clamped] [activation=…] [bias=…]
//   output NAME …    in the order of the targets
//   halt NAME        the activity ends as soon as this neuron's state is 1
//
// Inputs stand in the order of a sample's values. Words are separated by blanks; from # on a line is a
// comment. An edge may name neurons of later lines.
#pragma once

#include <filesystem>

#include "core/network/energy/digraph.h"

namespace lockstep {

/// Throws DataError with file:line and the nearest valid spelling: an unknown word, a neuron twice or never
/// given, an edge twice or into a clamped input, no output.
Digraph read_digraph_file(const std::filesystem::path& path);

}  // namespace lockstep
