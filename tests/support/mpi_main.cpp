// The entry of the tests that run on several ranks: every rank runs all tests, rank 0 reports, and the worst
// exit code is everybody's. Started with --ranks=N it fails unless there are N: a test on too few ranks tests
// nothing.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <mpi.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <optional>
#include <sstream>
#include <string_view>

#include "comm/mpi_runtime.h"

namespace {

int world_rank() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

/// Prints a failure as soon as it happens: a rank that fails alone leaves the others waiting in a collective
/// call, and the report that the time limit cuts off never comes.
struct ImmediateFailures : doctest::IReporter {
    const doctest::TestCaseData* test = nullptr;

    explicit ImmediateFailures(const doctest::ContextOptions& /*options*/) {}
    void report(const char* file, int line, const char* what) const {
        std::fprintf(stderr, "rank %d: %s:%d: \"%s\": %s\n", world_rank(), file, line,
                     test ? test->m_name : "", what);
    }
    void log_assert(const doctest::AssertData& assertion) override {
        if (assertion.m_failed) report(assertion.m_file, assertion.m_line, assertion.m_expr);
    }
    void test_case_exception(const doctest::TestCaseException& exception) override {
        if (test)
            report(test->m_file.c_str(), static_cast<int>(test->m_line), exception.error_string.c_str());
    }
    void test_case_start(const doctest::TestCaseData& started) override { test = &started; }
    void report_query(const doctest::QueryData& /*data*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
    void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*signature*/) override {}
    void subcase_end() override {}
    void log_message(const doctest::MessageData& /*message*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}
};
REGISTER_LISTENER("immediate_failures", 1, ImmediateFailures);

std::optional<int> ranks_asked_for(int argc, char** argv) {
    constexpr std::string_view kOption = "--ranks=";
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument(argv[i]);
        if (!argument.starts_with(kOption)) continue;
        int ranks = 0;
        const char* end = argument.data() + argument.size();
        const auto result = std::from_chars(argument.data() + kOption.size(), end, ranks);
        if (result.ec == std::errc() && result.ptr == end) return ranks;
    }
    return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
    const lockstep::MpiRuntime mpi(argc, argv);
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    const std::optional<int> ranks = ranks_asked_for(argc, argv);
    if (ranks != size) {
        std::fprintf(stderr, "this test wants --ranks=N and mpirun -np N; there are %d ranks\n", size);
        return 1;
    }

    doctest::Context context(argc, argv);
    std::ostringstream report;
    if (world_rank() != 0) context.setCout(&report);
    int code = context.run();
    if (world_rank() != 0 && code != 0)
        std::cerr << "report of rank " << world_rank() << ":\n" << report.str();
    MPI_Allreduce(MPI_IN_PLACE, &code, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return code;
}
