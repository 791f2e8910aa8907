"""lockstep as a library: what cmake --install puts down is enough for a program of others, and keeps its promise there."""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import MPIEXEC, PROGRAM, REPOSITORY, ProgramTest, main, run_command, user_environment

BUILD = PROGRAM.parent
CONSUMER = REPOSITORY / "tests" / "consumer"
COMPILER = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE).group(1)


class AsALibrary(ProgramTest):
    def command(self, *words, **changes):
        outcome = run_command(words, self.folder, user_environment(**changes), limit_seconds=300)
        self.assertEqual(outcome.code, 0, outcome)
        return outcome.out

    def install(self):
        self.command("cmake", "--install", BUILD, "--prefix", self.folder / "prefix")
        return self.folder / "prefix"

    def configure(self, *more):
        self.command("cmake", "-S", CONSUMER, "-B", "consumer", f"-DCMAKE_CXX_COMPILER={COMPILER}",
                     "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *more)

    def compile_flags(self):
        commands = json.loads((self.folder / "consumer" / "compile_commands.json").read_text())
        return next(entry["command"] for entry in commands if entry["file"].endswith("consumer.cpp"))

    def digest(self, program, ranks, **changes):
        words = [MPIEXEC, "-np", ranks, "--oversubscribe", "--bind-to", "none", program]
        return self.command(*words, **changes).splitlines()[-1]

    def test_a_project_of_others_finds_the_package_and_has_equal_bits_on_any_ranks_and_instruction_set(self):
        prefix = self.install()
        self.configure(f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
        self.assertNotIn("-Werror", self.compile_flags())
        self.assertNotIn(str(REPOSITORY / "core"), self.compile_flags())
        self.command("cmake", "--build", "consumer")
        program = self.folder / "consumer" / "consumer"
        one = self.digest(program, 1)
        self.assertRegex(one, r"^[0-9a-f]{32} 0\.9")
        self.assertEqual(self.digest(program, 2), one)
        self.assertEqual(self.digest(program, 1, LOCKSTEP_ISA="scalar"), one)
        self.assertEqual(self.digest(program, 2, LOCKSTEP_ISA="scalar"), one)
        self.command(prefix / "bin" / "lockstep", "info")

    def test_a_compiler_asks_pkg_config_and_each_installed_header_has_what_it_includes(self):
        prefix = self.install()
        pc = next(prefix.rglob("lockstep.pc"))
        flags = self.command("pkg-config", "--cflags", "--libs", "lockstep", PKG_CONFIG_PATH=str(pc.parent)).split()
        self.command(COMPILER, CONSUMER / "consumer.cpp", *flags, "-o", "plain")
        self.assertRegex(self.digest(self.folder / "plain", 2), r"^[0-9a-f]{32} 0\.9")
        root = prefix / "include" / "lockstep"
        headers = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.h"))
        self.assertGreater(len(headers), 100)
        self.write("all.cpp", "".join(f'#include "{header}"\n' for header in headers))
        self.command(COMPILER, "-fsyntax-only", "all.cpp", *flags)

    def test_as_a_part_of_another_project_it_has_no_tests_and_leaves_flags_and_build_type_alone(self):
        self.configure(f"-DLOCKSTEP_SOURCE={REPOSITORY}")
        self.assertNotIn("-Werror", self.compile_flags())
        self.assertNotIn("-O3", self.compile_flags())
        self.assertIn("-ffp-contract=off", self.compile_flags())
        cache = (self.folder / "consumer" / "CMakeCache.txt").read_text()
        self.assertRegex(cache, r"(?m)^CMAKE_BUILD_TYPE:\w+=$")
        self.assertIn("Total Tests: 0", self.command("ctest", "-N", "--test-dir", "consumer"))


if __name__ == "__main__":
    main()
