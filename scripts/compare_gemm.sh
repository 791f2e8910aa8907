#!/usr/bin/env bash
# Compares the products of a dense layer with OpenBLAS's sgemm and oneDNN's, in turn in one process.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/compare_gemm.sh [--arithmetic fp32|bf16|fp32_amx] [--isa amx|avx512|avx2] [--program FILE]
                               [--seconds S] [--shape M-N-K]
  --arithmetic  lockstep's; in bf16 oneDNN takes bf16 too, OpenBLAS remains sgemm; fp32 where not given
  --isa         what all three are held to; where not given, the widest this CPU has
  --program     a compare_gemm that is built already; where not given, it is built into build/
  --seconds     how long each product is measured; 1 where not given
  --shape       products of (M, N) from chains of K alone
Needs libopenblas-dev and libdnnl-dev. Runs on one CPU, the last one it may use.

A row is one product: NN forward, NT input delta, TN weight gradient. GFLOP/s of lockstep with a weight gradient in one
leaf, and in leaves of 32; of OpenBLAS; of oneDNN by its matmul primitive, and by its sgemm. Then ratios, above 1 where
lockstep is faster: to OpenBLAS; to the faster of oneDNN's two; and of leaves of 32 to one leaf. In bf16 oneDNN's two
are: with the weights converted and packed before the call, as lockstep has them, and with all converted in it. A weight
gradient's operands are always converted in the call.
USAGE
}

isa=
program=
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --isa) isa=${2:?--isa wants amx, avx512 or avx2} && shift ;;
    --program) program=${2:?--program wants a file} && shift ;;
    --arithmetic | --seconds | --shape) arguments+=("$1" "${2:?$1 wants a value}") && shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done

if [ -z "$isa" ]; then
    isa=avx2
    if grep -qw avx512vl /proc/cpuinfo; then isa=avx512; fi
    if grep -qw amx_bf16 /proc/cpuinfo; then isa=amx; fi
fi
# A machine may be set up to hold a library back; the first line of the result says which kernels OpenBLAS took.
unset "${!OPENBLAS_@}" "${!DNNL_@}"
case $isa in
amx | avx512) export LOCKSTEP_ISA=$isa ;;
avx2) export LOCKSTEP_ISA=avx2 OPENBLAS_CORETYPE=Haswell DNNL_MAX_CPU_ISA=AVX2 ;;
*) usage >&2 && exit 2 ;;
esac

if [ -z "$program" ]; then
    cd "$repository"
    cmake --preset release -DBUILD_TESTING=ON >/dev/null
    grep -q 'tests/peers/compare_gemm' build/build.ninja ||
        die "OpenBLAS or oneDNN was not found; install libopenblas-dev and libdnnl-dev"
    cmake --build --preset release --target compare_gemm >&2
    program=build/tests/peers/compare_gemm
fi

cpus=$(taskset -cp $$)
exec taskset -c "${cpus##*[ ,-]}" "$program" "${arguments[@]}"
