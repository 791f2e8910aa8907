"""The house keeps its order: who includes whom, a README at each door, no file that has grown too long.

The rules are those of README.md, "The house". Each has a twin with a planted fault that it must find.
"""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "core", "comm", "launcher", "configs",
             "scripts", "tests"}
DOORS = ["core", "comm", "launcher", "configs", "scripts", "tests"]

# What the files of a room may include of ours, besides the room's own. A room that is not named is its parent's.
MAY_INCLUDE = {
    "core/base": set(),
    "core/arithmetic": {"core/base", "core/arithmetic/dispatch"},
    "core/arithmetic/dispatch": {"core/base", "core/arithmetic"},
    "core/arithmetic/scalar": {"core/base", "core/arithmetic", "core/arithmetic/dispatch"},
    "core/arithmetic/simd": {"core/base", "core/arithmetic", "core/arithmetic/dispatch", "core/arithmetic/scalar"},
    "core/data": {"core/base", "core/arithmetic"},
    "core/network": {"core/base", "core/arithmetic"},
    "core/training": {"core/base", "core/arithmetic", "core/network"},
    "comm": {"core/base", "core/arithmetic", "core/arithmetic/dispatch"},
    "launcher": {"core/base", "core/arithmetic", "core/arithmetic/dispatch", "core/data", "core/network",
                 "core/training", "comm"},
}
# The launcher's rooms, each of which may include those before it; rooms of one row may include each other.
LAUNCHER_ORDER = [{"options"}, {"run", "files"}, {"exchange"}, {"score", "onnx"}, {"recovery"}, {"telemetry"}, {"train"},
                  {"several"}, {"report"}, {"bench"}, {"forecast"}, {"commands"}]
# Rooms of the launcher that are the program's own, and those of the library, which other programs use without it.
PROGRAM_ROOMS = {"launcher/commands", "launcher/bench", "launcher/forecast", "launcher/onnx", "launcher/report"}
LIBRARY_ROOMS = {"launcher/options", "launcher/train", "launcher/run", "launcher/files", "launcher/exchange",
                 "launcher/score", "launcher/recovery", "launcher/telemetry", "launcher/several"}
# Libraries that must not be known below a floor: (what the #include names, the layers that may).
LIBRARIES = [
    (re.compile(r"mpi\.h$"), {"comm", "launcher"}),
    (re.compile(r"boost/program_options"), {"launcher"}),
]
LONGEST_FILE_LINES = 450
MOST_UNITS = 18  # of a room: a header and its source are one
# What prints past launcher/run/printing.h, which says when output was lost and keeps control characters from a terminal.
PRINTS = re.compile(r"\bfmt::print\(|\bstd::(cout|cerr)\b|\b(std::)?(printf|puts|fprintf)\(")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def layer_of(path):
    """The layer a path relative to the repository lies in, or None: tests may include anything."""
    folder = path.parent.as_posix()
    while folder != ".":
        if folder in MAY_INCLUDE:
            return folder
        folder = Path(folder).parent.as_posix()
    return None


def layering_faults(root, files):
    for path in files:
        layer = layer_of(path)
        if path.suffix not in {".h", ".cpp", ".inl"} or layer is None:
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, target = match.groups()
            place = f"{path}:{number}"
            if quote == '"':
                if not (root / target).exists():
                    yield f"{place}: \"{target}\" is not a path from the repository's root"
                elif layer_of(Path(target)) not in MAY_INCLUDE[layer] | {layer}:
                    yield f"{place}: {layer} must not include {target}"
            for library, layers in LIBRARIES:
                if library.search(target) and layer.split("/")[0] not in layers:
                    yield f"{place}: {layer} must not know {target}"


def launcher_floor(path):
    """The place of a launcher file's room in the order, or None for what lies in no room, as main.cpp."""
    parts = Path(path).parts
    if parts[0] != "launcher" or len(parts) < 3:
        return None
    return next((floor for floor, rooms in enumerate(LAUNCHER_ORDER) if parts[1] in rooms), None)


def launcher_order_faults(root, files):
    for path in files:
        floor = launcher_floor(path)
        if path.suffix not in {".h", ".cpp"} or floor is None:
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            target = launcher_floor(match.group(2)) if match else None
            if target is not None and target > floor:
                yield f"{path}:{number}: {path.parts[1]} must not include {match.group(2)}, which stands on it"


def library_faults(root, files):
    """What is installed must not include what is not."""
    for path in files:
        if path.parent.as_posix() not in LIBRARY_ROOMS:
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and Path(match.group(2)).parent.as_posix() in PROGRAM_ROOMS:
                yield f"{path}:{number}: the library must not include {match.group(2)}, which is the program's own"


def door_faults(root, files):
    for name in sorted({path.parts[0] for path in files}):
        if not name.startswith(".") and name not in TOP_LEVEL:
            yield f"{name}: the top level is fixed; it belongs into one of the folders"
    for folder in DOORS:
        if Path(folder, "README.md") not in files:
            yield f"{folder}/README.md is missing: what lives here, what does not, where to start"


def room_faults(root, files):
    """A room is a folder below core/, comm/ or launcher/ with sources in it."""
    units = {}
    for path in files:
        if path.parts[0] in {"core", "comm", "launcher"} and path.suffix in {".h", ".cpp", ".inl"}:
            units.setdefault(path.parent, set()).add(path.stem)
    for room, names in sorted(units.items()):
        if room / "README.md" not in files:
            yield f"{room}/README.md is missing: what lives here, what does not, where to start"
        if len(names) > MOST_UNITS:
            yield f"{room}: {len(names)} units, more than {MOST_UNITS}; do two things live here?"


def length_faults(root, files):
    for path in files:
        if path.suffix in {".h", ".cpp", ".inl", ".py", ".sh"}:
            lines = len((root / path).read_text().splitlines())
            if lines > LONGEST_FILE_LINES:
                yield f"{path}: {lines} lines, more than {LONGEST_FILE_LINES}; which of its jobs can move out?"


def printing_faults(root, files):
    for path in files:
        if path.suffix not in {".h", ".cpp"} or path.parts[0] != "launcher":
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if PRINTS.search(line):
                yield f"{path}:{number}: prints past launcher/run/printing.h"


def files_of_repository():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY,
                            capture_output=True, text=True)
    if listed.returncode != 0:
        sys.exit(f"this test asks git which files there are: {listed.stderr}")
    paths = [Path(line) for line in listed.stdout.splitlines()]
    return [path for path in paths if (REPOSITORY / path).is_file()]


class TheHouse(unittest.TestCase):
    def setUp(self):
        self.files = files_of_repository()

    def assert_no_faults(self, faults):
        self.assertEqual("\n".join(faults), "")

    def test_each_layer_includes_only_what_it_may(self):
        self.assert_no_faults(layering_faults(REPOSITORY, self.files))

    def test_the_rooms_of_the_launcher_keep_their_order(self):
        self.assert_no_faults(launcher_order_faults(REPOSITORY, self.files))

    def test_the_library_includes_nothing_of_the_program(self):
        self.assert_no_faults(library_faults(REPOSITORY, self.files))

    def test_the_top_level_is_fixed_and_each_door_has_a_readme(self):
        self.assert_no_faults(door_faults(REPOSITORY, self.files))

    def test_each_room_has_a_readme_and_is_not_crowded(self):
        self.assert_no_faults(room_faults(REPOSITORY, self.files))

    def test_no_file_is_too_long(self):
        self.assert_no_faults(length_faults(REPOSITORY, self.files))

    def test_the_launcher_prints_by_one_way(self):
        self.assert_no_faults(printing_faults(REPOSITORY, self.files))


class PlantedFaults(unittest.TestCase):
    """The checks see what they are there to see."""

    def faults(self, check, contents):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in contents.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(check(root, [Path(name) for name in contents]))

    def assert_refused(self, includer, included):
        contents = {includer: f'// x\n#include "{included}"\n', included: ""}
        self.assertEqual(len(self.faults(layering_faults, contents)), 1, f"{includer} including {included}")

    def assert_allowed(self, includer, included):
        contents = {includer: f'#include "{included}"\n', included: ""}
        self.assertEqual(self.faults(layering_faults, contents), [])

    def test_an_include_that_climbs_a_floor_is_found(self):
        self.assert_refused("core/network/a.cpp", "comm/b.h")
        self.assert_refused("core/data/a.h", "core/network/b.h")
        self.assert_refused("core/arithmetic/a.cpp", "core/data/b.h")
        self.assert_refused("core/network/a.cpp", "core/training/b.h")
        self.assert_refused("core/base/a.cpp", "core/arithmetic/b.h")
        self.assert_refused("core/network/a.cpp", "core/arithmetic/scalar/b.h")
        self.assert_refused("comm/a.cpp", "core/arithmetic/simd/b.h")
        self.assert_refused("comm/a.cpp", "core/data/b.h")
        self.assert_refused("comm/a.cpp", "launcher/b.h")
        self.assert_refused("launcher/a.cpp", "tests/support/b.h")

    def test_a_room_that_includes_one_above_it_is_found(self):
        for includer, included in (("options/a.cpp", "train/b.h"), ("options/a.h", "run/b.h"), ("run/a.h", "score/b.h"),
                                   ("score/a.cpp", "train/b.h"), ("bench/a.h", "commands/b.h")):
            contents = {f"launcher/{includer}": f'#include "launcher/{included}"\n'}
            self.assertEqual(len(self.faults(launcher_order_faults, contents)), 1)
            contents = {f"launcher/{included}": f'#include "launcher/{includer}"\n'}
            self.assertEqual(self.faults(launcher_order_faults, contents), [])

    def test_a_library_that_includes_the_program_is_found(self):
        for name in ("commands/commands.h", "bench/bench.h"):
            contents = {"launcher/score/a.h": f'#include "launcher/{name}"\n'}
            self.assertEqual(len(self.faults(library_faults, contents)), 1)
        for includer, included in (("commands/a.h", "bench/bench.h"), ("train/a.h", "score/prepare.h")):
            contents = {f"launcher/{includer}": f'#include "launcher/{included}"\n'}
            self.assertEqual(self.faults(library_faults, contents), [])

    def test_an_include_that_goes_down_is_allowed(self):
        self.assert_allowed("launcher/a.cpp", "comm/b.h")
        self.assert_allowed("launcher/a.cpp", "core/training/b.h")
        self.assert_allowed("comm/a.cpp", "core/arithmetic/b.h")
        self.assert_allowed("core/training/a.cpp", "core/network/b.h")
        self.assert_allowed("core/data/sub/a.cpp", "core/arithmetic/b.h")
        self.assert_allowed("core/data/a.cpp", "core/base/error.h")
        self.assert_allowed("tests/core/a.cpp", "launcher/b.h")

    def test_mpi_and_the_command_line_are_found_in_core(self):
        for header in ("<mpi.h>", "<boost/program_options.hpp>"):
            self.assertEqual(len(self.faults(layering_faults, {"core/data/a.cpp": f"#include {header}\n"})), 1)
        self.assertEqual(len(self.faults(layering_faults, {"comm/a.cpp": "#include <boost/program_options.hpp>\n"})), 1)
        self.assertEqual(self.faults(layering_faults, {"comm/a.cpp": "#include <mpi.h>\n"}), [])

    def test_a_path_that_is_not_from_the_root_is_found(self):
        self.assertEqual(len(self.faults(layering_faults, {"comm/a.cpp": '#include "b.h"\n', "comm/b.h": ""})), 1)

    def test_a_missing_readme_and_a_stray_folder_are_found(self):
        contents = {f"{folder}/README.md": "" for folder in DOORS}
        self.assertEqual(self.faults(door_faults, contents), [])
        del contents["comm/README.md"]
        contents["examples/a.cpp"] = ""
        self.assertEqual(len(self.faults(door_faults, contents)), 2)

    def test_a_crowded_room_and_one_without_readme_are_found(self):
        contents = {"core/a/README.md": ""} | {f"core/a/u{i}.{e}": "" for i in range(MOST_UNITS) for e in ("h", "cpp")}
        self.assertEqual(self.faults(room_faults, contents), [])
        self.assertEqual(len(self.faults(room_faults, contents | {"core/a/one_more.h": ""})), 1)
        del contents["core/a/README.md"]
        self.assertEqual(len(self.faults(room_faults, contents)), 1)
    def test_a_line_that_prints_otherwise_is_found(self):
        for line in ('fmt::print("x");', "std::cout << x;", 'std::fprintf(stderr, "x");', 'puts("x");'):
            self.assertEqual(len(self.faults(printing_faults, {"launcher/a.cpp": line})), 1)
        for line in ('print_out("x");', "std::fputs(line, file);", 'fmt::format("x");'):
            self.assertEqual(self.faults(printing_faults, {"launcher/a.cpp": line}), [])

    def test_a_file_of_one_line_too_many_is_found(self):
        self.assertEqual(self.faults(length_faults, {"core/a.cpp": "\n" * LONGEST_FILE_LINES}), [])
        self.assertEqual(len(self.faults(length_faults, {"core/a.cpp": "\n" * (LONGEST_FILE_LINES + 1)})), 1)


if __name__ == "__main__":
    unittest.main()
